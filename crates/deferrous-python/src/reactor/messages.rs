//! What other threads want done: `callFromThread`, and the results of jobs.

use std::{
    cell::RefCell,
    io, mem, ptr,
    sync::{Arc, Weak},
};

use deferrous::event_loop::{MessageQueue, Waiter, WakeOnDrop};
use pyo3::ffi;

use super::{
    class::{Attributes, is_own_waker},
    event_loop::Loop,
    support::{Occasion, report},
};
use crate::{
    defer::RawDeferred as Deferred,
    interp::{Attached, Maybe, Obj, Raised, Raw, Task, bind_leading, enter, raise},
    twisted::names,
};

/// What the reactor's thread is to do.
pub enum Message {
    /// Make a call.
    Call(Task),
    /// Fire the Deferred of a job with its result.
    Callback(Deferred, Obj),
    /// The same, with the failure.
    Errback(Deferred, Obj),
}

impl Message {
    fn handle(self) -> Maybe<()> {
        match self {
            Message::Call(task) => task.call().map(drop),
            Message::Callback(deferred, result) => deferred.call_callback(result),
            Message::Errback(deferred, failure) => deferred.call_errback(Some(&failure)),
        }
    }
}

/// The messages to the thread that a reactor runs on.
///
/// Only attached threads call the queue, so nobody waits for its lock, the collector included.
pub type Messages = MessageQueue<Attached<Message>>;

/// The queues of this process, to find their pollers after a fork.
static QUEUES: Attached<RefCell<Vec<Weak<Messages>>>> = Attached(RefCell::new(Vec::new()));

/// Closes the pollers that this process shares with the one that it was forked off from.
///
/// It is done at once: later, the program may have closed these descriptors itself, and opened others with
/// the same numbers.
pub fn abandon_inherited() {
    let queues = QUEUES.0.borrow().clone();
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
    let mut all = QUEUES.0.borrow_mut();
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

impl Message {
    /// Shows every object that it refers to.
    pub fn each(&self, see: &mut impl FnMut(&Obj)) {
        match self {
            Message::Call(task) => task.each(see),
            Message::Callback(deferred, result) | Message::Errback(deferred, result) => {
                see(deferred.object());
                see(result);
            }
        }
    }
}

/// `callFromThread(f, *args, **kw)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn call_from_thread(
    raw: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    keywords: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let reactor = Obj::borrowed(raw);
        let attributes = Attributes::of(&reactor)?;
        let event_loop = Loop::among(&attributes, &reactor)?;
        let ([function], task) = bind_leading(
            "ReactorBase.callFromThread",
            ["f"],
            arguments,
            count,
            keywords,
        )?;
        if ffi::PyCallable_Check(function.as_ptr()) == 0 {
            return Err(not_callable(&function));
        }
        let queue = &event_loop.get()?.queue;
        drop(send(&reactor, &attributes, queue, Message::Call(task))?);
        Ok(Obj::none())
    })
}

#[cold]
fn not_callable(function: &Obj) -> Raised {
    // SAFETY: the object is alive.
    let shown = unsafe { Obj::owned(ffi::PyObject_Str(function.as_ptr())) };
    match shown.and_then(|shown| shown.to_text()) {
        // SAFETY: reading a static of the interpreter.
        Ok(shown) => raise(
            unsafe { ffi::PyExc_AssertionError },
            &format!("{shown} is not callable"),
        ),
        Err(raised) => raised,
    }
}

/// Sends a message. Calls `reactor.wakeUp` if a program has replaced that, or the waker. Otherwise the reactor is
/// woken when the caller drops the result: after letting go of the interpreter, if that is about to happen, since
/// the reactor needs it first.
fn send(
    reactor: &Obj,
    attributes: &Attributes,
    queue: &Messages,
    message: Message,
) -> Maybe<Option<WakeOnDrop>> {
    // The queue is closed when nothing runs the loop any more. The message is dropped then.
    let Ok(wake) = queue.push(Attached(message)) else {
        return Ok(None);
    };
    if attributes.wakes_by_itself(reactor) {
        return Ok(Some(wake));
    }
    wake.cancel();
    reactor.call_method(&names().wake_up, [ptr::null_mut()])?;
    Ok(None)
}

/// Sends the result of a job to the thread of `reactor`, as its `callFromThread` does.
pub fn send_result(reactor: &Obj, queue: &Messages, message: Message) -> Maybe<Option<WakeOnDrop>> {
    send(reactor, &Attributes::of(reactor)?, queue, message)
}

/// `wakeUp()`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn wake_up(raw: Raw, _: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let reactor = Obj::borrowed(raw);
        let attributes = Attributes::of(&reactor)?;
        let event_loop = Loop::among(&attributes, &reactor)?;
        let waker = attributes.get(&reactor, &names().waker)?;
        if is_own_waker(&reactor, &waker) {
            wake(&event_loop.get()?.queue);
        } else if waker.is_true()? {
            waker.call_method(&names().wake_up, [ptr::null_mut()])?;
        }
        Ok(Obj::none())
    })
}

/// Handles the messages that are there now. Those that come meanwhile wait for the next turn, which may be a
/// turn that a message runs.
pub fn handle_all(event_loop: &Loop) -> Maybe<()> {
    let queue = &event_loop.get()?.queue;
    let end = queue.end();
    while let Some(Attached(message)) = queue.pop_before(end) {
        if let Err(raised) = message.handle() {
            report(raised, Occasion::ThreadCall, None);
        }
    }
    Ok(())
}
