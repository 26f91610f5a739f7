//! Waiting for events.

use std::{io, sync::Arc, time::Duration};

use deferrous::event_loop::Waiter;
use pyo3::prelude::*;

use super::state::{EventLoop, Parts};
use crate::{interp::EventRoom, metrics::turns, waiting};

/// A wait for events that is about to begin.
pub struct Wait {
    pub events: EventRoom,
    waiter: Arc<Waiter>,
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
    pub fn prepare(py: Python<'_>, event_loop: &EventLoop, parts: &mut Parts) -> io::Result<Self> {
        let queue = &event_loop.queue;
        let waiter = parts.waiter(queue)?;
        Ok(Wait {
            events: parts.events.take().unwrap_or_else(EventRoom::new),
            waiter,
            at_once: parts.descriptors.some_always_ready() || !queue.is_empty(),
            expects_one: event_loop.expects_one(py),
        })
    }

    /// Waits for events for up to `delay`, and lets the handlers of signals run that have come meanwhile.
    pub fn wait(&mut self, py: Python<'_>, delay: Option<Duration>) -> PyResult<()> {
        let (waiter, events, expects_one) = (&self.waiter, &mut self.events, self.expects_one);
        let delay = if self.at_once {
            Some(Duration::ZERO)
        } else {
            delay
        };
        waiting::wait(py, delay, || {
            turns::between(|| {
                // Spin only for a job submitted since the last wait. Longer jobs would waste the spin.
                let delay = if expects_one {
                    waiter.spin(delay)
                } else {
                    delay
                };
                waiter.wait(events.get_mut(), delay)
            })
        })
    }
}
