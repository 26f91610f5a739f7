//! The event loop as programs see it: it stands for the `select.epoll` object of Twisted's reactors.

use std::collections::VecDeque;

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyList, PyTuple},
};

use super::{
    descriptors::io_error,
    messages::wake,
    pending, polling,
    state::EventLoop,
    support::{self, support},
    writing,
};
use crate::{
    interp::{count_fork, fallible, file_descriptor},
    transport::tls,
    waiting::{abandon_inherited, rewatch, unwatch, watch},
};

#[pymethods]
impl EventLoop {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        if support::load(py)? {
            writing::replace_all(support().streams.bind(py))?;
            tls::replace_all(support().for_tls.bind(py))?;
        }
        EventLoop::empty().map_err(|error| io_error(py, &error))
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
        timeout: Option<&Bound<'py, PyAny>>,
        maxevents: isize,
    ) -> PyResult<Bound<'py, PyList>> {
        let timeout = timeout.map(|timeout| timeout.extract()).transpose()?;
        polling::poll(py, self, timeout, maxevents)
    }

    /// Wait for events of a descriptor.
    #[pyo3(signature = (fd, eventmask=7))]
    fn register(&self, fd: &Bound<'_, PyAny>, eventmask: isize) -> PyResult<()> {
        let waiter = self.waiter(fd.py())?;
        let interest = polling::interest(eventmask);
        watch(waiter.poller(), file_descriptor(fd)?, interest)
            .map_err(|error| io_error(fd.py(), &error))
    }

    /// Wait for other events of a descriptor that is registered.
    fn modify(&self, fd: &Bound<'_, PyAny>, eventmask: isize) -> PyResult<()> {
        let waiter = self.waiter(fd.py())?;
        let interest = polling::interest(eventmask);
        rewatch(waiter.poller(), file_descriptor(fd)?, interest)
            .map_err(|error| io_error(fd.py(), &error))
    }

    /// Wait for no events of a descriptor any more.
    fn unregister(&self, fd: &Bound<'_, PyAny>) -> PyResult<()> {
        let waiter = self.waiter(fd.py())?;
        unwatch(waiter.poller(), file_descriptor(fd)?).map_err(|error| io_error(fd.py(), &error))
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

    /// How many there are: delayed calls, those cancelled since they were set included; readers; writers;
    /// and calls from threads.
    ///
    /// Any thread may call it.
    fn sizes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let [timed, readers, writers] = self.with(py, |parts| {
            let [readers, writers] = parts.descriptors.sizes();
            [parts.timed.len() + parts.new_timed.len(), readers, writers]
        })?;
        let calls = self.queue.peek(VecDeque::len);
        let sizes = [timed, readers, writers, calls].map(|size| fallible::int(py, size));
        let sizes = sizes.into_iter().collect::<PyResult<Vec<_>>>()?;
        fallible::tuple_of(py, &sizes)
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
        self.logging
            .traverse_with(&visit, |logging, visit| logging.traverse(visit))?;
        self.own_waker
            .traverse_with(&visit, |seen, visit| seen.traverse(visit))?;
        self.replaced.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        drop((
            self.queue.close(),
            self.parts.take(py),
            self.replaced.take(py),
            self.logging.take(py),
            self.own_waker.take(py),
        ));
    }
}

/// Give up what this process shares with the one that it was forked off from.
#[pyfunction]
pub fn after_fork() {
    count_fork();
    abandon_inherited();
}
