//! The objects of a loop: the loop itself and its handles, which refer to each other.

use std::{io, mem, sync::Arc};

use deferrous::event_loop::{Deadlines, Key, Waiter};
use pyo3::{
    exceptions::PyRuntimeError,
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::PyTuple,
};

use super::{descriptors::Descriptors, ready::ReadyQueue};
use crate::{
    interp::{Counted, EventRoom, Field, Slot, Traverse, fallible, kept},
    waiting::WaiterSlot,
};

/// The part of asyncio's event loop that is in Rust: handles, timers, descriptors and turns.
///
/// `deferrous.asyncio.Loop` derives from it and from the standard library's loop for selectors.
#[pyclass(frozen, subclass, module = "deferrous.asyncio")]
pub struct LoopCore {
    /// The handles that are to be run.
    pub ready: Py<ReadyQueue>,
    /// The part that waits for events. A fork takes it out.
    pub(super) waiter: Arc<WaiterSlot>,
    /// Absent when the collector has ended the loop.
    pub(super) parts: Field<Option<Box<Parts>>>,
    pub closed: Field<bool>,
    pub stopping: Field<bool>,
    pub debug: Field<bool>,
    /// Whether it waits for events: what is to be run then needs it to be woken.
    pub(super) waits: Field<bool>,
    /// The number of the thread that runs it; 0 if none does.
    pub(super) thread: Field<u64>,
    /// The resolution of the clock, in seconds.
    pub(super) resolution: Field<f64>,
    /// The methods that a program has replaced on the loop itself, as a set of the constants of `hooks`.
    pub(super) replaced_on_loop: Field<u16>,
    /// `loop._selector`, and the one that stands for the descriptors of this loop.
    selector: Field<Option<Py<PyAny>>>,
    own_selector: Field<Option<Py<PyAny>>>,
    /// Whether they are the same.
    has_own_selector: Field<bool>,
    /// The handle that runs, in debug mode.
    pub(super) current_handle: Field<Option<Py<PyAny>>>,
}

/// The parts of a loop.
pub struct Parts {
    pub timers: Timers,
    pub descriptors: Descriptors,
    /// The room for what a wait tells. Absent during a wait.
    pub events: Option<EventRoom>,
}

/// The timers, by the time of each.
pub type Timers = Deadlines<Py<TimerHandle>>;

impl Parts {
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.timers.iter().try_for_each(|timer| visit.call(timer))?;
        self.descriptors.traverse(visit)
    }
}

impl LoopCore {
    /// A loop without anything to do.
    pub fn empty(py: Python<'_>) -> PyResult<Self> {
        let parts = Parts {
            timers: Deadlines::new(),
            descriptors: Descriptors::default(),
            events: Some(EventRoom::new()),
        };
        Ok(LoopCore {
            ready: Py::new(py, ReadyQueue::new())?,
            waiter: WaiterSlot::new(),
            parts: Field::new(Some(Box::new(parts))),
            closed: Field::new(false),
            stopping: Field::new(false),
            debug: Field::new(false),
            waits: Field::new(false),
            thread: Field::new(0),
            resolution: Field::new(0.0),
            replaced_on_loop: Field::new(0),
            selector: Field::new(None),
            own_selector: Field::new(None),
            has_own_selector: Field::new(false),
            current_handle: Field::new(None),
        })
    }

    /// Looks at the parts, and changes them. They are out of the loop meanwhile: `change` runs no Python code.
    ///
    /// # Errors
    ///
    /// A `RuntimeError` if the collector has ended it.
    #[inline]
    pub fn with<R>(&self, py: Python<'_>, change: impl FnOnce(&mut Parts) -> R) -> PyResult<R> {
        let Some(mut parts) = self.parts.take(py) else {
            let message = "this event loop was collected as garbage";
            return Err(fallible::error::<PyRuntimeError>(py, message));
        };
        let result = change(&mut parts);
        mem::forget(self.parts.replace(py, Some(parts)));
        Ok(result)
    }

    /// The part that waits for events. It is made when it is first needed, and again in a forked process.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for it.
    #[inline]
    pub fn waiter(&self, parts: &mut Parts) -> io::Result<Arc<Waiter>> {
        match self.waiter.get() {
            Some(waiter) => Ok(waiter),
            None => self.new_waiter(parts),
        }
    }

    #[cold]
    fn new_waiter(&self, parts: &mut Parts) -> io::Result<Arc<Waiter>> {
        let waiter = Arc::new(Waiter::new()?);
        parts.descriptors.add_all(waiter.poller())?;
        self.waiter.set(waiter.clone());
        Ok(waiter)
    }

