//! Sending a lot at once: right after `dataReceived`, while what was written is still in the processor's cache.
//!
//! Only bytes go out early. Whatever else is to be done when all is sent comes where Twisted's `doWrite` would come.

use std::os::fd::RawFd;

use pyo3::prelude::*;

use super::{
    class::Reactor,
    descriptors::{Direction, io_error},
    names::names,
    state::EventLoop,
    support::support,
};
use crate::transport::{Flushed, flush, take_much_written};

/// Sends what a stream has written, if much was written since this was last called.
pub fn send_early(
    reactor: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, EventLoop>,
    fd: RawFd,
    stream: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (py, parts) = (reactor.py(), event_loop.get());
    if !take_much_written() || !parts.with(py, |parts| parts.descriptors.is_unsent(fd, stream))? {
        return Ok(());
    }
    match flush(stream, reactor)? {
        Flushed::Done => stop_writing(reactor, event_loop, fd, stream).map(drop),
        Flushed::Waits => wait_for_room(event_loop, fd, stream),
        // The system tells of the error once, so it cannot wait for the next turn.
        Flushed::Lost(why) => lose(reactor, stream, why),
        Flushed::ByMethod => Ok(()),
    }
}

/// Has the poller tell when there is room for what a writer has.
pub fn wait_for_room(
    event_loop: &Bound<'_, EventLoop>,
    fd: RawFd,
    writer: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (py, parts) = (event_loop.py(), event_loop.get());
    let told = parts.with(py, |parts| {
        let waiter = parts.waiter(&event_loop.get().queue)?;
        parts.descriptors.wait_for_room(waiter.poller(), fd, writer)
    })?;
    told.map_err(|error| io_error(py, &error))
}

/// `writer.stopWriting()`, which is Twisted's: `reactor.removeWriter(writer)`. Returns whether code of the program may
/// have run.
pub fn stop_writing(
    reactor: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, EventLoop>,
    fd: RawFd,
    writer: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    if Reactor::of(reactor)?.removes_writers_by_itself() {
        return remove_writer(event_loop, fd, writer);
    }
    let name = names(reactor.py()).remove_writer.bind(reactor.py());
    reactor.call_method1(name, (writer,))?;
    Ok(true)
}

/// `reactor.removeWriter(writer)`, which nobody has replaced. Returns whether code of the program may have run.
pub fn remove_writer(
    event_loop: &Bound<'_, EventLoop>,
    fd: RawFd,
    writer: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let py = event_loop.py();
    let removed = event_loop.get().with(py, |parts| {
        if parts.descriptors.end_unsent(fd, writer) {
            return Ok(None);
        }
        let waiter = parts.waiter(&event_loop.get().queue)?;
        let descriptors = &mut parts.descriptors;
        Ok(descriptors.remove(waiter.poller(), fd, writer, Direction::Write))
    })?;
    // What is removed may end here, by a finalizer of the program.
    let removed = removed.map_err(|error| io_error(py, &error))?;
    Ok(removed.is_some())
}

/// Disconnects a stream that has lost its connection in a send, with its prefix on all that is logged.
#[cold]
pub fn lose(reactor: &Bound<'_, PyAny>, stream: &Bound<'_, PyAny>, why: Py<PyAny>) -> PyResult<()> {
    let py = reactor.py();
    let logged = support()
        .log
        .bind(py)
        .getattr(names(py).call_with_logger.bind(py))?;
    let method = reactor.getattr(names(py).disconnect_selectable.bind(py))?;
    logged.call1((stream, method, stream, why, false))?;
    Ok(())
}
