//! What the loop of a reactor is made of, as objects: event loops and delayed calls, which refer to each other.

use std::{io, mem, sync::Arc};

use deferrous::event_loop::{Deadlines, Key, Waiter};
use pyo3::{
    exceptions::PyRuntimeError,
    gc::{PyTraverseError, PyVisit},
    prelude::*,
};

use super::{
    descriptors::{Descriptors, io_error},
    messages::{Messages, new_queue},
    ready::Ready,
    support::support,
};
use crate::{
    interp::{EventRoom, Field, Record, SeenAttributes, Slot, fallible, is_exactly},
    transport::Logging,
};

/// What the loop of a reactor is made of.
///
/// It has the methods of `select.epoll`, which `reactor._poller` has in Twisted.
#[pyclass(frozen, module = "deferrous._core")]
pub struct EventLoop {
    /// What other threads want done. Each job whose result comes here has a reference, until it is done.
    pub queue: Arc<Messages>,
    /// How many of these jobs were handed out since the reactor has waited.
    handed_out: Field<usize>,
    /// Whether the reactor waits for events. Another thread that writes meanwhile has to tell the poller.
    pub(super) waits: Field<bool>,
    /// Absent when the collector has ended it.
    pub(super) parts: Field<Option<Box<Parts>>>,
    /// The replacement, if a program has replaced `reactor._poller`, which is this object.
    pub(super) replaced: Field<Option<Py<PyAny>>>,
    /// `waker` and `wakeUp` of the reactor itself, when it was seen that nobody has replaced them.
    pub(super) own_waker: Field<Option<Box<SeenAttributes<2>>>>,
    /// The contexts of log lines of the thread that runs the reactor. Absent while a stream is in one.
    pub(super) logging: Field<Option<Box<Logging>>>,
}

/// The parts of an event loop.
pub struct Parts {
    pub timed: Timed,
    /// Delayed calls that were set since the last look at the time: one that is due at once waits for the
    /// next turn.
    pub new_timed: Vec<Py<DelayedCall>>,
    pub descriptors: Descriptors,
    /// Events of descriptors that are still to be handled.
    pub ready: Ready,
    /// The room for what a wait tells. Absent during a wait.
    pub events: Option<EventRoom>,
}

impl Parts {
    /// Whether nothing is left of an earlier wait, and nothing is always ready.
    pub fn has_no_events(&self) -> bool {
        self.ready.is_empty() && !self.descriptors.some_always_ready()
    }

    /// What the reactor waits with. A process that was forked off gets its own here, which waits for the
    /// descriptors that the parent's reactor had at the fork, and for what was added since.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for the poller.
    #[inline]
    pub fn waiter(&mut self, queue: &Messages) -> io::Result<Arc<Waiter>> {
        match queue.waiter() {
            Some(waiter) => Ok(waiter),
            None => self.new_waiter(queue),
        }
    }

    #[cold]
    fn new_waiter(&mut self, queue: &Messages) -> io::Result<Arc<Waiter>> {
        let waiter = Arc::new(Waiter::new()?);
        self.descriptors.add_all(waiter.poller())?;
        queue.set_waiter(waiter.clone());
        Ok(waiter)
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.timed.iter().try_for_each(|call| visit.call(call))?;
        self.new_timed
            .iter()
            .try_for_each(|call| visit.call(call))?;
        self.descriptors.traverse(visit)?;
        self.ready.traverse(|object| visit.call(object))
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        // Jobs may still have the queue, but nobody looks into it any more.
        drop(self.queue.close());
    }
}

impl EventLoop {
    /// A loop without anything to do.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for the poller.
    pub fn empty() -> io::Result<Self> {
        let parts = Parts {
            timed: Deadlines::new(),
            new_timed: Vec::new(),
            descriptors: Descriptors::default(),
            ready: Ready::default(),
            events: Some(EventRoom::new()),
        };
        Ok(EventLoop {
            queue: new_queue()?,
            handed_out: Field::new(0),
            waits: Field::new(false),
            parts: Field::new(Some(Box::new(parts))),
            replaced: Field::new(None),
            own_waker: Field::new(None),
            logging: Field::new(None),
        })
    }

