//! What locks and semaphores have in common: running something while it is one's turn.

use std::ptr;

use pyo3::{
    exceptions::PyTypeError,
    ffi,
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyDict, PyList, PyTuple},
};

use super::{bound, by_name, obj, pop_first, raised, wait};
use crate::{
    defer::{self, Callback, Deferred, Side},
    interp::{CALL_WITH_KEYWORDS, Maybe, Obj, Raw, enter, method},
    replaced,
};

/// The base of locks and semaphores.
#[pyclass(
    subclass,
    dict,
    weakref,
    module = "twisted.internet.defer",
    name = "_Primitive"
)]
pub struct Primitive {
    /// The Deferreds of those who wait for their turn.
    #[pyo3(get, set)]
    pub waiting: Py<PyAny>,
}

impl Primitive {
    /// Nobody waits.
    pub fn new(py: Python<'_>) -> Self {
        Primitive {
            waiting: PyList::empty(py).into_any().unbind(),
        }
    }

    /// Those who wait, as a list that programs may have replaced.
    fn line<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        slf.borrow().waiting.bind(slf.py()).clone()
    }

    /// A Deferred at the end of the line. Cancelling it calls `_cancelAcquire`.
    pub fn wait<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        wait(slf, "_cancelAcquire", &Self::line(slf))
    }

    /// Takes the one out of the line that has waited longest.
    pub fn next<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        pop_first(&Self::line(slf))
    }

    /// Takes one out of the line that does not wait any more.
    pub fn give_up(slf: &Bound<'_, Self>, deferred: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::line(slf)
            .call_method1("remove", (deferred,))
            .map(drop)
    }
}

#[pymethods]
impl Primitive {
    /// Wait for the turn, call something, and give the turn on when the result is there.
    ///
    /// Args:
    ///     f: called with the other arguments. It may return a Deferred or a coroutine.
    ///
    /// Returns:
    ///     a Deferred of its result.
    #[pyo3(signature = (*args, **kwargs), text_signature = "($self, f, /, *args, **kwargs)")]
    fn run<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if replaced::any() {
            return by_name(slf, "_ConcurrencyPrimitive.run", args, kwargs);
        }
        let named = kwargs
            .map(|kwargs| kwargs.get_item("f"))
            .transpose()?
            .flatten();
        let args = match (args.is_empty(), named) {
            (false, None) => args.clone(),
            (false, Some(_)) => {
                return Err(PyTypeError::new_err(
                    "run() got multiple values for argument 'f'",
                ));
            }
            (true, Some(f)) => {
                if let Some(kwargs) = kwargs {
                    kwargs.del_item("f")?;
                }
                PyTuple::new(py, [f])?
            }
            (true, None) => {
                return Err(PyTypeError::new_err(
                    "run() missing 1 required positional argument: 'f'",
                ));
            }
        };
        let acquired = slf.call_method0("acquire")?;
        let kwargs = kwargs.map_or_else(Obj::none, |kwargs| obj(kwargs));
        let call = raised(py, Obj::tuple([obj(slf), obj(&args), kwargs]))?;
        let execute = raised(py, execute_later(&call))?;
        match Deferred::of(&obj(&acquired)) {
            Some(deferred) => {
                raised(py, deferred.call_add_callback(execute)).map(|object| bound(py, object))
            }
            None => acquired.call_method1("addCallback", (bound(py, execute),)),
        }
    }

    /// Give the turn on, and return the argument.
    #[pyo3(name = "_releaseAndReturn")]
    fn release_and_return<'py>(
        slf: &Bound<'py, Self>,
        r: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.call_method0("release")?;
        Ok(r)
    }

    /// Wait for the turn.
    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.call_method0("acquire")
    }

    /// Give the turn on. An exception is not held back.
    fn __aexit__<'py>(
        slf: &Bound<'py, Self>,
        _exc_type: &Bound<'py, PyAny>,
        _exc_value: &Bound<'py, PyAny>,
        _traceback: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if replaced::any() {
            let arguments = PyTuple::new(py, [_exc_type, _exc_value, _traceback])?;
            return by_name(slf, "_ConcurrencyPrimitive.__aexit__", &arguments, None);
        }
        slf.call_method0("release")?;
        let deferred = raised(py, Deferred::fired(Obj::bool(false)))?;
        Ok(bound(py, deferred.into_object()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.waiting)
    }

    fn __clear__(&mut self, py: Python<'_>) {
        self.waiting = py.None();
    }
}

