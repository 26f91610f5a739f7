//! `DeferredLock`.

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::{Primitive, by_name, called, fire, require};
use crate::replaced;

/// A lock for programs that wait by Deferreds.
///
///     >>> from twisted.internet.defer import Deferred, DeferredLock
///     >>> lock, first = DeferredLock(), Deferred()
///     >>> done = lock.run(lambda: first), lock.run(print, "my turn")
///     >>> first.callback(None)
///     my turn
///
/// In a coroutine, `async with lock:` takes it. It belongs to the thread that runs the reactor: it is a
/// lock between Deferreds, and not between threads. Twisted has it by the same name.
#[pyclass(extends = Primitive, subclass, module = "twisted.internet.defer")]
pub struct DeferredLock {
    /// Whether somebody has the lock.
    #[pyo3(get, set)]
    locked: bool,
}

#[pymethods]
impl DeferredLock {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Primitive::new(py)).add_subclass(DeferredLock { locked: false })
    }

    /// Nobody has the lock.
    fn __init__(&self) {}

    /// Wait for the lock: a Deferred that fires with it. Cancelling that gives the place up.
    fn acquire<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if replaced::any() {
            let none = PyTuple::empty(slf.py());
            return by_name(slf, "DeferredLock.acquire", &none, None);
        }
        if slf.borrow().locked {
            return Primitive::wait(slf.as_super());
        }
        slf.borrow_mut().locked = true;
        called(slf)
    }

    /// Give the lock to the one that has waited longest.
    ///
    /// Raises:
    ///     AssertionError: nobody has the lock.
    fn release(slf: &Bound<'_, Self>) -> PyResult<()> {
        require(slf.borrow().locked, "Tried to release an unlocked lock")?;
        slf.borrow_mut().locked = false;
        if let Some(next) = Primitive::next(slf.as_super())? {
            slf.borrow_mut().locked = true;
            fire(&next, slf)?;
        }
        Ok(())
    }

    /// One that waits was cancelled.
    #[pyo3(name = "_cancelAcquire")]
    fn cancel_acquire(slf: &Bound<'_, Self>, d: &Bound<'_, PyAny>) -> PyResult<()> {
        Primitive::give_up(slf.as_super(), d)
    }
}
