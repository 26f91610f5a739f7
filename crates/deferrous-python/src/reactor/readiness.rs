//! Handling what happens to descriptors: `doRead`, `doWrite`, and the end of a connection.

use std::{collections::VecDeque, mem, os::fd::RawFd};

use deferrous::event_loop::Event;
use pyo3::{gc::PyTraverseError, prelude::*};

use super::{
    class::Reactor,
    descriptors::{Descriptors, fileno},
    event_loop::{EventLoop, Parts},
    names::names,
    support::{Occasion, report_error, support},
};
use crate::interp::fallible;

/// What is told of an event: the numbers that epoll has for them.
const IN: isize = 0x1;
const OUT: isize = 0x4;
const FAILED: isize = 0x8 | 0x10;

/// What has happened to a descriptor, in the numbers of epoll.
pub fn flags(event: Event) -> isize {
    let flag = |on: bool, number: isize| if on { number } else { 0 };
    flag(event.readable, IN) | flag(event.writable, OUT) | flag(event.failed, FAILED)
}

/// An event that has not been handled yet.
pub struct ReadyEvent {
    fd: RawFd,
    flags: isize,
    /// The selectable, if it is one that the system cannot poll and that is always ready.
    always: Option<Py<PyAny>>,
}

impl ReadyEvent {
    fn is_same(&self, other: &ReadyEvent) -> bool {
        match (&self.always, &other.always) {
            (None, None) => self.fd == other.fd,
            (Some(own), Some(others)) => own.is(others) && self.flags == other.flags,
            _ => false,
        }
    }
}

/// The events of the last wait that have not been handled yet.
///
/// An event stays here until it is handled, because the selectable that handles another one may run a turn of
/// the reactor, which handles the rest.
#[derive(Default)]
pub struct Ready {
    events: VecDeque<ReadyEvent>,
    /// How many registrations there had been when the wait began. An event is for a selectable that was there.
    registrations: u64,
}

impl Ready {
    /// Whether all events have been handled.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes over what a wait has told: numbers of descriptors, with flags.
    ///
    /// All descriptors are polled level-triggered. So an earlier event that is not told again has been handled, or
    /// comes again in a later wait. One that is told again keeps its place before the new ones.
    ///
    /// Returns what the caller drops when everything is in order.
    pub fn refill(
        &mut self,
        py: Python<'_>,
        told: impl Iterator<Item = (RawFd, isize)>,
        descriptors: &Descriptors,
        registrations: u64,
    ) -> VecDeque<ReadyEvent> {
        self.registrations = registrations;
        let earlier = mem::take(&mut self.events);
        self.events.extend(told.map(|(fd, flags)| ReadyEvent {
            fd,
            flags,
            always: None,
        }));
        for (fd, selectable, interest) in descriptors.always_ready() {
            for (waits, flags) in [(interest.readable, IN), (interest.writable, OUT)] {
                if waits {
                    let always = Some(selectable.clone_ref(py));
                    self.events.push_back(ReadyEvent { fd, flags, always });
                }
            }
        }
        for event in earlier.iter().rev() {
            if let Some(at) = self.events.iter().position(|new| new.is_same(event))
                && let Some(again) = self.events.remove(at)
            {
                self.events.push_front(again);
            }
        }
        earlier
    }

    pub fn traverse(
        &self,
        see: impl FnMut(&Py<PyAny>) -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        let mut always = self.events.iter().filter_map(|event| event.always.as_ref());
        always.try_for_each(see)
    }
}

/// An event that was taken out to be handled, and the selectable that it is for, which may be gone.
type Taken<'py> = (ReadyEvent, Option<Bound<'py, PyAny>>);

