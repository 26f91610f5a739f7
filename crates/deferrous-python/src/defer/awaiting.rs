//! What `await deferred` and `yield from deferred` iterate over: the Deferred itself, until it has a
//! result.

use std::ffi::CStr;

use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyAssertionError, PyBaseException, PyRuntimeError, PyStopIteration, PyTypeError},
    prelude::*,
    types::PyTuple,
};

use super::{
    debug_info,
    deferred::Deferred,
    kinds::{Kind, kind},
    making,
    parts::{DeferredParts, no_attribute},
};
use crate::{
    failure::{self, Place},
    interp::{
        Arguments, Awaited, FastMethod, Life, Memory, Sent, Slot, as_called_by_pyo3, fallible,
        make, name, raised, stop_iteration,
    },
    replaced::call_stock,
    twisted::objects,
};

/// What is waited for. It is gone when the result has been handed over.
#[pyclass(frozen, name = "_DeferredIterator", module = "twisted.internet.defer")]
pub struct Awaiting(Slot<Option<Bound<'static, Deferred>>>);

/// An iterator over `deferred`.
pub fn iterate<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyAny>> {
    let iterator = make(deferred.py(), || {
        Awaiting(Slot::new(Some(deferred.clone())))
    })?;
    Ok(iterator.into_any())
}

static MEMORY: Memory = Memory::new();

impl Life for Awaiting {
    type Last = Bound<'static, PyAny>;

    fn memory() -> &'static Memory {
        &MEMORY
    }
}

impl Awaited for Awaiting {
    #[inline]
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Sent<'py>> {
        let Some(deferred) = self.0.take(py) else {
            return Ok(Sent::Returned(py.None().into_bound(py)));
        };
        let result = deferred.result();
        let is_ready = match objects(py).awaits_called {
            true => deferred.get().called.get(py),
            false => result.is_some(),
        };
        if !is_ready || deferred.get().paused.get(py) != 0 {
            self.0.set(py, Some(deferred.clone()));
            return Ok(Sent::Yielded(deferred.into_any()));
        }
        let Some(result) = result else {
            return Err(no_attribute(&deferred, "result"));
        };
        match kind(&result) {
            // An error that is dropped on the way, such as the cause of another one, is to end at once.
            Kind::Failure => Err(as_called_by_pyo3(py, || take_failure(&deferred, &result))),
            _ => Ok(Sent::Returned(result)),
        }
    }
}

/// The exception of a failure that is awaited, which is handled from now on.
fn take_failure<'py>(deferred: &Bound<'py, Deferred>, failure: &Bound<'py, PyAny>) -> PyErr {
    let (py, parts) = (deferred.py(), deferred.get());
    if !parts.had_failure.get(py) && !parts.debug_info.is_some(py) {
        return PyAssertionError::new_err(());
    }
    let name = match name!(py, "raiseException") {
        Ok(name) => name,
        Err(error) => return error,
    };
    debug_info::note(deferred, false);
    match failure::exception_in(failure, name) {
        Some(exception) => {
            failure::add_frames(&exception, Place::Await);
            // What is being handled is its context, as for any statement.
            no_stop_iteration(py, raised(&exception.get_type(), &exception))
        }
        None => match failure.call_method0(name) {
            Err(error) => error,
            Ok(_) => fallible::error::<PyTypeError>(
                py,
                "a failure was asked to raise its exception and did not",
            ),
        },
    }
}

/// A generator cannot raise `StopIteration`.
fn no_stop_iteration(py: Python<'_>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyStopIteration>(py) {
        return error;
    }
    let refused = fallible::error::<PyRuntimeError>(py, "generator raised StopIteration");
    refused.set_cause(py, Some(error.clone_ref(py)));
    refused.set_context(py, Some(error));
    refused
}

/// One step of the iterator, for `__next__`.
#[inline]
fn next<'py>(iterator: &Awaiting, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    match iterator.step(py)? {
        Sent::Yielded(deferred) => Ok(deferred),
        Sent::Returned(value) => Err(stop_iteration(value)),
    }
}

/// The method `send`, which goes on whatever the value is. The interpreter calls it for each result.
pub struct Send;

impl FastMethod for Send {
    type Class = Awaiting;
    const NAME: &'static CStr = c"send";
    const DOC: &'static CStr = c"send($self, value, /)\n--\n\nGo on; the value is not looked at.";

    fn call<'py>(
        this: &Bound<'py, Awaiting>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if arguments.has_keywords() {
            return Err(no_keywords(this.py(), "send"));
        }
        arguments.only("_DeferredIterator.send", "value")?;
        next(this.get(), this.py())
    }
}

/// The method `throw`.
pub struct Throw;

impl FastMethod for Throw {
    type Class = Awaiting;
    const NAME: &'static CStr = c"throw";
    const DOC: &'static CStr = c"throw($self, typ, val=None, tb=None, /)
--

End the wait with an exception.";

    fn call<'py>(
        this: &Bound<'py, Awaiting>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, iterator) = (this.py(), this.get());
        if arguments.has_keywords() {
            return Err(no_keywords(py, "throw"));
        }
        let exception = match arguments.positional() {
            [exception] => exception.cast::<PyBaseException>().ok(),
            _ => None,
        };
        let (Some(exception), true) = (exception, iterator.0.is_some(py)) else {
            return iterator.throw_as_twisted(&arguments.to_tuple()?);
        };
        drop(iterator.0.take(py));
        failure::add_frames(exception, Place::Wait);
        let error = PyErr::from_value(exception.clone().into_any());
        Err(as_called_by_pyo3(py, || no_stop_iteration(py, error)))
    }
}

#[cold]
fn no_keywords(py: Python<'_>, method: &str) -> PyErr {
    let message = format!("_DeferredIterator.{method}() takes no keyword arguments");
    fallible::error::<PyTypeError>(py, &message)
}

impl Awaiting {
    /// Leaves what the arguments mean to the generator of Twisted's Deferreds, which may refuse them and go on.
    #[cold]
    fn throw_as_twisted<'py>(
        &self,
        arguments: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = arguments.py();
        let [next, close, throw, frame] = [
            name!(py, "__next__")?,
            name!(py, "close")?,
            name!(py, "throw")?,
            name!(py, "gi_frame")?,
        ];
        let never = making::unfired(py, None)?;
        let none = fallible::tuple(py, [])?;
        let generator = call_stock(name!(py, "Deferred.__iter__")?, Some(&never), &none, None)?;
        generator.call_method0(if self.0.is_some(py) { next } else { close })?;
        let waiting = self.0.take(py);
        let thrown = generator.call_method1(throw, arguments);
        if generator.getattr(frame).is_ok_and(|frame| !frame.is_none()) {
            self.0.set(py, waiting);
        }
        thrown
    }
}

#[pymethods]
impl Awaiting {
    const fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        next(self, py)
    }

    /// End the wait.
    fn close(&self, py: Python<'_>) {
        drop(self.0.take(py));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.0.take(py));
    }
}
