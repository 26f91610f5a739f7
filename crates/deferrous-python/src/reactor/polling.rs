//! The event loop as `reactor._poller`: the methods of `select.epoll`, and what a program puts in their place.
//!
//! Programs that watch a reactor wrap the object that it waits with, to see when it waits and for how long.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    time::Duration,
};

use deferrous::event_loop::{Events, Interest, Waiter};
use pyo3::{
    exceptions::{PyOSError, PyValueError},
    prelude::*,
    types::PyList,
};

use super::{
    descriptors::io_error,
    names::names,
    ready::{IN, OUT, flags},
    state::EventLoop,
    wait::Wait,
};
use crate::interp::{EventRoom, fallible};

/// The number that epoll has for urgent data.
const PRI: isize = 0x2;

/// What a wait has told: descriptors, with event masks.
pub fn told(events: &Events) -> impl Iterator<Item = (RawFd, isize)> {
    let told = events.iter();
    told.filter_map(|event| Some((RawFd::try_from(event.key).ok()?, flags(event))))
}

/// How long to wait for: `None` is for ever, and so is a negative time, as for the system.
pub fn delay(seconds: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds?).ok()
}

/// What to wait for, as an event mask says.
pub const fn interest(mask: isize) -> Interest {
    Interest {
        readable: mask & IN != 0,
        writable: mask & OUT != 0,
        urgent: mask & PRI != 0,
    }
}

/// The descriptor that a reactor waits with.
pub fn fileno<'py>(py: Python<'py>, waiter: &Waiter) -> PyResult<Bound<'py, PyAny>> {
    let fd = waiter.poller().as_fd().as_raw_fd();
    fallible::int(py, fd.unsigned_abs() as usize)
}

/// `poll(timeout=None, maxevents=-1)`.
pub fn poll<'py>(
    py: Python<'py>,
    event_loop: &EventLoop,
    timeout: Option<f64>,
    most: isize,
) -> PyResult<Bound<'py, PyList>> {
    if most == 0 || most < -1 {
        let text = format!("maxevents must be greater than 0, got {most}");
        return Err(fallible::error::<PyValueError>(py, &text));
    }
    tell_of_writers(py, event_loop)?;
    let mut wait = event_loop
        .with(py, |parts| Wait::prepare(py, event_loop, parts))?
        .map_err(|error| io_error(py, &error))?;
    let told: Vec<_> = match usize::try_from(most) {
        Ok(most) if most < Events::USUAL => {
            let room = std::mem::replace(&mut wait.events, EventRoom::with_capacity(most));
            event_loop.with(py, |parts| parts.events = Some(room))?;
            wait.wait(py, delay(timeout))?;
            self::told(wait.events.get()).collect()
        }
        _ => {
            wait.wait(py, delay(timeout))?;
            let told = self::told(wait.events.get()).collect();
            event_loop.with(py, |parts| parts.events = Some(wait.events))?;
            told
        }
    };
    let list = fallible::list(py)?;
    for (fd, mask) in told {
        let fd = fallible::int(py, fd.unsigned_abs() as usize)?;
        let mask = fallible::int(py, mask.cast_unsigned())?;
        list.append(fallible::tuple(py, [fd, mask])?)?;
    }
    Ok(list)
}

/// Has the poller wait for room for all that is unsent: whoever polls by itself does not send it.
fn tell_of_writers(py: Python<'_>, event_loop: &EventLoop) -> PyResult<()> {
    loop {
        let next = event_loop.with(py, |parts| parts.descriptors.pop_unsent(py))?;
        let Some((fd, writer)) = next else {
            return Ok(());
        };
        if let Some(writer) = writer {
            let told = event_loop.with(py, |parts| {
                let waiter = parts.waiter(&event_loop.queue)?;
                parts
                    .descriptors
                    .wait_for_room(waiter.poller(), fd, &writer)
            })?;
            told.map_err(|error| io_error(py, &error))?;
        }
    }
}

/// Waits with what a program has put in the place of an event loop.
pub fn poll_by_name(
    event_loop: &EventLoop,
    poller: &Bound<'_, PyAny>,
    delay: Option<Duration>,
) -> PyResult<Vec<(RawFd, isize)>> {
    let py = poller.py();
    let timeout = match delay {
        Some(delay) => fallible::float(py, delay.as_secs_f64())?,
        None => fallible::int(py, -1)?,
    };
    // The waker of Twisted's reactors is a selectable, too, so there is at least one.
    let most = event_loop.with(py, |parts| parts.descriptors.count() + 1)?;
    match poller.call_method1(names(py).poll.bind(py), (timeout, fallible::int(py, most)?)) {
        Ok(told) => read_told(&told),
        Err(error) if is_interrupt(py, &error)? => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The value of a list of (fd, event mask).
fn read_told(told: &Bound<'_, PyAny>) -> PyResult<Vec<(RawFd, isize)>> {
    let mut read = Vec::new();
    for pair in told.try_iter()? {
        let pair = pair?;
        let (fd, mask) = (pair.get_item(0)?, pair.get_item(1)?);
        if let Ok(fd) = RawFd::try_from(fd.extract::<isize>()?) {
            read.push((fd, mask.extract()?));
        }
    }
    Ok(read)
}

/// Whether this is what the system says when a signal has come.
fn is_interrupt(py: Python<'_>, error: &PyErr) -> PyResult<bool> {
    if !error.is_instance_of::<PyOSError>(py) {
        return Ok(false);
    }
    let number: Option<isize> = error
        .value(py)
        .getattr(names(py).errno.bind(py))?
        .extract()?;
    let number = number.map(|number| i32::try_from(number).unwrap_or_default());
    Ok(number.is_some_and(|number| {
        io::Error::from_raw_os_error(number).kind() == io::ErrorKind::Interrupted
    }))
}
