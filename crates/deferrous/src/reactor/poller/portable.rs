//! Everywhere: the crate `polling`.

use std::{io, os::fd::BorrowedFd, time::Duration};

use polling::PollMode;

use super::Event;

pub(in crate::reactor) struct Poller(polling::Poller);

pub(in crate::reactor) struct Events(polling::Events);

impl Events {
    pub(in crate::reactor) fn new() -> Self {
        Events(polling::Events::new())
    }

    pub(in crate::reactor) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.0.iter().map(|event| Event {
            key: event.key,
            readable: event.readable,
            writable: event.writable,
        })
    }
}

fn interest(event: Event) -> polling::Event {
    polling::Event::new(event.key, event.readable, event.writable)
}

impl Poller {
    pub(in crate::reactor) fn new() -> io::Result<Self> {
        polling::Poller::new().map(Poller)
    }

    pub(in crate::reactor) fn add(&self, fd: BorrowedFd<'_>, event: Event) -> io::Result<()> {
        // SAFETY: `Descriptors` keeps what owns the descriptor until it has deleted it here.
        unsafe { self.0.add_with_mode(&fd, interest(event), PollMode::Level) }
    }

    pub(in crate::reactor) fn modify(&self, fd: BorrowedFd<'_>, event: Event) -> io::Result<()> {
        self.0
            .modify_with_mode(fd, interest(event), PollMode::Level)
    }

    pub(in crate::reactor) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.0.delete(fd)
    }

    /// Waits until something happens or `timeout` has passed. It may also return for nothing.
    pub(in crate::reactor) fn wait(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        events.0.clear();
        self.0.wait(&mut events.0, timeout).map(drop)
    }

    /// Has the wait that is going on, or the next one, return. Any thread may call it.
    pub(in crate::reactor) fn wake(&self) -> io::Result<()> {
        self.0.notify()
    }
}
