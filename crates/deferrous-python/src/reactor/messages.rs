//! What other threads want done: `callFromThread`, and the results of jobs.

use deferrous::event_loop::Inbox;
use pyo3::ffi;

use super::{
    event_loop::Loop,
    support::{Occasion, report},
};
use crate::{
    deferred::Deferred,
    python::{Attached, Maybe, Obj, Raised, Raw, Task, bind_leading, enter, raise},
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

/// Leaves a message in the inbox of a reactor.
pub fn send(inbox: &Inbox<Attached<Message>>, message: Message) {
    // An inbox of Twisted's reactors is never closed: they may run again.
    let _ = inbox.send(Attached(message));
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
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let event_loop = Loop::of(&Obj::borrowed(raw))?;
        let ([function], task) = bind_leading("callFromThread", ["f"], arguments, count, names)?;
        if ffi::PyCallable_Check(function.as_ptr()) == 0 {
            return Err(not_callable(&function));
        }
        let inbox = event_loop.with(|parts| parts.inbox.clone())?;
        send(&inbox, Message::Call(task));
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

/// `wakeUp()`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn wake_up(raw: Raw, _: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let event_loop = Loop::of(&Obj::borrowed(raw))?;
        event_loop.with(|parts| parts.inbox.clone())?.wake();
        Ok(Obj::none())
    })
}

/// Does what has been asked for up to now. What is asked meanwhile waits for the next turn.
pub fn handle_all(event_loop: &Loop) -> Maybe<()> {
    let mut messages = Vec::new();
    event_loop.with(|parts| parts.inbox.receive(&mut messages))?;
    for Attached(message) in messages {
        if let Err(raised) = message.handle() {
            report(raised, Occasion::ThreadCall, None);
        }
    }
    Ok(())
}