/// Whether an object is a lock or a semaphore.
pub fn is_primitive(object: &Obj) -> bool {
    Python::attach(|py| bound(py, object.clone()).is_instance_of::<Primitive>())
}

/// A callable that, called with the lock, makes the call that waited for it: a builtin function whose
/// `self` is the call.
fn execute_later(call: &Obj) -> Maybe {
    struct Definition(ffi::PyMethodDef);
    // SAFETY: it is never changed, and all that it points to lives for ever.
    unsafe impl Sync for Definition {}
    static EXECUTE: Definition = Definition(method(
        c"execute",
        CALL_WITH_KEYWORDS(execute),
        c"Call what waited.",
    ));
    let definition = (&raw const EXECUTE.0).cast_mut();
    // SAFETY: the definition lives for ever, and is not written to.
    unsafe {
        Obj::owned(ffi::PyCFunction_NewEx(
            definition,
            call.as_ptr(),
            ptr::null_mut(),
        ))
    }
}

/// Whether a callable is one of these: the function that warnings name is Twisted's then.
pub fn is_execute(callable: &Obj) -> bool {
    // SAFETY: the object is alive, and looked at as a builtin function only if it is one.
    unsafe {
        ptr::eq(callable.class(), &raw mut ffi::PyCFunction_Type)
            && ffi::PyCFunction_GetFunction(callable.as_ptr())
                .is_some_and(|function| ptr::eq(function as *const (), execute as *const ()))
    }
}

/// # Safety
/// `call` is the tuple that `execute_later` has put there.
unsafe extern "C" fn execute(call: Raw, _: *const Raw, _: ffi::Py_ssize_t, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with the tuple that was put there: the lock, the positional
    // arguments with the callable before them, and the keywords or None.
    enter(|| unsafe {
        let item = |at| Obj::borrowed(ffi::PyTuple_GET_ITEM(call, at));
        let (lock, arguments, keywords) = (item(0), item(1), item(2));
        let callable = Obj::borrowed(ffi::PyTuple_GET_ITEM(arguments.as_ptr(), 0));
        let count = ffi::PyTuple_GET_SIZE(arguments.as_ptr());
        let rest = Obj::owned(ffi::PyTuple_GetSlice(arguments.as_ptr(), 1, count))?;
        let keywords = if keywords.is(ffi::Py_None()) {
            ptr::null_mut()
        } else {
            keywords.as_ptr()
        };
        if replaced::any() {
            return execute_by_name(&lock, &arguments, keywords);
        }
        let result = Obj::owned(ffi::PyObject_Call(
            callable.as_ptr(),
            rest.as_ptr(),
            keywords,
        ));
        let deferred = defer::maybe(result)?;
        let release = lock.get("_releaseAndReturn")?;
        match Deferred::of(&deferred) {
            Some(ours) if !ours.overrides(crate::defer::Method::AddBoth) => {
                ours.add(Callback::Plain {
                    side: Side::Both,
                    callable: release,
                })?;
                Ok(deferred)
            }
            _ => deferred.call_method(
                &crate::twisted::names().add_both,
                [ptr::null_mut(), release.as_ptr()],
            ),
        }
    })
}

/// As [`execute`], by a function that a program may have replaced.
///
/// # Safety
///
/// `keywords` is null or a dict.
#[cold]
unsafe fn execute_by_name(lock: &Obj, arguments: &Obj, keywords: Raw) -> Maybe {
    let maybe = replaced::value("maybeDeferred")?;
    // SAFETY: the function and the tuple are alive, and the dict is as the caller says.
    let deferred = unsafe {
        Obj::owned(ffi::PyObject_Call(
            maybe.as_ptr(),
            arguments.as_ptr(),
            keywords,
        ))
    }?;
    let release = lock.get("_releaseAndReturn")?;
    let arguments = [ptr::null_mut(), release.as_ptr()];
    deferred.call_method(&crate::twisted::names().add_both, arguments)
}
