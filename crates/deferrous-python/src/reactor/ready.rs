//! What has happened to descriptors and has not been handled yet.

use std::{collections::VecDeque, mem, os::fd::RawFd};

use deferrous::event_loop::Event;
use pyo3::{gc::PyTraverseError, prelude::*};

use super::descriptors::Descriptors;

/// The number that epoll has for something to read.
pub const IN: isize = 0x1;
/// The same for room to write.
pub const OUT: isize = 0x4;
/// The same for an error, or the end of a connection.
pub const FAILED: isize = 0x8 | 0x10;

/// What has happened to a descriptor, in the numbers of epoll.
pub fn flags(event: Event) -> isize {
    let flag = |on: bool, number: isize| if on { number } else { 0 };
    flag(event.readable, IN) | flag(event.writable, OUT) | flag(event.failed, FAILED)
}

/// An event that has not been handled yet.
pub struct ReadyEvent {
    pub fd: RawFd,
    pub flags: isize,
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

/// An event that was taken out to be handled, and its selectable.
type Taken<'py> = (ReadyEvent, Option<Bound<'py, PyAny>>);

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

    /// Takes out the next event, with the selectable that it is for, which may be gone.
    pub fn pop<'py>(&mut self, py: Python<'py>, descriptors: &Descriptors) -> Option<Taken<'py>> {
        let event = self.events.pop_front()?;
        let selectable = match &event.always {
            None => descriptors.selectable(py, event.fd, self.registrations),
            Some(selectable) => {
                let interest = descriptors.always_ready_for(selectable);
                let waits = match event.flags {
                    IN => interest.readable,
                    _ => interest.writable,
                };
                waits.then(|| selectable.bind(py).clone())
            }
        };
        Some((event, selectable))
    }

    pub fn traverse(
        &self,
        see: impl FnMut(&Py<PyAny>) -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        let mut always = self.events.iter().filter_map(|event| event.always.as_ref());
        always.try_for_each(see)
    }
}
