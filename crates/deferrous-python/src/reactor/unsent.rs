//! Sending what was written: once a turn, before the reactor waits, and without asking the system for room first.
//!
//! That is where Twisted's reactors would learn that there is room. It costs one call of the system where they make
//! four. Only of what the system does not take at once is the poller told.

use std::os::fd::RawFd;

use pyo3::prelude::*;

use super::{
    early_send::{stop_writing, wait_for_room},
    readiness,
    ready::OUT,
    state::EventLoop,
};
use crate::transport::{Flushed, flush};

/// Sends what is unsent. Returns whether code of the program may have run.
pub fn send_all(reactor: &Bound<'_, PyAny>, event_loop: &Bound<'_, EventLoop>) -> PyResult<bool> {
    let (py, parts) = (reactor.py(), event_loop.get());
    // What is written meanwhile waits for the next turn.
    let count = parts.with(py, |parts| parts.descriptors.unsent())?;
    let mut has_run = false;
    for _ in 0..count {
        if let Some((fd, Some(writer))) =
            parts.with(py, |parts| parts.descriptors.pop_unsent(py))?
        {
            has_run |= send(reactor, event_loop, fd, &writer)?;
        }
    }
    Ok(has_run)
}

/// Sends what one writer has. Returns whether code of the program may have run.
fn send(
    reactor: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, EventLoop>,
    fd: RawFd,
    writer: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let flushed = flush(writer)?;
    if let Flushed::Done = flushed {
        return stop_writing(reactor, event_loop, fd, writer);
    }
    let by_method = matches!(flushed, Flushed::ByMethod);
    if by_method {
        readiness::handle(reactor, writer, fd, OUT)?;
    }
    wait_for_room(event_loop, fd, writer)?;
    Ok(by_method)
}
