//! Messages from other threads to a reactor's.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, PoisonError},
};

use super::waiter::Waiter;
use crate::primitives::{Mutex, MutexGuard};

/// The queue keeps memory for this many messages when it is empty.
const KEPT_CAPACITY: usize = 1024;

/// Messages to the thread that a reactor runs on.
///
/// Any thread may [`send`](Self::send). While the reactor waits by its [`Waiter`], the first message wakes it,
/// and those that follow find it woken: a burst costs one call of the system.
///
/// Only calls of the queue lock it, and they hold the lock for as long as it takes to move a message. A waiter
/// that waits does not look into the queue. So if all threads call it with another lock held, such as that of an
/// interpreter, nobody ever waits for the queue, and a process that is forked off with that lock held finds it
/// unlocked.
///
/// ```
/// use deferrous::event_loop::{Events, MessageQueue, Waiter};
/// use std::{collections::VecDeque, sync::Arc};
/// let waiter = Arc::new(Waiter::new()?);
/// let queue = Arc::new(MessageQueue::new(waiter.clone()));
/// let (sender, mut events, mut messages) = (queue.clone(), Events::new(), VecDeque::new());
/// let thread = std::thread::spawn(move || sender.send("hello"));
/// while messages.is_empty() {
///     waiter.wait(&mut events, None)?;
///     queue.receive(&mut messages);
/// }
/// assert_eq!(messages, ["hello"]);
/// # thread.join().unwrap().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct MessageQueue<M>(Mutex<State<M>>);

struct State<M> {
    messages: VecDeque<M>,
    /// How many messages have left the queue.
    left: u64,
    closed: bool,
    /// Absent before a reactor waits, and in a process that was forked off until it has one of its own.
    waiter: Option<Arc<Waiter>>,
}

/// Wakes the reactor, if it waits, when this is dropped.
///
/// [`MessageQueue::push`] returns it, for a sender that has a lock which the reactor needs: it drops this after
/// unlocking.
#[must_use = "the reactor is woken when this is dropped"]
pub struct WakeOnDrop(Option<Arc<Waiter>>);

impl WakeOnDrop {
    /// Does not wake the reactor.
    pub fn cancel(mut self) {
        drop(self.0.take());
    }
}

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        if let Some(waiter) = &self.0 {
            waiter.notify();
        }
    }
}

impl fmt::Debug for WakeOnDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeOnDrop").finish_non_exhaustive()
    }
}

impl<M> MessageQueue<M> {
    /// An empty queue, for a reactor that waits by `waiter`. A waiter belongs to one queue.
    pub fn new(waiter: Arc<Waiter>) -> Self {
        MessageQueue::waited_for_by(Some(waiter))
    }

    /// An empty queue, for a reactor that does not wait yet. Messages stay in it until
    /// [`set_waiter`](Self::set_waiter).
    pub fn without_waiter() -> Self {
        MessageQueue::waited_for_by(None)
    }

    fn waited_for_by(waiter: Option<Arc<Waiter>>) -> Self {
        MessageQueue(Mutex::new(State {
            messages: VecDeque::new(),
            left: 0,
            closed: false,
            waiter,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message, and wakes the reactor if it waits. Those of one thread are received in order.
    ///
    /// # Errors
    ///
    /// The message itself, if the queue is closed.
    pub fn send(&self, message: M) -> Result<(), M> {
        self.push(message).map(drop)
    }

    /// Adds a message, and wakes the reactor if it waits when the result is dropped.
    ///
    /// # Errors
    ///
    /// The message itself, if the queue is closed.
    pub fn push(&self, message: M) -> Result<WakeOnDrop, M> {
        let mut state = self.state();
        if state.closed {
            return Err(message);
        }
        state.messages.push_back(message);
        if let Some(waiter) = &state.waiter {
            waiter.set_has_messages(true);
        }
        Ok(WakeOnDrop(state.waiter.clone()))
    }

    /// Exchanges the messages for an empty queue, whose memory this one goes on to use.
    pub fn receive(&self, into: &mut VecDeque<M>) {
        debug_assert!(into.is_empty());
        let mut state = self.state();
        mem::swap(&mut state.messages, into);
        state.count_left(into.len());
    }

    /// A number for [`pop_before`](Self::pop_before), which then takes the messages that are there now.
    pub fn end(&self) -> u64 {
        let state = self.state();
        state.left + state.messages.len() as u64
    }

    /// Takes out the first message if it was there when [`end`](Self::end) returned this number.
    ///
    /// For a reactor whose callbacks may run a turn of it: that turn finds the messages that this one has not
    /// come to.
    pub fn pop_before(&self, end: u64) -> Option<M> {
        let mut state = self.state();
        if state.left >= end {
            return None;
        }
        let message = state.messages.pop_front()?;
        if state.messages.is_empty() {
            state.count_left(1);
            state.messages.shrink_to(KEPT_CAPACITY);
        } else {
            // The waiter knows already that there are messages.
            state.left += 1;
        }
        Some(message)
    }

    /// Puts `messages` in the place of those from `start` to `end`, which it returns. Positions count from the
    /// first message that waits; those after the last stand for the end.
    pub fn splice(&self, start: usize, end: usize, messages: Vec<M>) -> Vec<M> {
        let mut state = self.state();
        let end = end.min(state.messages.len());
        let start = start.min(end);
        let rest = state.messages.split_off(end);
        let replaced = state.messages.split_off(start);
        state.messages.extend(messages);
        state.messages.extend(rest);
        state.count_left(replaced.len());
        replaced.into()
    }

    /// Looks at the messages, with the queue locked.
    pub fn peek<R>(&self, look: impl FnOnce(&VecDeque<M>) -> R) -> R {
        look(&self.state().messages)
    }

    /// Whether no message waits.
    pub fn is_empty(&self) -> bool {
        self.state().messages.is_empty()
    }

    /// What the reactor waits by. There is none before the first, and in a process that was forked off,
    /// after [`take_waiter`](Self::take_waiter).
    pub fn waiter(&self) -> Option<Arc<Waiter>> {
        self.state().waiter.clone()
    }

    /// Takes the waiter out, to [abandon](Waiter::abandon) it in a process that was forked off. The messages stay.
    pub fn take_waiter(&self) -> Option<Arc<Waiter>> {
        self.state().waiter.take()
    }

    /// Has the reactor wait by another waiter. The first wait returns at once: a message may have come, or
    /// somebody may have woken the reactor, while there was none.
    pub fn set_waiter(&self, waiter: Arc<Waiter>) {
        waiter.wake();
        let mut state = self.state();
        waiter.set_has_messages(!state.messages.is_empty());
        let former = state.waiter.replace(waiter);
        drop((state, former));
    }

    /// Refuses further messages.
    ///
    /// Returns those that nobody has received.
    pub fn close(&self) -> VecDeque<M> {
        let mut state = self.state();
        state.closed = true;
        let messages = mem::take(&mut state.messages);
        state.count_left(messages.len());
        messages
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }
}

impl<M> State<M> {
    /// Notes that messages have left the queue, or were replaced.
    fn count_left(&mut self, count: usize) {
        self.left += count as u64;
        if let Some(waiter) = &self.waiter {
            waiter.set_has_messages(!self.messages.is_empty());
        }
    }
}

impl<M> fmt::Debug for MessageQueue<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Read before it is written, because the writer may run any code, which may use the queue.
        let (len, closed) = {
            let state = self.state();
            (state.messages.len(), state.closed)
        };
        f.debug_struct("MessageQueue")
            .field("len", &len)
            .field("closed", &closed)
            .finish_non_exhaustive()
    }
}
