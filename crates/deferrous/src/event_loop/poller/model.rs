//! In the models: a system without descriptors, in which a time never passes by itself.

use std::{io, os::fd::BorrowedFd, sync::atomic::Ordering, time::Duration};

use super::{Event, Interest};
use crate::primitives::{AtomicBool, yield_now};

/// Waits to be woken. That orders nothing: what the loop sees afterwards is up to those who use it.
#[derive(Debug)]
pub struct Poller {
    woken: AtomicBool,
}

/// Nothing ever happens to a descriptor.
#[derive(Debug, Default)]
pub struct Events;

impl Events {
    /// There is no need for more.
    pub const USUAL: usize = 1;

    /// Nothing has happened.
    pub fn new() -> Self {
        Events
    }

    /// The same.
    pub fn with_capacity(_capacity: usize) -> Self {
        Events
    }

    /// No event.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        std::iter::empty()
    }
}

impl Poller {
    /// One that nobody has woken.
    pub fn new() -> io::Result<Self> {
        let woken = AtomicBool::new(false);
        Ok(Poller { woken })
    }

    /// Refuses.
    pub fn add(&self, _fd: BorrowedFd<'_>, _key: usize, _interest: Interest) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Refuses.
    pub fn modify(&self, _fd: BorrowedFd<'_>, _key: usize, _interest: Interest) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Refuses.
    pub fn delete(&self, _fd: BorrowedFd<'_>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Waits to be woken; not at all if `timeout` is zero. If nobody wakes it, the model has no end, which `loom` reports.
    pub fn wait(&self, _events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        while !self.woken.swap(false, Ordering::Relaxed) && timeout != Some(Duration::ZERO) {
            yield_now();
        }
        Ok(())
    }

    /// Nothing is shared with another process.
    pub fn abandon(self) {}

    /// Ends a wait, this one or the next.
    pub fn wake(&self) -> io::Result<()> {
        // A store might come before a wait that is over, and be overwritten by it.
        self.woken.swap(true, Ordering::Relaxed);
        Ok(())
    }
}
