//! What other threads want done: `callFromThread`, and the results of jobs.

use std::{
    ffi::CStr,
    io, mem,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use deferrous::event_loop::{MessageQueue, Waiter, WakeOnDrop};
use pyo3::{
    exceptions::PyAssertionError,
    gc::{PyTraverseError, PyVisit},
    prelude::*,
};

use super::{
    class::Reactor,
    event_loop::EventLoop,
    names::names,
    support::{Occasion, report_error},
};
use crate::{
    defer::{Deferred, call_callback, call_errback},
    interp::{Arguments, FastMethod, Task, bind_leading},
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
    fn handle(self, py: Python<'_>) -> PyResult<()> {
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

/// `callFromThread(f, *args, **kw)`.
pub struct CallFromThread;

impl FastMethod for CallFromThread {
    type Class = PyAny;
    const NAME: &'static CStr = c"callFromThread";
    const DOC: &'static CStr = c"callFromThread($self, f, /, *args, **kwargs)
--

Have a function called on the reactor's thread, soon.

Any thread may call it, also one that Python did not start, and the reactor's own. The calls of one
thread are made in order. A burst of them wakes the reactor once.

Args:
    f: the function.
    args, kwargs: what it is called with. An error that it raises is logged, and the reactor goes on.

Raises:
    AssertionError: f is not callable.";

    fn call<'py>(
        owner: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = owner.py();
        let reactor = Reactor::of(owner)?;
        let event_loop = reactor.event_loop()?;
        let ([function], rest) = bind_leading(py, "ReactorBase.callFromThread", ["f"], arguments)?;
        if !function.is_callable() {
            let text = format!("{} is not callable", function.str()?);
            return Err(PyAssertionError::new_err(text));
        }
        let message = Message::Call(Task::new(function, rest));
        drop(send(&reactor, &event_loop.get().queue, message)?);
        Ok(py.None().into_bound(py))
    }
}

/// Sends a message. Calls `reactor.wakeUp` if a program has replaced that, or the waker. Otherwise the reactor is
/// woken when the caller drops the result: after letting go of the interpreter, if that is about to happen, since
/// the reactor needs it first.
pub fn send(
    reactor: &Reactor<'_, '_>,
    queue: &Messages,
    message: Message,
) -> PyResult<Option<WakeOnDrop>> {
    // The queue is closed when nothing runs the loop any more. The message is dropped then.
    let Ok(wake) = queue.push(message) else {
        return Ok(None);
    };
    if reactor.wakes_by_itself() {
        return Ok(Some(wake));
    }
    wake.cancel();
    let wake_up = names(reactor.object.py()).wake_up.bind(reactor.object.py());
    reactor.object.call_method0(wake_up)?;
    Ok(None)
}

/// `wakeUp()`.
pub fn wake_up(reactor: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = reactor.py();
    let reactor = Reactor::of(reactor)?;
    let event_loop = reactor.event_loop()?;
    let waker = reactor.get(names(py).waker.bind(py))?;
    if reactor.is_own_waker(&waker) {
        wake(&event_loop.get().queue);
    } else if waker.is_truthy()? {
        waker.call_method0(names(py).wake_up.bind(py))?;
    }
    Ok(())
}

/// Handles the messages that are there now. Those that come meanwhile wait for the next turn, which may be a
/// turn that a message runs.
pub fn handle_all(py: Python<'_>, event_loop: &EventLoop) {
    let queue = &event_loop.queue;
    let end = queue.end();
    while let Some(message) = queue.pop_before(end) {
        if let Err(error) = message.handle(py) {
            report_error(py, error, Occasion::ThreadCall, None);
        }
    }
}
