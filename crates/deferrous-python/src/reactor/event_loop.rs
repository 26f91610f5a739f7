//! The object that holds what a reactor's loop is made of.

use std::{io, mem, sync::Arc};

use deferrous::event_loop::{Deadlines, Events, Waiter};
use pyo3::{
    exceptions::PyRuntimeError,
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::PyList,
};

use super::{
    delayed::{DelayedCall, Timed},
    descriptors::{Descriptors, io_error, rewatch, unwatch, watch},
    messages::{Messages, abandon_inherited, new_queue, wake},
    pending, polling,
    readiness::Ready,
    support,
};
use crate::interp::{EventRoom, Field, count_fork, fallible, file_descriptor};

/// What the loop of a reactor is made of.
///
/// It has the methods of `select.epoll`, which `reactor._poller` has in Twisted.
#[pyclass(frozen, module = "deferrous._core")]
pub struct EventLoop {
    /// What other threads want done. Each job whose result comes here has a reference, until it is done.
    pub queue: Arc<Messages>,
    /// How many of these jobs were handed out since the reactor has waited.
    handed_out: Field<usize>,
    /// Absent when the collector has ended it.
    parts: Field<Option<Box<Parts>>>,
    /// The replacement, if a program has replaced `reactor._poller`, which is this object.
    replaced: Field<Option<Py<PyAny>>>,
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
    pub fn waiter(&self, queue: &Messages) -> io::Result<Arc<Waiter>> {
        match queue.waiter() {
            Some(waiter) => Ok(waiter),
            None => self.new_waiter(queue),
        }
    }

    #[cold]
    fn new_waiter(&self, queue: &Messages) -> io::Result<Arc<Waiter>> {
        let waiter = Arc::new(Waiter::new()?);
        self.descriptors.add_all(waiter.poller())?;
        queue.set_waiter(waiter.clone());
        Ok(waiter)
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.timed.iter().try_for_each(|call| visit.call(call))?;
        self.new_timed
            .iter()
            .try_for_each(|call| visit.call(call))?;
        self.descriptors.traverse(|object| visit.call(object))?;
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
    /// Looks at the parts, and changes them. They are out of the event loop meanwhile: `change` runs no Python code.
    ///
    /// # Errors
    ///
    /// A `RuntimeError` if the collector has ended it.
    #[inline]
    pub fn with<R>(&self, py: Python<'_>, change: impl FnOnce(&mut Parts) -> R) -> PyResult<R> {
        let Some(mut parts) = self.parts.take(py) else {
            return Err(collected());
        };
        let result = change(&mut parts);
        mem::forget(self.parts.replace(py, Some(parts)));
        Ok(result)
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
            .map_err(|error| io_error(&error))
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

#[cold]
fn collected() -> PyErr {
    PyRuntimeError::new_err("this object was collected as garbage")
}

#[pymethods]
impl EventLoop {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        support::load(py)?;
        let parts = Parts {
            timed: Deadlines::new(),
            new_timed: Vec::new(),
            descriptors: Descriptors::default(),
            ready: Ready::default(),
            events: Some(EventRoom(Events::new())),
        };
        Ok(EventLoop {
            queue: new_queue().map_err(|error| io_error(&error))?,
            handed_out: Field::new(0),
            parts: Field::new(Some(Box::new(parts))),
            replaced: Field::new(None),
        })
    }

    /// Have the reactor return from its wait. Any thread may call it.
    fn wake(&self) {
        wake(&self.queue);
    }

    /// Wait for events for up to timeout seconds, and return a list of (fd, event mask).
    ///
    /// It returns earlier for a call from a thread. Only the reactor's thread may call it.
    #[pyo3(signature = (timeout=None, maxevents=-1), text_signature = "($self, timeout=None, maxevents=-1)")]
    fn poll<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<f64>,
        maxevents: isize,
    ) -> PyResult<Bound<'py, PyList>> {
        polling::poll(py, self, timeout, maxevents)
    }

    /// Wait for events of a descriptor.
    #[pyo3(signature = (fd, eventmask=7))]
    fn register(&self, fd: &Bound<'_, PyAny>, eventmask: isize) -> PyResult<()> {
        let waiter = self.waiter(fd.py())?;
        let interest = polling::interest(eventmask);
        watch(waiter.poller(), file_descriptor(fd)?, interest).map_err(|error| io_error(&error))
    }

    /// Wait for other events of a descriptor that is registered.
    fn modify(&self, fd: &Bound<'_, PyAny>, eventmask: isize) -> PyResult<()> {
        let waiter = self.waiter(fd.py())?;
        let interest = polling::interest(eventmask);
        rewatch(waiter.poller(), file_descriptor(fd)?, interest).map_err(|error| io_error(&error))
    }

    /// Wait for no events of a descriptor any more.
    fn unregister(&self, fd: &Bound<'_, PyAny>) -> PyResult<()> {
        let waiter = self.waiter(fd.py())?;
        unwatch(waiter.poller(), file_descriptor(fd)?).map_err(|error| io_error(&error))
    }

    /// The descriptor that the reactor waits with.
    fn fileno<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        polling::fileno(py, &*self.waiter(py)?)
    }

    /// What the reactor waits with: this object, or what a program has put in its place.
    #[getter]
    fn poller<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        slf.get()
            .replaced_poller(slf.py())
            .unwrap_or_else(|| slf.clone().into_any())
    }

    #[setter]
    fn set_poller(slf: &Bound<'_, Self>, poller: &Bound<'_, PyAny>) {
        let replaced = (!poller.is(slf)).then(|| poller.clone().unbind());
        slf.get().replaced.set(slf.py(), replaced);
    }

    /// The descriptors that the system polls: (fd, selectable, whether it reads, whether it writes).
    fn polled<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let polled: Vec<_> = self.with(py, |parts| {
            let polled = parts.descriptors.polled();
            polled
                .map(|(fd, selectable, interest)| (fd, selectable.bind(py).clone(), interest))
                .collect()
        })?;
        let list = fallible::list(py)?;
        for (fd, selectable, interest) in polled {
            let fd = fallible::int(py, fd.unsigned_abs() as usize)?;
            let [reads, writes] = [interest.readable, interest.writable]
                .map(|on| pyo3::types::PyBool::new(py, on).to_owned().into_any());
            list.append(fallible::tuple(py, [fd, selectable, reads, writes])?)?;
        }
        Ok(list)
    }

    /// What waits in one of the queues of Twisted's reactors, as a list.
    ///
    /// The queues are threadCallQueue, _newTimedCalls and _pendingTimedCalls.
    fn pending<'py>(slf: &Bound<'py, Self>, queue: &str) -> PyResult<Bound<'py, PyList>> {
        pending::pending(slf, queue)
    }

    /// Put entries in the place of those of a queue from start to stop.
    ///
    /// Returns those that were there, as a list.
    fn splice<'py>(
        slf: &Bound<'py, Self>,
        queue: &str,
        start: isize,
        stop: isize,
        entries: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        // An index is at least 0.
        let place = [start, stop].map(|index| usize::try_from(index).unwrap_or_default());
        pending::splice(slf, queue, place.into(), entries)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.queue
            .peek(|messages| messages.iter().try_for_each(|m| m.traverse(&visit)))?;
        self.parts
            .traverse_with(&visit, |parts, visit| parts.traverse(visit))?;
        self.replaced.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        drop((
            self.queue.close(),
            self.parts.take(py),
            self.replaced.take(py),
        ));
    }
}

/// Give up what this process shares with the one that it was forked off from.
#[pyfunction]
pub fn after_fork() {
    count_fork();
    abandon_inherited();
}
