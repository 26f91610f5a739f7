//! What other threads want done: `callFromThread`, and the results of jobs.

use std::{
    cell::{Cell, RefCell},
    io, mem,
    sync::Arc,
};

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

/// The messages to the thread that a reactor runs on, and the poller that it waits with.
///
/// The inbox only counts them: it is looked at by a reactor that waits without the interpreter, so it has a
/// lock of its own. All else here is reached by attached threads alone, and so the collector is shown the
/// messages.
pub struct Mailbox {
    inbox: Attached<RefCell<Arc<Inbox<()>>>>,
    messages: Attached<RefCell<Vec<Message>>>,
    /// How many jobs were handed out since the reactor has waited, whose results come here.
    handed_out: Attached<Cell<usize>>,
}

/// Wakes the reactor if it waits, when it is dropped: after letting go of the interpreter, if that is about to
/// happen, since the reactor needs it first.
#[must_use]
pub struct Notice(Arc<Inbox<()>>);

impl Drop for Notice {
    fn drop(&mut self) {
        self.0.notify();
    }
}

impl Mailbox {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for the poller.
    pub fn new() -> io::Result<Self> {
        Ok(Mailbox {
            inbox: Attached(RefCell::new(Arc::new(Inbox::new()?))),
            messages: Attached(RefCell::default()),
            handed_out: Attached(Cell::new(0)),
        })
    }

    /// What the reactor waits with, which it may do without the interpreter.
    pub fn inbox(&self) -> Arc<Inbox<()>> {
        self.inbox.0.borrow().clone()
    }

    /// Has the reactor wait by other means from now on, which no other process shares.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for the poller.
    pub fn renew(&self) -> io::Result<()> {
        let inbox = Inbox::new()?;
        if !self.messages.0.borrow().is_empty() {
            // A new inbox takes all.
            let _ = inbox.send(());
        }
        drop(self.inbox.0.replace(Arc::new(inbox)));
        Ok(())
    }

    /// Leaves a message, of which the reactor is notified when the result is dropped.
    pub fn send(&self, message: Message) -> Notice {
        self.messages.0.borrow_mut().push(message);
        let inbox = self.inbox();
        // An inbox of Twisted's reactors is never closed: they may run again.
        let _ = inbox.push(());
        Notice(inbox)
    }

    /// Counts a job whose result comes here.
    pub fn expect(&self) {
        self.handed_out.0.set(self.handed_out.0.get() + 1);
    }

    /// Whether the only job that is out was handed out since this was last asked.
    pub fn expects_one(self: &Arc<Self>) -> bool {
        // Besides the reactor, each job refers to it until it is done.
        self.handed_out.0.take() == 1 && Arc::strong_count(self) == 2
    }

    /// Takes all messages out.
    pub fn receive(&self) -> Vec<Message> {
        self.inbox.0.borrow().receive(&mut Vec::new());
        mem::take(&mut *self.messages.0.borrow_mut())
    }

    /// Has the reactor return from its wait; if it does not wait, from the next one.
    pub fn wake(&self) {
        self.inbox.0.borrow().wake();
    }

    /// Shows every object that the messages refer to.
    pub fn each(&self, see: &mut impl FnMut(&Obj)) {
        for message in self.messages.0.borrow().iter() {
            match message {
                Message::Call(task) => task.each(see),
                Message::Callback(deferred, result) | Message::Errback(deferred, result) => {
                    see(deferred.object());
                    see(result);
                }
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
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let event_loop = Loop::of(&Obj::borrowed(raw))?;
        let ([function], task) =
            bind_leading("ReactorBase.callFromThread", ["f"], arguments, count, names)?;
        if ffi::PyCallable_Check(function.as_ptr()) == 0 {
            return Err(not_callable(&function));
        }
        drop(event_loop.with(|parts| parts.mailbox.send(Message::Call(task)))?);
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
        event_loop.with(|parts| parts.mailbox.wake())?;
        Ok(Obj::none())
    })
}

/// Does what has been asked for up to now. What is asked meanwhile waits for the next turn.
pub fn handle_all(event_loop: &Loop) -> Maybe<()> {
    for message in event_loop.with(|parts| parts.mailbox.receive())? {
        if let Err(raised) = message.handle() {
            report(raised, Occasion::ThreadCall, None);
        }
    }
    Ok(())
}