    /// Whether the selector is that of this loop, and not one that a program has set.
    #[inline]
    pub fn has_own_selector(&self, py: Python<'_>) -> bool {
        self.has_own_selector.get(py)
    }

    /// `loop._selector`.
    pub fn selector<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.selector.clone_out(py).map(|it| it.into_bound(py))
    }

    /// The selector that stands for the descriptors of this loop.
    pub fn own_selector<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.own_selector.clone_out(py).map(|it| it.into_bound(py))
    }

    /// Sets `loop._selector`.
    pub fn set_selector(&self, py: Python<'_>, selector: Option<Py<PyAny>>) {
        let before = self.selector.replace(py, selector);
        self.compare_selectors(py);
        drop(before);
    }

    /// Sets the selector that stands for the descriptors of this loop.
    pub fn set_own_selector(&self, py: Python<'_>, selector: Option<Py<PyAny>>) {
        let before = self.own_selector.replace(py, selector);
        self.compare_selectors(py);
        drop(before);
    }

    /// Watches nothing any more, and gives the system's descriptors back.
    pub fn close_selector(&self, py: Python<'_>) -> PyResult<()> {
        let descriptors = self.with(py, |parts| mem::take(&mut parts.descriptors))?;
        let own = self.own_selector.take(py);
        self.has_own_selector.set(py, false);
        drop((self.waiter.take(), descriptors, own));
        Ok(())
    }

    fn compare_selectors(&self, py: Python<'_>) {
        let same = match (self.selector(py), self.own_selector(py)) {
            (Some(selector), Some(own)) => selector.is(&own),
            _ => false,
        };
        self.has_own_selector.set(py, same);
    }

    /// Shows the collector what it holds.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.ready)?;
        self.parts
            .traverse_with(visit, |parts, visit| parts.traverse(visit))?;
        self.selector.traverse(visit)?;
        self.own_selector.traverse(visit)?;
        self.current_handle.traverse(visit)
    }

    /// Ends it, for the collector.
    pub fn clear(&self, py: Python<'_>) {
        let selectors = (self.selector.take(py), self.own_selector.take(py));
        let parts = (self.parts.take(py), self.current_handle.take(py));
        self.has_own_selector.set(py, false);
        self.ready.get().clear(py);
        drop((selectors, parts));
    }

    /// Refuses if it is closed.
    #[inline]
    pub fn check_closed(&self, py: Python<'_>) -> PyResult<()> {
        if self.closed.get(py) {
            return Err(fallible::error::<PyRuntimeError>(
                py,
                "Event loop is closed",
            ));
        }
        Ok(())
    }
}

/// A callback that is to be called; what `loop.call_soon` returns.
///
/// It passes for an `asyncio.Handle`.
#[pyclass(frozen, weakref, module = "deferrous.asyncio")]
pub struct Handle {
    pub call: Call,
}

/// A callback that is to be called at a time; what `loop.call_later` and `loop.call_at` return.
///
/// It passes for an `asyncio.TimerHandle`.
#[pyclass(frozen, weakref, module = "deferrous.asyncio")]
pub struct TimerHandle {
    pub call: Call,
    /// When, in seconds by the clock of the loop.
    pub(super) when: f64,
    /// Its place among the timers of the loop.
    pub(super) key: Field<Key>,
    /// Whether it waits for its time.
    pub(super) scheduled: Field<bool>,
}

/// The call of a handle.
pub struct Call {
    /// Absent when the call was cancelled, or the collector has ended the handle.
    pub(super) callback: Slot<Option<Bound<'static, PyAny>>>,
    pub(super) arguments: Slot<Option<CallArguments<'static>>>,
    pub(super) context: Slot<Option<Bound<'static, PyAny>>>,
    pub(super) event_loop: Slot<Option<Bound<'static, LoopCore>>>,
    pub(super) cancelled: Field<bool>,
    /// The stack of whoever asked for the call, in debug mode.
    pub(super) source_traceback: Slot<Option<Bound<'static, PyAny>>>,
    /// The `repr` of the handle when it was cancelled, in debug mode.
    pub(super) last_repr: Slot<Option<Bound<'static, PyAny>>>,
}

/// The arguments of a callback.
#[derive(Clone)]
pub enum CallArguments<'py> {
    None,
    One(Bound<'py, PyAny>),
    Several(Bound<'py, PyTuple>),
}

kept!(CallArguments);

impl Counted for CallArguments<'_> {}

impl Traverse for CallArguments<'_> {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            CallArguments::None => Ok(()),
            CallArguments::One(argument) => argument.traverse(visit),
            CallArguments::Several(arguments) => arguments.traverse(visit),
        }
    }
}