/// Takes out the next event.
fn pop<'py>(py: Python<'py>, parts: &mut Parts) -> Option<Taken<'py>> {
    let event = parts.ready.events.pop_front()?;
    let registrations = parts.ready.registrations;
    let selectable = match &event.always {
        None => parts.descriptors.selectable(py, event.fd, registrations),
        Some(selectable) => {
            let interest = parts.descriptors.always_ready_for(selectable);
            let waits = match event.flags {
                IN => interest.readable,
                _ => interest.writable,
            };
            waits.then(|| selectable.bind(py).clone())
        }
    };
    Some((event, selectable))
}

/// Has the selectables read and write that events are for. One may be removed by another, or its descriptor be
/// used by a new one: the event is then passed over.
pub fn dispatch(reactor: &Bound<'_, PyAny>, event_loop: &Bound<'_, EventLoop>) -> PyResult<()> {
    let py = reactor.py();
    while let Some((event, selectable)) = event_loop.get().with(py, |parts| pop(py, parts))? {
        if let Some(selectable) = selectable {
            handle(reactor, &selectable, event.fd, event.flags)?;
        }
    }
    Ok(())
}

/// Handles one event, with the selectable's prefix on all that is logged.
fn handle(
    reactor: &Bound<'_, PyAny>,
    selectable: &Bound<'_, PyAny>,
    fd: RawFd,
    flags: isize,
) -> PyResult<()> {
    let py = reactor.py();
    let logged = support()
        .log
        .bind(py)
        .getattr(names(py).call_with_logger.bind(py))?;
    let method = reactor.getattr(names(py).do_read_or_write.bind(py))?;
    let fd = fallible::int(py, fd.unsigned_abs() as usize)?;
    let flags = fallible::int(py, flags.cast_unsigned())?;
    logged.call1((selectable, method, selectable, fd, flags))?;
    Ok(())
}

/// `_doReadOrWrite(selectable, fd, event)`.
pub fn do_read_or_write(
    reactor: &Bound<'_, PyAny>,
    selectable: &Bound<'_, PyAny>,
    fd: &Bound<'_, PyAny>,
    event: isize,
) -> PyResult<()> {
    let (py, support) = (reactor.py(), support());
    let (why, in_read) = if event & FAILED != 0 && event & IN == 0 {
        // Whoever reads has read all there was, and sees a clean end.
        let fd = RawFd::try_from(fd.extract::<i64>()?).unwrap_or(-1);
        let event_loop = Reactor::of(reactor)?.event_loop()?;
        let reads = event_loop
            .get()
            .with(py, |parts| parts.descriptors.is_reading(fd))?;
        if reads {
            (support.connection_done.bind(py).clone(), true)
        } else {
            (support.connection_lost.bind(py).clone(), false)
        }
    } else {
        let mut in_read = false;
        let why = read_and_write(selectable, event, &mut in_read).unwrap_or_else(|error| {
            let exception = error.value(py).clone().into_any();
            report_error(py, error, Occasion::Elsewhere, None);
            exception
        });
        (why, in_read)
    };
    if why.is_truthy()? {
        reactor
            .call_method1(
                names(py).disconnect_selectable.bind(py),
                (selectable, why, in_read),
            )
            .map_err(|error| support.frames.disconnect.through(py, error))?;
    }
    Ok(())
}

/// Has the selectable do what the event is for, and notes whether it reads.
///
/// Returns why it is to be disconnected, or something that is not true.
fn read_and_write<'py>(
    selectable: &Bound<'py, PyAny>,
    event: isize,
    in_read: &mut bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, support) = (selectable.py(), support());
    if fileno(selectable)? == -1 {
        return Ok(support.no_descriptor.bind(py).clone());
    }
    let mut why = py.None().into_bound(py);
    if event & IN != 0 {
        why = selectable
            .call_method0(names(py).do_read.bind(py))
            .map_err(|error| support.frames.do_read.through(py, error))?;
        *in_read = true;
    }
    if event & OUT != 0 && (why.is_none() || !why.is_truthy()?) {
        why = selectable
            .call_method0(names(py).do_write.bind(py))
            .map_err(|error| support.frames.do_write.through(py, error))?;
        *in_read = false;
    }
    Ok(why)
}
