//! Sending what was written: once a turn, before the reactor waits.
//!
//! That is where Twisted's reactors would learn that there is room. Streams are not asked whether there is: that takes one
//! call of the system where Twisted makes four. Of other writers the system is asked for all at once. The poller is told
//! only of those for which there is no room.

use std::os::fd::RawFd;

use pyo3::prelude::*;

use super::{
    descriptors::io_error,
    early_send::{stop_writing, wait_for_room},
    readiness,
    ready::OUT,
    state::EventLoop,
};
use crate::{
    interp::are_writable,
    transport::{Flushed, flush, flushed_descriptor},
};

/// Sends what is unsent. Returns whether code of the program may have run.
pub fn send_all(reactor: &Bound<'_, PyAny>, event_loop: &Bound<'_, EventLoop>) -> PyResult<bool> {
    let (py, parts) = (reactor.py(), event_loop.get());
    // What is written meanwhile waits for the next turn.
    let count = parts.with(py, |parts| parts.descriptors.unsent())?;
    let (mut has_run, mut others) = (false, Vec::new());
    for _ in 0..count {
        let next = parts.with(py, |parts| parts.descriptors.pop_unsent(py))?;
        let Some((fd, Some(writer))) = next else {
            continue;
        };
        if flushed_descriptor(&writer).is_some() {
            has_run |= send(reactor, event_loop, fd, &writer)?;
        } else {
            others.push((fd, writer));
        }
    }
    if !others.is_empty() {
        has_run |= send_where_is_room(reactor, event_loop, &others)?;
    }
    Ok(has_run)
}

/// Sends what one stream has. Returns whether code of the program may have run.
fn send(
    reactor: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, EventLoop>,
    fd: RawFd,
    writer: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    match flush(writer)? {
        Flushed::Done => stop_writing(reactor, event_loop, fd, writer),
        Flushed::Waits => wait_for_room(event_loop, fd, writer).map(|()| false),
        Flushed::Lost(why) => readiness::lose(reactor, writer, why).map(|()| true),
        Flushed::ByMethod => {
            readiness::handle(reactor, writer, fd, OUT)?;
            wait_for_room(event_loop, fd, writer).map(|()| true)
        }
    }
}

/// Has writers write that are no streams, if there is room: a descriptor of a program's own may block without. The poller
/// waits for the others. Returns whether code of the program may have run.
fn send_where_is_room(
    reactor: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, EventLoop>,
    writers: &[(RawFd, Bound<'_, PyAny>)],
) -> PyResult<bool> {
    let (py, mut has_run) = (reactor.py(), false);
    let fds: Vec<_> = writers.iter().map(|(fd, _)| *fd).collect();
    let are_writable = are_writable(&fds).map_err(|error| io_error(py, &error))?;
    for ((fd, writer), is_writable) in writers.iter().zip(are_writable) {
        let parts = event_loop.get();
        if is_writable && parts.with(py, |parts| parts.descriptors.is_writing(*fd, writer))? {
            readiness::handle(reactor, writer, *fd, OUT)?;
            has_run = true;
        }
        wait_for_room(event_loop, *fd, writer)?;
    }
    Ok(has_run)
}
