//! Everywhere: the crate `polling`.

use std::{
    fmt, io, mem,
    num::NonZeroUsize,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use polling::PollMode;

use super::{Event, Interest};

/// What waits for descriptors. Any thread may use it.
pub struct Poller(polling::Poller);

/// The room for what a wait tells.
pub struct Events(polling::Events);

impl Events {
    /// How many events there usually is room for.
    pub const USUAL: usize = 1024;

    /// Nothing has happened.
    pub fn new() -> Self {
        Self::with_capacity(Self::USUAL)
    }

    /// The same, with room for so many events at once, and for at least one.
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        Events(polling::Events::with_capacity(capacity))
    }

    /// What the last wait told.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.0.iter().map(|event| Event {
            key: event.key / INTERESTS,
            readable: event.readable && event.key & READABLE != 0,
            writable: event.writable && event.key & WRITABLE != 0,
            // On some systems a failure is only told as being readable and writable.
            failed: event.is_interrupt() || event.is_err().unwrap_or(false),
        })
    }
}

/// `polling` tells of a descriptor that has failed or was hung up that it is readable and writable, whatever was
/// asked. So the lowest bits of its keys say what was asked, and the others are our key.
const INTERESTS: usize = 4;
const READABLE: usize = 1;
const WRITABLE: usize = 2;

fn event(key: usize, interest: Interest) -> polling::Event {
    let mut asked = 0;
    if interest.readable || interest.urgent {
        asked |= READABLE;
    }
    if interest.writable {
        asked |= WRITABLE;
    }
    let key = key * INTERESTS + asked;
    let mut event = polling::Event::new(key, interest.readable, interest.writable);
    event.set_priority(interest.urgent);
    event
}

impl Poller {
    /// A poller that waits for nothing yet.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for it.
    pub fn new() -> io::Result<Self> {
        polling::Poller::new().map(Poller)
    }

    /// Has `wait` tell what happens to `fd`, by the number `key`, which is below
    /// `usize::MAX / 4`.
    ///
    /// # Errors
    ///
    /// What the system says: that the descriptor is there already, is closed, or is of a kind that
    /// cannot be polled ([`PermissionDenied`](io::ErrorKind::PermissionDenied)), as regular files.
    pub fn add(&self, fd: BorrowedFd<'_>, key: usize, interest: Interest) -> io::Result<()> {
        // SAFETY: a descriptor that is closed before it is deleted here has the system forget it, or
        // tell of it by a key that nobody knows any more: no memory is behind a key.
        unsafe {
            self.0
                .add_with_mode(&fd, event(key, interest), PollMode::Level)
        }
    }

    /// Changes what is told of `fd`.
    ///
    /// # Errors
    ///
    /// What the system says, for example that the descriptor was not added, or has been closed.
    pub fn modify(&self, fd: BorrowedFd<'_>, key: usize, interest: Interest) -> io::Result<()> {
        self.0
            .modify_with_mode(fd, event(key, interest), PollMode::Level)
    }

    /// Tells nothing of `fd` any more.
    ///
    /// # Errors
    ///
    /// As [`modify`](Self::modify).
    pub fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.0.delete(fd)
    }

    /// Waits until something happens or `timeout` has passed. It may also return for nothing.
    ///
    /// # Errors
    ///
    /// What the system says, [`Interrupted`](io::ErrorKind::Interrupted) by a signal included.
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.0.clear();
        self.0.wait(&mut events.0, timeout).map(drop)
    }

    /// Leaves the poller alone in a process that was forked off, so that the parent's stays as it is.
    ///
    /// Its descriptors stay open: before `polling` closes them, it deletes its own descriptors from
    /// the set that the parent waits for. Where the system has kqueue, a child inherits none.
    pub fn abandon(self) {
        mem::forget(self.0);
    }

    /// Has the wait that is going on, or the next one, return. Any thread may call it.
    ///
    /// # Errors
    ///
    /// What the system says; none is known.
    pub fn wake(&self) -> io::Result<()> {
        self.0.notify()
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Default for Events {
    fn default() -> Self {
        Events::new()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").finish_non_exhaustive()
    }
}
