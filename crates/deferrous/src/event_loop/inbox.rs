//! What other threads want of a reactor's.

use std::{
    fmt, io, mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    linger::{Linger, MOMENT},
    poller::{Events, Poller},
};

/// Messages to the thread that a reactor runs on, and the poller that it waits with.
///
/// Any thread may [`send`](Self::send). While the reactor waits, the first message wakes it, and
/// those that follow find it woken: a burst costs one call of the system.
///
/// ```
/// use deferrous::event_loop::{Events, Inbox};
/// use std::sync::Arc;
/// let inbox = Arc::new(Inbox::new()?);
/// let (sender, mut events, mut messages) = (inbox.clone(), Events::new(), Vec::new());
/// let thread = std::thread::spawn(move || sender.send("hello"));
/// while messages.is_empty() {
///     inbox.wait(&mut events, None)?;
///     inbox.receive(&mut messages);
/// }
/// assert_eq!(messages, ["hello"]);
/// # thread.join().unwrap().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Inbox<M> {
    messages: Mutex<Messages<M>>,
    /// The reactor polls or is about to, so whoever sends has to wake it. Taken by the first, so
    /// that a burst wakes once.
    asleep: AtomicBool,
    /// Somebody wants the next wait, or the one that is going on, to return for no message.
    woken: AtomicBool,
    /// For whoever lingers: there is something to look at.
    notified: AtomicBool,
    linger: Linger,
    poller: Poller,
}

struct Messages<M> {
    waiting: Vec<M>,
    closed: bool,
}

impl<M> Inbox<M> {
    /// An empty inbox.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for the poller.
    pub fn new() -> io::Result<Self> {
        Ok(Inbox {
            messages: Mutex::new(Messages {
                waiting: Vec::new(),
                closed: false,
            }),
            asleep: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            notified: AtomicBool::new(false),
            linger: Linger::new(),
            poller: Poller::new()?,
        })
    }

    fn messages(&self) -> MutexGuard<'_, Messages<M>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The poller, to add descriptors to.
    pub const fn poller(&self) -> &Poller {
        &self.poller
    }

    /// Leaves a message, and wakes the reactor if it waits. Those of one thread are received in
    /// order.
    ///
    /// # Errors
    ///
    /// The message itself, if the inbox is closed.
    pub fn send(&self, message: M) -> Result<(), M> {
        self.push(message)?;
        self.notify();
        Ok(())
    }

    /// Leaves a message as [`send`](Self::send) does, but does not wake the reactor. Whoever calls this
    /// calls [`notify`](Self::notify) soon: once for many messages, or when a lock is free that the
    /// reactor is going to need.
    ///
    /// # Errors
    ///
    /// The message itself, if the inbox is closed.
    pub fn push(&self, message: M) -> Result<(), M> {
        let mut messages = self.messages();
        if messages.closed {
            return Err(message);
        }
        messages.waiting.push(message);
        Ok(())
    }

    /// Wakes the reactor if it waits, for the messages that were [pushed](Self::push).
    pub fn notify(&self) {
        self.notified.store(true, Ordering::Release);
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Err(error) = self.poller.wake()
        {
            // A message is in the inbox and is read when something else wakes the reactor.
            tracing::error!(%error, "cannot wake the reactor");
        }
    }

    /// Has the reactor return from its wait; if it does not wait, from the next one.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        self.notify();
    }

    /// Exchanges the messages for an empty vector, whose room the inbox goes on to use.
    pub fn receive(&self, into: &mut Vec<M>) {
        debug_assert!(into.is_empty());
        mem::swap(&mut self.messages().waiting, into);
    }

    /// Whether nothing has come since the last [`receive`](Self::receive).
    pub fn is_empty(&self) -> bool {
        self.messages().waiting.is_empty()
    }

    /// Waits a moment (20 microseconds) for a message, for a reactor that expects one soon and is going
    /// to [wait](Self::wait) for `timeout`. Returns what is left of that.
    ///
    /// It keeps the processor busy meanwhile: a short job of another thread is done in less time than
    /// it takes to sleep and to be woken. Where no message came in earlier moments, only some waits have one,
    /// and there is none if the timeout is shorter than that.
    pub fn linger(&self, timeout: Option<Duration>) -> Option<Duration> {
        if timeout.is_some_and(|timeout| timeout < MOMENT) || !self.linger.is_due() {
            return timeout;
        }
        self.notified.store(false, Ordering::Relaxed);
        if !self.is_empty() {
            return timeout;
        }
        let spent = self.linger.until(|| self.notified.load(Ordering::Acquire));
        timeout.map(|timeout| timeout.saturating_sub(spent))
    }

    /// Waits for events until `timeout` has passed, a message comes or somebody [wakes](Self::wake)
    /// it, and not at all if that has happened already. A signal ends it as well.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = if timeout == Some(Duration::ZERO) {
            timeout
        } else {
            self.asleep.store(true, Ordering::SeqCst);
            if self.is_empty() && !self.woken.load(Ordering::SeqCst) {
                timeout
            } else {
                Some(Duration::ZERO)
            }
        };
        let polled = self.poller.wait(events, timeout);
        self.asleep.store(false, Ordering::SeqCst);
        // Reading it shows what whoever has woken this wait has done before.
        self.woken.swap(false, Ordering::SeqCst);
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Closes the poller in a process that was forked off, without a change for the parent, and drops
    /// the messages.
    ///
    /// The child shares the poller's descriptors with its parent. It needs an inbox of its own, to whose
    /// poller it adds what it waits for. To drop an inherited inbox is not enough: some pollers delete
    /// descriptors when they are dropped, which the parent would then no longer hear of.
    pub fn abandon(self) {
        self.poller.abandon();
    }

    /// Refuses further messages.
    ///
    /// Returns those that nobody has received.
    pub fn close(&self) -> Vec<M> {
        let mut messages = self.messages();
        messages.closed = true;
        mem::take(&mut messages.waiting)
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.messages().closed
    }
}

impl<M> fmt::Debug for Inbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = self.messages();
        f.debug_struct("Inbox")
            .field("waiting", &messages.waiting.len())
            .field("closed", &messages.closed)
            .finish_non_exhaustive()
    }
}
