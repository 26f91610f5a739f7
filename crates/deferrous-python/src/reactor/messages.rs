//! What other threads want done: `callFromThread`, and the results of jobs.

use std::{io, sync::Arc};

use deferrous::event_loop::{MessageQueue, Waiter};
use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
};

use crate::{
    defer::{Deferred, call_callback, call_errback},
    interp::Task,
    waiting::register,
};

/// What the reactor's thread is to do.
pub enum Message {
    /// Make a call.
    Call(Task),
    /// Fire the Deferred of a job with its result.
    Callback(Py<Deferred>, Py<PyAny>),
    /// The same, with the failure.
    Errback(Py<Deferred>, Py<PyAny>),
}

impl Message {
    /// Does it.
    pub fn handle(self, py: Python<'_>) -> PyResult<()> {
        match self {
            Message::Call(task) => task.call(py).map(drop),
            Message::Callback(deferred, result) => {
                call_callback(&deferred.into_bound(py), result.into_bound(py))
            }
            Message::Errback(deferred, failure) => {
                call_errback(&deferred.into_bound(py), Some(&failure.into_bound(py)))
            }
        }
    }

    /// Shows the collector every object that it refers to.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Message::Call(task) => task.traverse(visit),
            Message::Callback(deferred, result) | Message::Errback(deferred, result) => {
                visit.call(deferred)?;
                visit.call(result)
            }
        }
    }
}

/// The messages to the thread that a reactor runs on.
///
/// Only attached threads call the queue, so nobody waits for its lock, the collector included.
pub type Messages = MessageQueue<Message>;

/// An empty queue.
///
/// # Errors
///
/// If the system has no descriptor left for the poller.
pub fn new_queue() -> io::Result<Arc<Messages>> {
    let queue = Arc::new(MessageQueue::new(Arc::new(Waiter::new()?)));
    register(&queue);
    Ok(queue)
}

/// Has the reactor return from its wait; if it does not wait, from the next one.
pub fn wake(queue: &Messages) {
    if let Some(waiter) = queue.waiter() {
        waiter.wake();
    }
}