    /// Looks at the parts, and changes them. They are out of the event loop meanwhile: `change` runs no Python code.
    ///
    /// # Errors
    ///
    /// A `RuntimeError` if the collector has ended it.
    #[inline]
    pub fn with<R>(&self, py: Python<'_>, change: impl FnOnce(&mut Parts) -> R) -> PyResult<R> {
        let Some(mut parts) = self.parts.take(py) else {
            return Err(collected(py));
        };
        let result = change(&mut parts);
        mem::forget(self.parts.replace(py, Some(parts)));
        Ok(result)
    }

    /// Whether the reactor is known to have one of our wakers, and nothing in the place of `wakeUp`.
    #[inline]
    pub fn knows_waker(&self, reactor: &Bound<'_, PyAny>) -> bool {
        let py = reactor.py();
        let Some(seen) = self.own_waker.take(py) else {
            return false;
        };
        // Setting the method of a waker makes it one of another class.
        let is_known = seen.are_those_of(reactor)
            && matches!(seen.values(), [Some(waker), _] if is_exactly(waker.bind(py), &support().waker_class));
        mem::forget(self.own_waker.replace(py, Some(seen)));
        is_known
    }

    /// What a program has put in the place of `reactor._poller`.
    #[inline]
    pub fn replaced_poller<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.replaced
            .clone_out(py)
            .map(|poller| poller.into_bound(py))
    }

    /// What the reactor waits with.
    pub fn waiter(&self, py: Python<'_>) -> PyResult<Arc<Waiter>> {
        self.with(py, |parts| parts.waiter(&self.queue))?
            .map_err(|error| io_error(py, &error))
    }

    /// Counts a job whose result comes here.
    pub fn hand_out(&self, py: Python<'_>) {
        self.handed_out.set(py, self.handed_out.get(py) + 1);
    }

    /// Whether the only job that is out was handed out since this was last asked.
    pub fn expects_one(&self, py: Python<'_>) -> bool {
        self.handed_out.take(py) == 1 && Arc::strong_count(&self.queue) == 2
    }
}

/// The error of using an object that the collector has ended.
#[cold]
pub fn collected(py: Python<'_>) -> PyErr {
    fallible::error::<PyRuntimeError>(py, "this object was collected as garbage")
}

/// A call that waits for its time; what `reactor.callLater` returns.
///
/// Times are floats, in seconds. It belongs to the thread that runs the reactor. Name, methods and attributes
/// are those of Twisted's DelayedCall, but for `canceller` and `resetter`, and `isinstance` takes it for one.
#[pyclass(frozen, dict, weakref, module = "twisted.internet.base")]
pub struct DelayedCall {
    /// When it is due, in seconds, unless it was delayed since.
    pub(super) time: Field<f64>,
    /// By how much it was delayed, in seconds: that is looked at when it would be due.
    pub(super) delayed_time: Field<f64>,
    /// Its place among the calls that wait.
    pub(super) key: Field<Key>,
    pub(super) called: Field<bool>,
    pub(super) cancelled: Field<bool>,
    /// Absent, with the arguments, when it was cancelled.
    pub(super) function: Part,
    pub(super) arguments: Part,
    /// Where there are any.
    pub(super) keywords: Part,
    /// Absent when the collector has ended the call.
    pub(super) event_loop: Slot<Option<Bound<'static, EventLoop>>>,
    /// What tells the time, in seconds.
    pub(super) seconds: Part,
    /// The code that set the call, and the time. Empty unless records are kept.
    pub record: Record,
}

/// An object that a call has, or has no more.
pub(super) type Part = Slot<Option<Bound<'static, PyAny>>>;

/// The delayed calls that wait, by the time of each, as `waiting::deadline` has it.
pub type Timed = Deadlines<Py<DelayedCall>>;
