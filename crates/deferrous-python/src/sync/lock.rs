//! `DeferredLock`.

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::{
    primitive::Primitive,
    support::{call_stock, called, fire, require},
};
use crate::{
    interp::{Field, name},
    replaced,
};

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
#[pyclass(frozen, extends = Primitive, subclass, module = "twisted.internet.defer")]
pub struct DeferredLock {
    locked: Field<bool>,
}

#[pymethods]
impl DeferredLock {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let locked = Field::new(false);
        Ok(PyClassInitializer::from(Primitive::new(py)?).add_subclass(DeferredLock { locked }))
    }

    /// Nobody waits for the lock.
    fn __init__(slf: &Bound<'_, Self>) -> PyResult<()> {
        Primitive::initialise(slf.as_super())
    }

    /// Whether somebody has the lock.
    #[getter]
    fn locked(&self, py: Python<'_>) -> bool {
        self.locked.get(py)
    }

    #[setter]
    fn set_locked(&self, py: Python<'_>, locked: bool) {
        self.locked.set(py, locked);
    }

    /// Wait for the lock: a Deferred that fires with it. Cancelling that gives the place up.
    fn acquire<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, lock) = (slf.py(), slf.get());
        if replaced::any(py) {
            return call_stock(slf, name!(py, "DeferredLock.acquire")?);
        }
        if lock.locked.get(py) {
            return Primitive::wait(slf.as_super());
        }
        called(slf, || lock.locked.set(py, true))
    }

    /// Give the lock to the one that has waited longest.
    ///
    /// Raises:
    ///     AssertionError: nobody has the lock.
    fn release(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, lock) = (slf.py(), slf.get());
        require(py, lock.locked.get(py), "Tried to release an unlocked lock")?;
        lock.locked.set(py, false);
        if Primitive::has_waiting(slf.as_super())? {
            lock.locked.set(py, true);
            fire(&Primitive::next(slf.as_super())?, slf)?;
        }
        Ok(())
    }

    /// One that waits was cancelled.
    #[pyo3(name = "_cancelAcquire")]
    fn cancel_acquire(slf: &Bound<'_, Self>, d: &Bound<'_, PyAny>) -> PyResult<()> {
        Primitive::give_up(slf.as_super(), d)
    }
}
