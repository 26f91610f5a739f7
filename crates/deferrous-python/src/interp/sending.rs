//! What `await` sends into, and what it sends with: generators without exceptions for what they return.

use pyo3::{
    Borrowed, PyClass,
    exceptions::PyStopIteration,
    ffi,
    impl_::trampoline::{MethodDef, inquiry},
    prelude::*,
    pyclass::boolean_struct::True,
};

use super::fastcall::enter;

type Raw = *mut ffi::PyObject;

/// What a step of a generator comes to.
pub enum Sent<'py> {
    Yielded(Bound<'py, PyAny>),
    Returned(Bound<'py, PyAny>),
}

/// Sends a value into a generator, a coroutine or another iterator.
#[inline(always)]
pub fn send<'py>(generator: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<Sent<'py>> {
    let (py, mut result) = (generator.py(), std::ptr::null_mut());
    // SAFETY: both objects are alive; the interpreter hands out one reference unless it raised.
    unsafe {
        let status = ffi::PyIter_Send(generator.as_ptr(), value.as_ptr(), &raw mut result);
        let result = Bound::from_owned_ptr_or_err(py, result)?;
        Ok(match status {
            ffi::PySendResult::PYGEN_RETURN => Sent::Returned(result),
            _ => Sent::Yielded(result),
        })
    }
}

/// Sets the exception by which an iterator says that it ends with this value; none for `None`.
fn stop_with(value: Bound<'_, PyAny>) -> PyResult<()> {
    if value.is_none() {
        return Ok(());
    }
    // The instance is made here, since a tuple or an exception would be taken for its arguments or itself.
    let class = value.py().get_type::<PyStopIteration>();
    let exception = class.call1((value,))?;
    #[cfg(Py_3_12)]
    // SAFETY: it is an exception, of which the call takes over a reference.
    unsafe {
        ffi::PyErr_SetRaisedException(exception.into_ptr());
    }
    #[cfg(not(Py_3_12))]
    // SAFETY: both are alive.
    unsafe {
        ffi::PyErr_SetObject(class.as_ptr(), exception.as_ptr());
    }
    Ok(())
}

/// Whether the object is a coroutine of an `async def`.
#[inline(always)]
pub fn is_native_coroutine(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the object is alive.
    unsafe { ffi::PyCoro_CheckExact(object.as_ptr()) != 0 }
}

/// Whether the object is a generator.
#[inline(always)]
pub fn is_generator(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the object and the class of generators are alive.
    unsafe { ffi::PyObject_TypeCheck(object.as_ptr(), &raw mut ffi::PyGen_Type) != 0 }
}

/// An iterator that says what it returns without an exception, if `await` asks it.
pub trait Awaited: PyClass<Frozen = True> + Sync {
    /// What `__next__` and `send` do.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Sent<'py>>;
}

/// One call of [`am_send`].
struct Step {
    iterator: Raw,
    result: Raw,
    status: ffi::PySendResult,
}

struct Run<T>(T);

impl<T: Awaited> MethodDef<inquiry::Func> for Run<T> {
    const METH: inquiry::Func = |py, step| {
        // SAFETY: `am_send` calls it with the address of this, since PyO3 does not let others use what runs a function
        // for the interpreter without an object. The iterator is of the class.
        let (step, iterator) = unsafe {
            let step = &mut *step.cast::<Step>();
            let iterator = Borrowed::from_ptr(py, step.iterator);
            (step, iterator.cast_unchecked::<T>())
        };
        (step.status, step.result) = match iterator.get().step(py)? {
            Sent::Yielded(value) => (ffi::PySendResult::PYGEN_NEXT, value.into_ptr()),
            Sent::Returned(value) => (ffi::PySendResult::PYGEN_RETURN, value.into_ptr()),
        };
        Ok(0)
    };
}

/// The slot of that name.
///
/// # Safety
///
/// Called by the interpreter, with an object of the class.
unsafe extern "C" fn am_send<T: Awaited>(
    iterator: Raw,
    _value: Raw,
    result: *mut Raw,
) -> ffi::PySendResult {
    let mut step = Step {
        iterator,
        result: std::ptr::null_mut(),
        status: ffi::PySendResult::PYGEN_ERROR,
    };
    // SAFETY: the interpreter calls it with an object of the class, and a place for the result.
    unsafe {
        inquiry::<Run<T>>((&raw mut step).cast());
        *result = step.result;
    }
    step.status
}

/// `tp_iternext`.
///
/// # Safety
///
/// Called by the interpreter, with an object of the class.
unsafe extern "C" fn iternext<T: Awaited>(iterator: Raw) -> Raw {
    // SAFETY: as the caller says.
    unsafe {
        enter(|py| {
            let iterator = Borrowed::from_ptr(py, iterator).cast_unchecked::<T>();
            match iterator.get().step(py)? {
                Sent::Yielded(value) => Ok(Some(value)),
                Sent::Returned(value) => stop_with(value).map(|()| None),
            }
        })
    }
}

/// Gives the class of an iterator what `await` asks. Nobody has made an object of it yet.
pub fn add_slots<T: Awaited>(py: Python<'_>) {
    // SAFETY: the class is alive, and was made at run time, so it has a table for `await`, which nobody uses yet.
    unsafe {
        let class = T::type_object_raw(py);
        (*class).tp_iternext = Some(iternext::<T>);
        (*(*class).tp_as_async).am_send = Some(am_send::<T>);
    }
}

/// A class whose objects can be awaited.
pub trait Awaitable: PyClass {
    /// What `await` iterates over.
    fn iterate<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>>;
}

/// `am_await`.
///
/// # Safety
///
/// Called by the interpreter, with an object of the class.
unsafe extern "C" fn am_await<T: Awaitable>(this: Raw) -> Raw {
    // SAFETY: as the caller says.
    unsafe { enter(|py| T::iterate(&Borrowed::from_ptr(py, this).cast_unchecked()).map(Some)) }
}

/// Has `await` ask objects of a class, which has an `__await__`, with less ado. Nobody has made one yet.
pub fn add_am_await<T: Awaitable>(py: Python<'_>) {
    // SAFETY: the class is alive, and was made at run time, so it has a table for `await`, which nobody uses yet.
    unsafe { (*(*T::type_object_raw(py)).tp_as_async).am_await = Some(am_await::<T>) };
}
