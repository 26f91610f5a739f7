//! What other threads want done: `callFromThread`, and the results of jobs.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io, mem, ptr,
    sync::{Arc, Weak},
};

use deferrous::event_loop::Inbox;
use pyo3::ffi;

use super::{
    class::{Attributes, is_own_waker},
    event_loop::Loop,
    support::{Occasion, report},
};
use crate::{
    defer::Deferred,
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

/// Messages in the order in which they came.
///
/// A message stays here until it is handled, because the code that another message calls may run a turn of the
/// reactor, which handles the rest.
#[derive(Default)]
pub struct Queue {
    pub waiting: VecDeque<Message>,
    /// How many messages have left the queue, so that a turn knows which were there when it began.
    left: u64,
}

impl Queue {
    /// The number that `left` has when all messages of now have left.
    fn end(&self) -> u64 {
        self.left + self.waiting.len() as u64
    }

    /// Takes the first message out, if it was there when the queue had this end.
    fn pop_before(&mut self, end: u64) -> Option<Message> {
        if self.left >= end {
            return None;
        }
        let message = self.waiting.pop_front()?;
        self.left += 1;
        Some(message)
    }

    /// Puts `messages` in the place of those from `start` to `end`, which it returns.
    pub fn splice(&mut self, start: usize, end: usize, messages: Vec<Message>) -> Vec<Message> {
        let end = end.min(self.waiting.len());
        let start = start.min(end);
        let rest = self.waiting.split_off(end);
        let replaced = self.waiting.split_off(start);
        self.waiting.extend(messages);
        self.waiting.extend(rest);
        self.left += replaced.len() as u64;
        replaced.into()
    }
}

/// The room for messages that is kept.
const KEPT: usize = 1024;

/// The messages to the thread that a reactor runs on, and the poller that it waits with.
///
/// The inbox only counts them: it is looked at by a reactor that waits without the interpreter, so it has a
/// lock of its own. All else here is reached by attached threads alone, and so the collector is shown the
/// messages.
pub struct Mailbox {
    /// Absent in a process that was forked off, until the event loop makes one.
    inbox: Attached<RefCell<Option<Arc<Inbox<()>>>>>,
    messages: Attached<RefCell<Queue>>,
    /// How many jobs were handed out since the reactor has waited, whose results come here.
    handed_out: Attached<Cell<usize>>,
}

/// Wakes the reactor if it waits, when it is dropped: after letting go of the interpreter, if that is about to
/// happen, since the reactor needs it first.
#[must_use]
pub struct Notice(Option<Arc<Inbox<()>>>);

impl Notice {
    /// Drops the notice without waking the reactor.
    fn cancel(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        if let Some(inbox) = &self.0 {
            inbox.notify();
        }
    }
}

/// All mailboxes of this process, to find them after a fork.
static MAILBOXES: Attached<RefCell<Vec<Weak<Mailbox>>>> = Attached(RefCell::new(Vec::new()));

/// Closes the pollers that this process shares with the one that it was forked off from.
///
/// It is done at once: later, the program may have closed these descriptors itself, and opened others with
/// the same numbers.
pub fn abandon_inherited() {
    let mailboxes = MAILBOXES.0.borrow().clone();
    for mailbox in mailboxes.iter().filter_map(Weak::upgrade) {
        mailbox.abandon_inbox();
    }
}

impl Mailbox {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for the poller.
    pub fn new() -> io::Result<Arc<Self>> {
        let mailbox = Arc::new(Mailbox {
            inbox: Attached(RefCell::new(Some(Arc::new(Inbox::new()?)))),
            messages: Attached(RefCell::default()),
            handed_out: Attached(Cell::new(0)),
        });
        let mut all = MAILBOXES.0.borrow_mut();
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&mailbox));
        Ok(mailbox)
    }

    /// What the reactor waits with, which it may do without the interpreter. There is none in a process that
    /// was forked off and has not [set](Self::set_inbox) a new one.
    pub fn inbox(&self) -> Option<Arc<Inbox<()>>> {
        self.inbox.0.borrow().clone()
    }

    /// Has the reactor wait by a new inbox. The first wait returns at once: a message may have come, or
    /// somebody may have woken the reactor, while there was none.
    pub fn set_inbox(&self, inbox: Arc<Inbox<()>>) {
        if self.has_messages() {
            // A new inbox takes all.
            let _ = inbox.push(());
        }
        inbox.wake();
        drop(self.inbox.0.replace(Some(inbox)));
    }

    fn abandon_inbox(&self) {
        let inbox = self.inbox.0.take();
        match inbox.map(Arc::try_unwrap) {
            Some(Ok(inbox)) => inbox.abandon(),
            // A thread of the parent's that is not there any more had it, so that it is never closed.
            Some(Err(shared)) => mem::forget(shared),
            None => {}
        }
    }

    /// Leaves a message, of which the reactor is notified when the result is dropped.
    pub fn send(&self, message: Message) -> Notice {
        self.messages.0.borrow_mut().waiting.push_back(message);
        let inbox = self.inbox();
        if let Some(inbox) = &inbox {
            // An inbox of Twisted's reactors is never closed: they may run again.
            let _ = inbox.push(());
        }
        Notice(inbox)
    }

    /// Whether there are messages that nobody has handled.
    pub fn has_messages(&self) -> bool {
        !self.messages.0.borrow().waiting.is_empty()
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

    /// Begins to handle the messages that are there. Returns what [`next`](Self::next) needs.
    fn begin(&self) -> u64 {
        let end = self.messages.0.borrow().end();
        if let Some(inbox) = &*self.inbox.0.borrow() {
            inbox.receive(&mut Vec::new());
        }
        end
    }

    /// Takes out the next message of those that were there at `begin`, if it is still there.
    fn next(&self, end: u64) -> Option<Message> {
        let mut messages = self.messages.0.borrow_mut();
        let message = messages.pop_before(end);
        if message.is_none() && messages.waiting.capacity() > KEPT {
            // There may have been a great many.
            let kept = messages.waiting.len().max(KEPT);
            messages.waiting.shrink_to(kept);
        }
        message
    }

    /// Changes the messages that wait. `body` must run no Python code: what it takes out is dropped later.
    pub fn change<R>(&self, body: impl FnOnce(&mut Queue) -> R) -> R {
        body(&mut self.messages.0.borrow_mut())
    }

    /// Takes all messages out.
    pub fn clear(&self) -> Vec<Message> {
        self.begin();
        let queue = mem::take(&mut self.messages.0.borrow_mut().waiting);
        queue.into()
    }

    /// Has the reactor return from its wait; if it does not wait, from the next one.
    pub fn wake(&self) {
        if let Some(inbox) = &*self.inbox.0.borrow() {
            inbox.wake();
        }
    }

    /// Shows every object that the messages refer to.
    pub fn each(&self, see: &mut impl FnMut(&Obj)) {
        for message in &self.messages.0.borrow().waiting {
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
        let notice = event_loop.with(|parts| parts.mailbox.send(Message::Call(task)))?;
        drop(notify(&reactor, &attributes, notice)?);
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

/// Calls `reactor.wakeUp` if a program has replaced that, or the waker. Otherwise returns the notice, which wakes the
/// reactor when the caller drops it.
fn notify(reactor: &Obj, attributes: &Attributes, notice: Notice) -> Maybe<Option<Notice>> {
    if attributes.wakes_by_itself(reactor) {
        return Ok(Some(notice));
    }
    notice.cancel();
    reactor.call_method(&names().wake_up, [ptr::null_mut()])?;
    Ok(None)
}

/// Leaves the result of a job for the thread of `reactor`, as its `callFromThread` does.
pub fn send_result(reactor: &Obj, mailbox: &Mailbox, message: Message) -> Maybe<Option<Notice>> {
    let notice = mailbox.send(message);
    notify(reactor, &Attributes::of(reactor)?, notice)
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
            event_loop.with(|parts| parts.mailbox.wake())?;
        } else if waker.is_true()? {
            waker.call_method(&names().wake_up, [ptr::null_mut()])?;
        }
        Ok(Obj::none())
    })
}

/// Handles the messages that are there now. Those that come meanwhile wait for the next turn, which may be a
/// turn that a message runs.
pub fn handle_all(event_loop: &Loop) -> Maybe<()> {
    let end = event_loop.with(|parts| parts.mailbox.begin())?;
    while let Some(message) = event_loop.with(|parts| parts.mailbox.next(end))? {
        if let Err(raised) = message.handle() {
            report(raised, Occasion::ThreadCall, None);
        }
    }
    Ok(())
}
