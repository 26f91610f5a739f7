//! What other threads want done: `callFromThread`, and the results of jobs.

use std::{
    io, mem,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use deferrous::event_loop::{MessageQueue, Waiter};
use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
};

use crate::{
    defer::{Deferred, call_callback, call_errback},
    interp::Task,
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

/// The queues of this process, to find their pollers after a fork. Only attached threads lock it.
static QUEUES: Mutex<Vec<Weak<Messages>>> = Mutex::new(Vec::new());

/// Closes the pollers that this process shares with the one that it was forked off from.
///
/// It is done at once: later, the program may have closed these descriptors itself, and opened others with
/// the same numbers.
pub fn abandon_inherited() {
    let queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    for queue in queues.iter().filter_map(Weak::upgrade) {
        match queue.take_waiter().map(Arc::try_unwrap) {
            Some(Ok(waiter)) => waiter.abandon(),
            // A thread of the parent's that is not there any more had it, so that it is never closed.
            Some(Err(shared)) => mem::forget(shared),
            None => {}
        }
    }
}

/// An empty queue.
///
/// # Errors
///
/// If the system has no descriptor left for the poller.
pub fn new_queue() -> io::Result<Arc<Messages>> {
    let queue = Arc::new(MessageQueue::new(Arc::new(Waiter::new()?)));
    let mut all = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|other| other.strong_count() > 0);
    all.push(Arc::downgrade(&queue));
    Ok(queue)
}

/// Has the reactor return from its wait; if it does not wait, from the next one.
pub fn wake(queue: &Messages) {
    if let Some(waiter) = queue.waiter() {
        waiter.wake();
    }
}
