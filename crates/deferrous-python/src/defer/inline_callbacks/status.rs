//! What cancelling a coroutine needs to know: what it waits for, and which Deferred gets its result.
//!
//! It is not the driver: the Deferred of the result keeps its canceller, and is not to keep the
//! generator. That is kept by the Deferred which is waited for, and ends with it.

use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyAssertionError, PyRuntimeError, PyTypeError},
    prelude::*,
    types::PyTuple,
};

use super::super::{
    callback_queue,
    cancel::call_cancel,
    deferred::{Callback, Called, Canceller, Deferred, Native, NativeCanceller, Side},
    firing,
    kinds::{Method, as_deferred},
    making,
    parts::DeferredParts,
};
use crate::{
    interp::{Life, Memory, Slot, deeper, fallible, make, name},
    replaced,
    twisted::objects,
};

/// What cancelling needs to know; Twisted's `_CancellationStatus`.
#[pyclass(frozen, name = "_Cancellation", module = "twisted.internet.defer")]
pub struct Status {
    /// What the generator's result goes to; another one after each cancellation.
    deferred: Slot<Option<Bound<'static, Deferred>>>,
    waiting_on: Slot<Option<Bound<'static, Deferred>>>,
}

static MEMORY: Memory = Memory::new();

impl Life for Status {
    type Last = Bound<'static, PyAny>;

    fn memory() -> &'static Memory {
        &MEMORY
    }
}

/// The status as the canceller of a Deferred.
static CANCELLER: NativeCanceller = NativeCanceller {
    cancel: |status, deferred| start_cancelling(status.cast()?, deferred),
    show: |status| status.getattr(name!(status.py(), "cancel")?),
};

/// The callback that cancelling adds.
static CANCELLED: Native = Native {
    call: |status, _, failure, _| Called::returned(failure.py(), call_cancelled(status, failure)),
    show: |status, _| {
        let cancelled = status.getattr(name!(status.py(), "cancelled")?)?;
        let both = (cancelled, PyTuple::empty(status.py()));
        Ok([both.clone(), both])
    },
};

/// The error of a coroutine that the collector has ended.
#[cold]
pub fn ended(py: Python<'_>) -> PyErr {
    let message = "the coroutine was collected as garbage and cannot go on";
    fallible::error::<PyRuntimeError>(py, message)
}

impl Status {
    /// The status of a coroutine whose result goes to `deferred`, which it is the canceller of.
    pub fn make<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Bound<'py, Self>> {
        let status = make(deferred.py(), || Status {
            deferred: Slot::new(Some(deferred.clone())),
            waiting_on: Slot::new(None),
        })?;
        status.get().cancels(&status, deferred);
        Ok(status)
    }

    /// Makes this the canceller of `deferred`.
    fn cancels<'py>(&self, status: &Bound<'py, Self>, deferred: &Bound<'py, Deferred>) {
        let canceller = Canceller {
            target: status.as_any().clone(),
            native: Some(&CANCELLER),
        };
        deferred.get().canceller.set(deferred.py(), Some(canceller));
    }

    /// The Deferred that the generator's result goes to.
    #[inline(always)]
    pub fn deferred<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Deferred>> {
        self.deferred.clone_out(py).ok_or_else(|| ended(py))
    }

    /// Notes the Deferred that the generator waits for.
    #[inline(always)]
    pub fn set_waiting_on<'py>(&self, deferred: Bound<'py, Deferred>) {
        self.waiting_on.set(deferred.py(), Some(deferred));
    }
}

