//! Linux: epoll, with an eventfd to be woken by and a timerfd for times finer than milliseconds.

use std::{
    fmt, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, epoll, eventfd},
    io::write,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};

use super::{Event, Interest};

/// How many events are taken at once. Others are still true at the next wait.
const BATCH: usize = 256;

/// The key of events that are the poller's own business.
const OWN: u64 = u64::MAX;

/// What waits for descriptors. Any thread may use it.
pub struct Poller {
    epoll: OwnedFd,
    /// Edge-triggered, as is the timer, so that neither has to be read: each write or expiry is one
    /// event.
    waker: OwnedFd,
    timer: OwnedFd,
}

/// The room for what a wait tells.
pub struct Events(Vec<epoll::Event>);

impl Events {
    /// How many events there usually is room for.
    pub const USUAL: usize = BATCH;

    /// Nothing has happened.
    pub fn new() -> Self {
        Self::with_capacity(Self::USUAL)
    }

    /// The same, with room for so many events at once, and for at least one.
    pub fn with_capacity(capacity: usize) -> Self {
        Events(Vec::with_capacity(capacity.max(1)))
    }

    /// What the last wait told.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.0.iter().filter_map(|event| {
            let (flags, key) = (event.flags, event.data.u64());
            let readable = epoll::EventFlags::IN | epoll::EventFlags::PRI;
            (key != OWN).then(|| Event {
                key: key as usize,
                readable: flags.intersects(readable),
                writable: flags.contains(epoll::EventFlags::OUT),
                failed: flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP),
            })
        })
    }
}

fn flags(interest: Interest) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::empty();
    flags.set(epoll::EventFlags::IN, interest.readable);
    flags.set(epoll::EventFlags::PRI, interest.urgent);
    flags.set(epoll::EventFlags::OUT, interest.writable);
    flags
}

fn data(key: usize) -> epoll::EventData {
    epoll::EventData::new_u64(key as u64)
}

impl Poller {
    /// A poller that waits for nothing yet.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for it.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        for own in [&waker, &timer] {
            let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
            epoll::add(&epoll, own, epoll::EventData::new_u64(OWN), flags)?;
        }
        Ok(Poller {
            epoll,
            waker,
            timer,
        })
    }

    /// Has `wait` tell what happens to `fd`, by the number `key`, which is below
    /// `usize::MAX / 4`.
    ///
    /// # Errors
    ///
    /// What the system says: that the descriptor is there already, is closed, or is of a kind that
    /// cannot be polled ([`PermissionDenied`](io::ErrorKind::PermissionDenied)), as regular files.
    pub fn add(&self, fd: BorrowedFd<'_>, key: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, data(key), flags(interest))?)
    }

    /// Changes what is told of `fd`.
    ///
    /// # Errors
    ///
    /// What the system says, for example that the descriptor was not added, or has been closed.
    pub fn modify(&self, fd: BorrowedFd<'_>, key: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, data(key), flags(interest))?)
    }

    /// Tells nothing of `fd` any more.
    ///
    /// # Errors
    ///
    /// As [`modify`](Self::modify).
    pub fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Waits until something happens or `timeout` has passed. It may also return for nothing.
    ///
    /// # Errors
    ///
    /// What the system says, [`Interrupted`](io::ErrorKind::Interrupted) by a signal included.
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.0.clear();
        let at_once = timeout == Some(Duration::ZERO);
        if let Some(timeout) = timeout
            && !at_once
        {
            self.set_timer(timeout)?;
        }
        let timeout = at_once.then(Timespec::default);
        let room = rustix::buffer::spare_capacity(&mut events.0);
        epoll::wait(&self.epoll, room, timeout.as_ref())?;
        Ok(())
    }

    /// Has a wait return after `timeout`. A timer that is left from an earlier wait is set anew.
    fn set_timer(&self, timeout: Duration) -> io::Result<()> {
        let never = Timespec {
            tv_sec: i64::MAX,
            tv_nsec: 0,
        };
        let timer = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(timeout).unwrap_or(never),
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &timer)?;
        Ok(())
    }

    /// Closes the poller in a process that was forked off, and leaves the parent's as it is.
    pub fn abandon(self) {
        // Closing descriptors changes nothing for the parent, as long as none is deleted.
        drop(self);
    }

    /// Has the wait that is going on, or the next one, return. Any thread may call it.
    ///
    /// # Errors
    ///
    /// What the system says; none is known.
    pub fn wake(&self) -> io::Result<()> {
        write(&self.waker, &1_u64.to_ne_bytes())?;
        Ok(())
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
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
