//! What `await` sends into, and what it sends with: generators without exceptions for what they return.

use std::ptr;

use pyo3::{
    Borrowed, PyClass, exceptions::PyStopIteration, ffi, prelude::*, pyclass::boolean_struct::True,
};

use super::{
    classes::change_slots, fallible, fastcall::enter, object::new_object, token::called_by_pyo3,
};

type Raw = *mut ffi::PyObject;

/// What a step of a generator comes to.
pub enum Sent<'py> {
    Yielded(Bound<'py, PyAny>),
    Returned(Bound<'py, PyAny>),
}

/// Sends a value into a generator, a coroutine or another iterator.
#[inline(always)]
pub fn send<'py>(generator: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<Sent<'py>> {
    let (py, mut result) = (generator.py(), ptr::null_mut());
    // SAFETY: both objects are alive; the interpreter hands out one reference unless it raised.
    unsafe {
        let status = ffi::PyIter_Send(generator.as_ptr(), value.as_ptr(), &raw mut result);
        let Some(result) = Bound::from_owned_ptr_or_opt(py, result) else {
            return Err(fallible::raised(py));
        };
        Ok(match status {
            ffi::PySendResult::PYGEN_RETURN => Sent::Returned(result),
            _ => Sent::Yielded(result),
        })
    }
}

/// Sets the exception by which an iterator says that it ends with this value.
fn stop_with(value: Bound<'_, PyAny>) -> PyResult<()> {
    // The instance is made here, since a tuple or an exception would be taken for its arguments or itself.
    let (py, class) = (value.py(), value.py().get_type::<PyStopIteration>());
    let arguments = match value.is_none() {
        true => fallible::tuple(py, [])?,
        false => fallible::tuple(py, [value.clone()])?,
    };
    let exception = new_object(&class, &arguments)?;
    // SAFETY: it is of that class and alive, and has no value yet; the first call takes over a reference.
    unsafe {
        let fields = exception.as_ptr().cast::<ffi::PyStopIterationObject>();
        (*fields).value = value.into_ptr();
        #[cfg(Py_3_12)]
        ffi::PyErr_SetRaisedException(exception.into_ptr());
        #[cfg(not(Py_3_12))]
        ffi::PyErr_SetObject(class.as_ptr(), exception.as_ptr());
    }
    Ok(())
}

/// That exception.
pub fn stop_iteration(value: Bound<'_, PyAny>) -> PyErr {
    let py = value.py();
    stop_with(value).map_or_else(|error| error, |()| PyErr::fetch(py))
}

/// Whether the object is a coroutine of an `async def`.
#[inline(always)]
pub fn is_native_coroutine(object: &Bound<'_, PyAny>) -> bool {
    ptr::eq(object.get_type_ptr(), &raw mut ffi::PyCoro_Type)
}

/// Whether the object is a generator, whose class cannot be subclassed.
#[inline(always)]
pub fn is_generator(object: &Bound<'_, PyAny>) -> bool {
    ptr::eq(object.get_type_ptr(), &raw mut ffi::PyGen_Type)
}

/// An iterator that says what it returns without an exception, if `await` asks it.
pub trait Awaited: PyClass<Frozen = True> + Sync {
    /// What `__next__` and `send` do.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Sent<'py>>;
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
    // SAFETY: the interpreter calls it on an attached thread, with an object of the class and a place for the result.
    unsafe {
        let py = Python::assume_attached();
        let iterator = Borrowed::from_ptr(py, iterator).cast_unchecked::<T>();
        let (status, value) = match called_by_pyo3(py, || iterator.get().step(py)) {
            Some(Ok(Sent::Yielded(value))) => (ffi::PySendResult::PYGEN_NEXT, value.into_ptr()),
            Some(Ok(Sent::Returned(value))) => (ffi::PySendResult::PYGEN_RETURN, value.into_ptr()),
            Some(Err(error)) => {
                error.restore(py);
                (ffi::PySendResult::PYGEN_ERROR, ptr::null_mut())
            }
            None => (ffi::PySendResult::PYGEN_ERROR, ptr::null_mut()),
        };
        *result = value;
        status
    }
}

/// What a slot does that takes an object and nothing else.
trait Unary {
    /// The class of the object.
    type Class;

    /// What the slot gives, if anything.
    fn call<'py>(this: &Bound<'py, Self::Class>) -> PyResult<Option<Bound<'py, PyAny>>>;
}

/// Such a slot.
///
/// # Safety
///
/// Called by the interpreter, with an object of the class.
unsafe extern "C" fn unary<U: Unary>(this: Raw) -> Raw {
    // SAFETY: the interpreter calls it on an attached thread, with an object of the class that has the slot.
    unsafe {
        enter(Python::assume_attached(), |py| {
            U::call(&Borrowed::from_ptr(py, this).cast_unchecked())
        })
    }
}

/// `tp_iternext`.
struct Next<T>(T);

impl<T: Awaited> Unary for Next<T> {
    type Class = T;

    #[inline(always)]
    fn call<'py>(this: &Bound<'py, T>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match this.get().step(this.py())? {
            Sent::Yielded(value) => Ok(Some(value)),
            // For `None`, nothing has to be set.
            Sent::Returned(value) if value.is_none() => Ok(None),
            Sent::Returned(value) => stop_with(value).map(|()| None),
        }
    }
}

/// Gives the class of an iterator what `await` asks. Nobody has made an object of it yet.
pub fn add_slots<T: Awaited>(py: Python<'_>) {
    change_slots::<T>(py, |class, asynchronous| {
        class.tp_iternext = Some(unary::<Next<T>>);
        asynchronous.am_send = Some(am_send::<T>);
    });
}

/// A class whose objects can be awaited.
pub trait Awaitable: PyClass {
    /// What `await` iterates over.
    fn iterate<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>>;
}

/// `am_await`.
struct Await<T>(T);

impl<T: Awaitable> Unary for Await<T> {
    type Class = T;

    #[inline(always)]
    fn call<'py>(this: &Bound<'py, T>) -> PyResult<Option<Bound<'py, PyAny>>> {
        T::iterate(this).map(Some)
    }
}

/// Has `await` ask objects of a class, which has an `__await__`, with less ado. Nobody has made one yet.
pub fn add_am_await<T: Awaitable>(py: Python<'_>) {
    change_slots::<T>(py, |_, asynchronous| {
        asynchronous.am_await = Some(unary::<Await<T>>)
    });
}