/// Cancels the Deferred that stands for the whole.
///
/// It fails with an error that only its first callback sees, which is put before all others.
fn start_cancelling<'py>(
    status: &Bound<'py, Status>,
    deferred: &Bound<'py, Deferred>,
) -> PyResult<()> {
    let py = status.py();
    if replaced::any(py) {
        let add = replaced::look_up(py, name!(py, "_addCancelCallbackToDeferred")?)?;
        add.call1((deferred, status))?;
        return Ok(());
    }
    if deferred.overrides(Method::AddErrback) {
        add_first_by_method(status, deferred)?;
    } else {
        let callback = Callback::Native {
            side: Side::Errback,
            index: 0,
            native: &CANCELLED,
            target: status.as_any().clone(),
        };
        callback_queue::push_front(deferred, callback)?;
    }
    let error = objects(py).internal_cancelled.bind(py).call0()?;
    firing::call_errback(deferred, Some(&error))
}

/// Adds the callback before all others by a method that a program has replaced.
#[cold]
fn add_first_by_method<'py>(
    status: &Bound<'py, Status>,
    deferred: &Bound<'py, Deferred>,
) -> PyResult<()> {
    let py = status.py();
    let others = callback_queue::as_list(deferred)?;
    callback_queue::set_list(deferred, fallible::list(py)?);
    let cancelled = status.getattr(name!(py, "cancelled")?)?;
    deferred.call_method1(name!(py, "addErrback")?, (cancelled,))?;
    let all = callback_queue::as_list(deferred)?;
    all.call_method1(name!(py, "extend")?, (others,))?;
    Ok(())
}

/// Twisted's `_handleCancelInlineCallbacks`, which cancelling adds as an errback. It cancels the Deferred that the
/// generator waits for, and returns a new Deferred for the generator's result.
#[cold]
fn call_cancelled<'py>(
    status: &Bound<'py, PyAny>,
    failure: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = status.py();
    if replaced::any(py) {
        let handle = replaced::look_up(py, name!(py, "_handleCancelInlineCallbacks")?)?;
        return handle.call1((failure, status));
    }
    let status = status.cast::<Status>()?;
    failure.call_method1(name!(py, "trap")?, (&objects(py).internal_cancelled,))?;
    let deferred = making::unfired(py, None)?;
    status.get().cancels(status, &deferred);
    status.get().deferred.set(py, Some(deferred));
    match status.get().waiting_on.clone_out(py) {
        Some(awaited) => deeper(py, || call_cancel(&awaited))?,
        None => return Err(PyAssertionError::new_err(())),
    }
    status.get().deferred(py).map(Bound::into_any)
}

/// The Deferred that an attribute is set to.
fn required<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Deferred>> {
    let message = "a coroutine waits for Deferreds of deferrous only";
    let deferred = as_deferred(value).cloned();
    deferred.ok_or_else(|| fallible::error::<PyTypeError>(value.py(), message))
}

#[pymethods]
impl Status {
    /// Cancel what is waited for.
    #[pyo3(signature = (deferred, /))]
    fn cancel<'py>(slf: &Bound<'py, Self>, deferred: &Bound<'py, PyAny>) -> PyResult<()> {
        let message = "cancel() needs the Deferred that is cancelled";
        let refused = || fallible::error::<PyTypeError>(slf.py(), message);
        let deferred = as_deferred(deferred).ok_or_else(refused)?;
        start_cancelling(slf, deferred)
    }

    /// Turn the cancellation into one of what is waited for.
    #[pyo3(signature = (failure, /))]
    fn cancelled<'py>(
        slf: &Bound<'py, Self>,
        failure: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        call_cancelled(slf, failure)
    }

    /// The Deferred of the result.
    #[getter(deferred)]
    fn get_deferred<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Deferred>> {
        self.deferred(py)
    }

    #[setter(deferred)]
    fn set_deferred(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.deferred.set(value.py(), Some(required(value)?));
        Ok(())
    }

    /// The Deferred that is waited for.
    #[getter(waitingOn)]
    fn get_waiting_on<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Deferred>> {
        self.waiting_on.clone_out(py)
    }

    #[setter(waitingOn)]
    fn set_waiting_on_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_waiting_on(required(value)?);
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.deferred.traverse(&visit)?;
        self.waiting_on.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        let before = (self.deferred.take(py), self.waiting_on.take(py));
        drop(before);
    }
}
