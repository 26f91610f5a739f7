//! What a loop wants to know of one descriptor, and what its poller has been told so far.

use std::{cell::Cell, io, os::fd::BorrowedFd};

use super::poller::{Interest, Poller};

/// The interest in one descriptor. It may change any number of times in a turn: the poller is told of the
/// last one only, and not at all if that is the one it knows.
#[derive(Debug)]
pub struct Watched {
    key: usize,
    wanted: Cell<Interest>,
    /// Absent while the poller does not know the descriptor.
    told: Cell<Option<Interest>>,
    /// It is on the loop's [`FlushList`](super::FlushList).
    listed: Cell<bool>,
}

impl Watched {
    /// Nothing is wanted yet, and the poller knows nothing. `key` is what events will have, as in
    /// [`Poller::add`].
    pub const fn new(key: usize) -> Self {
        const NOTHING: Interest = Interest {
            readable: false,
            writable: false,
            urgent: false,
        };
        Watched {
            key,
            wanted: Cell::new(NOTHING),
            told: Cell::new(None),
            listed: Cell::new(false),
        }
    }

    /// What is wanted now.
    pub const fn wanted(&self) -> Interest {
        self.wanted.get()
    }

    /// Wants to know when there is something to read, or no longer.
    pub fn set_readable(&self, readable: bool) {
        let wanted = self.wanted.get();
        self.wanted.set(Interest { readable, ..wanted });
    }

    /// Wants to know when there is room to write, or no longer.
    pub fn set_writable(&self, writable: bool) {
        let wanted = self.wanted.get();
        self.wanted.set(Interest { writable, ..wanted });
    }

    /// Marks it as listed to be flushed. Returns whether it was not before, and so has to be put on the list.
    #[must_use = "what is not put on the list is never flushed"]
    pub fn list(&self) -> bool {
        !self.listed.replace(true)
    }

    /// It has been taken off the list.
    pub fn unlist(&self) {
        self.listed.set(false);
    }

    /// Tells the poller what is wanted, if that is news.
    ///
    /// # Errors
    ///
    /// What the system says; the poller goes on with what it knew.
    pub fn tell(&self, poller: &Poller, fd: BorrowedFd<'_>) -> io::Result<()> {
        let wanted = self.wanted.get();
        match self.told.get() {
            Some(told) if told == wanted => return Ok(()),
            Some(_) => poller.modify(fd, self.key, wanted)?,
            None => poller.add(fd, self.key, wanted)?,
        }
        self.told.set(Some(wanted));
        Ok(())
    }

    /// Has the poller forget the descriptor, of which nothing is told any more, not even that it has failed.
    ///
    /// # Errors
    ///
    /// What the system says, for example that the descriptor was closed. It is forgotten in any case.
    pub fn forget(&self, poller: &Poller, fd: BorrowedFd<'_>) -> io::Result<()> {
        match self.told.take() {
            Some(_) => poller.delete(fd),
            None => Ok(()),
        }
    }
}
