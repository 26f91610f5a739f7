//! Linux: epoll, with an eventfd to be woken by and a timerfd for times finer than milliseconds.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
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

use super::Event;

/// How many events are taken at once. Others are still true at the next wait.
const BATCH: usize = 256;

/// The key of events that are the poller's own business.
const OWN: u64 = u64::MAX;

pub(in crate::reactor) struct Poller {
    epoll: OwnedFd,
    /// Edge-triggered, as is the timer, so that neither has to be read: each write or expiry is one
    /// event.
    waker: OwnedFd,
    timer: OwnedFd,
}

pub(in crate::reactor) struct Events(Vec<epoll::Event>);

impl Events {
    pub(in crate::reactor) fn new() -> Self {
        Events(Vec::with_capacity(BATCH))
    }

    pub(in crate::reactor) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.0.iter().filter_map(|event| {
            let (flags, key) = (event.flags, event.data.u64());
            let failed = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
            let readable = epoll::EventFlags::IN | epoll::EventFlags::PRI;
            (key != OWN).then(|| Event {
                key: key as usize,
                readable: failed || flags.intersects(readable),
                writable: failed || flags.contains(epoll::EventFlags::OUT),
            })
        })
    }
}

fn flags(event: Event) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::empty();
    flags.set(epoll::EventFlags::IN, event.readable);
    flags.set(epoll::EventFlags::PRI, event.readable);
    flags.set(epoll::EventFlags::OUT, event.writable);
    flags
}

fn data(event: Event) -> epoll::EventData {
    epoll::EventData::new_u64(event.key as u64)
}

impl Poller {
    pub(in crate::reactor) fn new() -> io::Result<Self> {
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

    pub(in crate::reactor) fn add(&self, fd: BorrowedFd<'_>, event: Event) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, data(event), flags(event))?)
    }

    pub(in crate::reactor) fn modify(&self, fd: BorrowedFd<'_>, event: Event) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, data(event), flags(event))?)
    }

    pub(in crate::reactor) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Waits until something happens or `timeout` has passed. It may also return for nothing.
    pub(in crate::reactor) fn wait(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
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

    /// Has the wait that is going on, or the next one, return. Any thread may call it.
    pub(in crate::reactor) fn wake(&self) -> io::Result<()> {
        write(&self.waker, &1_u64.to_ne_bytes())?;
        Ok(())
    }
}
