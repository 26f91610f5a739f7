//! Sending what was written: once a turn, before the reactor waits.
//!
//! That is where Twisted's reactors would learn that there is room. Streams are not asked whether there is: that takes one
//! call of the system where Twisted makes four. Of other writers the system is asked for all at once. The poller is told
//! only of those for which there is no room.

use std::os::fd::RawFd;

use pyo3::prelude::*;

use super::{
    class::Reactor,
    early_send::{lose, remove_writer, stop_writing, wait_for_room},
    readiness,
    ready::OUT,
    state::EventLoop,
};
use crate::{
    interp::are_writable,
    transport::{Flushed, flush, log_lines_are_twisteds},
};

/// Sends what is unsent. Returns whether code of the program may have run.
pub fn send_all(reactor: &Bound<'_, PyAny>, event_loop: &Bound<'_, EventLoop>) -> PyResult<bool> {
    let (py, parts) = (reactor.py(), event_loop.get());
    // What is written meanwhile waits for the next turn.
    let count = parts.with(py, |parts| parts.descriptors.unsent())?;
    // Somebody may want to see all events.
    let by_itself = Reactor::of(reactor)?.handles_events_by_itself() && log_lines_are_twisteds(py);
    let (mut has_run, mut others, mut failed) = (false, Vec::new(), None);
    // Whether nobody has replaced `reactor.removeWriter`: asked again after code of the program may have run.
    let mut removes = None;
    for _ in 0..count {
        let next = parts.with(py, |parts| parts.descriptors.pop_unsent(py))?;
        let Some((fd, Some(writer))) = next else {
            continue;
        };
        let sent = by_itself.then(|| send(reactor, event_loop, (fd, &writer), &mut removes));
        if !matches!(sent, Some(Ok(Some(false)))) {
            removes = None;
        }
        match sent {
            Some(Ok(Some(ran))) => has_run |= ran,
            Some(Err(error)) => {
                failed.get_or_insert(error);
                others.push((fd, writer));
            }
            Some(Ok(None)) | None => others.push((fd, writer)),
        }
    }
    if !others.is_empty() {
        has_run |= send_where_is_room(reactor, event_loop, &others, &mut failed)?;
    }
    failed.map_or(Ok(has_run), Err)
}

/// Sends what one stream has. Returns whether code of the program may have run; `None` if nothing was done, as its methods
/// are to do it. `removes` is whether nobody has replaced `reactor.removeWriter`, if that is known.
fn send(
    reactor: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, EventLoop>,
    (fd, writer): (RawFd, &Bound<'_, PyAny>),
    removes: &mut Option<bool>,
) -> PyResult<Option<bool>> {
    match flush(writer, reactor)? {
        Flushed::Done if *removes == Some(true) => remove_writer(event_loop, fd, writer).map(Some),
        Flushed::Done => {
            *removes = Some(Reactor::of(reactor)?.removes_writers_by_itself());
            stop_writing(reactor, event_loop, fd, writer).map(Some)
        }
        Flushed::Waits => wait_for_room(event_loop, fd, writer).map(|()| Some(false)),
        Flushed::Lost(why) => lose(reactor, writer, why).map(|()| Some(true)),
        Flushed::ByMethod => Ok(None),
    }
}

/// Has writers write by their methods, if there is room and nothing to read, which comes first. The poller waits for the
/// others. Returns whether code of the program may have run; `failed` is the first error. One does not end the rest.
fn send_where_is_room(
    reactor: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, EventLoop>,
    writers: &[(RawFd, Bound<'_, PyAny>)],
    failed: &mut Option<PyErr>,
) -> PyResult<bool> {
    let (py, mut has_run) = (reactor.py(), false);
    let fds: Vec<_> = writers.iter().map(|(fd, _)| *fd).collect();
    // If the system does not say, the poller waits for all.
    let are_writable = are_writable(&fds).unwrap_or_else(|_| vec![false; fds.len()]);
    for ((fd, writer), is_writable) in writers.iter().zip(are_writable) {
        let parts = event_loop.get();
        let mut handled = Ok(());
        if is_writable && parts.with(py, |parts| parts.descriptors.is_writing(*fd, writer))? {
            handled = readiness::handle(reactor, writer, *fd, OUT);
            has_run = true;
        }
        let told = wait_for_room(event_loop, *fd, writer);
        for error in [handled.err(), told.err()].into_iter().flatten() {
            failed.get_or_insert(error);
        }
    }
    Ok(has_run)
}
