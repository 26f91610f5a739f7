//! Waiting for events.

use std::{io, sync::Arc, time::Duration};

use deferrous::event_loop::{Events, Inbox};
use pyo3::prelude::*;

use super::{descriptors::io_error, event_loop::Parts};
use crate::interp::{detached, is_alone};

/// A wait for events that is about to begin.
pub struct Wait {
    pub events: Events,
    inbox: Arc<Inbox<()>>,
    /// Something is to be done already.
    at_once: bool,
    expects_one: bool,
}

impl Wait {
    /// Takes what the wait needs out of the event loop, with the room for its events.
    ///
    /// # Errors
    ///
    /// In a process that was forked off, if the system has no descriptor left for its own poller.
    pub fn prepare(parts: &mut Parts) -> io::Result<Self> {
        let inbox = parts.inbox()?;
        Ok(Wait {
            events: parts.events.take().unwrap_or_default(),
            inbox,
            at_once: parts.descriptors.some_always_ready() || parts.mailbox.has_messages(),
            expects_one: parts.mailbox.expects_one(),
        })
    }

    /// Waits for events for up to `delay`, and lets the handlers of signals run that have come meanwhile.
    ///
    /// Other threads may run meanwhile, also where there is something to do. Without any the interpreter is kept.
    pub fn wait(&mut self, py: Python<'_>, delay: Option<Duration>) -> PyResult<()> {
        let (inbox, events) = (&self.inbox, &mut self.events);
        let delay = if self.at_once {
            Some(Duration::ZERO)
        } else {
            delay
        };
        let waited = if delay == Some(Duration::ZERO) && is_alone() {
            inbox.wait(events, delay)
        } else {
            detached(|| {
                // Spin only for a job submitted since the last wait. Longer jobs would waste the spin.
                let delay = if self.expects_one {
                    inbox.linger(delay)
                } else {
                    delay
                };
                inbox.wait(events, delay)
            })
        };
        py.check_signals()?;
        waited.map_err(|error| io_error(&error))
    }
}
