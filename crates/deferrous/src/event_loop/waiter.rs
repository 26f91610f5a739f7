//! How a reactor waits for events and messages.

use std::{fmt, io, sync::atomic::Ordering, time::Duration};

use super::{
    poller::{Events, Poller},
    spin_wait::{SPIN_WINDOW, SpinWait},
};
use crate::{diagnostics, primitives::AtomicBool};

/// Waits for events of descriptors and for messages in a [`MessageQueue`](super::MessageQueue).
///
/// It has no lock: a thread that waits leaves nothing locked in a process that is forked off meanwhile.
pub struct Waiter {
    /// The reactor polls or is about to, so whoever sends has to wake it. Taken by the first, so
    /// that a burst wakes once. It is only swapped: so whoever comes later, the reactor or a sender,
    /// sees what those before have done.
    asleep: AtomicBool,
    /// Somebody wants the next wait, or the one that is going on, to return for no message. It is only
    /// swapped, too.
    woken: AtomicBool,
    /// The queue has messages.
    has_messages: AtomicBool,
    /// Tells a wait that spins of a message.
    notified: AtomicBool,
    spin_wait: SpinWait,
    poller: Poller,
}

impl Waiter {
    /// One that nobody waits by yet.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for the poller.
    pub fn new() -> io::Result<Self> {
        Ok(Waiter {
            asleep: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            has_messages: AtomicBool::new(false),
            notified: AtomicBool::new(false),
            spin_wait: SpinWait::new(),
            poller: Poller::new()?,
        })
    }

    /// The poller, to add descriptors to.
    pub const fn poller(&self) -> &Poller {
        &self.poller
    }

    /// The queue says whether it has messages, before it [notifies](Self::notify).
    pub(super) fn set_has_messages(&self, some: bool) {
        self.has_messages.store(some, Ordering::SeqCst);
    }

    /// Wakes the reactor if it waits, for messages that are in the queue.
    pub(super) fn notify(&self) {
        self.notified.store(true, Ordering::Release);
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Err(error) = self.poller.wake()
        {
            diagnostics::cannot_wake(&error);
        }
    }

    /// Has the reactor return from its wait; if it does not wait, from the next one. Any thread may call it.
    pub fn wake(&self) {
        self.woken.swap(true, Ordering::SeqCst);
        self.notify();
    }

    /// Spins for up to 20 microseconds until there is a message, for a reactor that expects one soon and is going
    /// to [wait](Self::wait) for `timeout`. Returns what is left of that.
    ///
    /// A short job of another thread is done in less time than it takes to sleep and to be woken. After spins
    /// that ended without a message only some waits spin, and none does if the timeout is shorter than that.
    pub fn spin(&self, timeout: Option<Duration>) -> Option<Duration> {
        if timeout.is_some_and(|timeout| timeout < SPIN_WINDOW) || !self.spin_wait.is_due() {
            return timeout;
        }
        self.notified.store(false, Ordering::SeqCst);
        if self.has_messages.load(Ordering::SeqCst) {
            return timeout;
        }
        let spent = self
            .spin_wait
            .until(|| self.notified.load(Ordering::Acquire));
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
            self.asleep.swap(true, Ordering::SeqCst);
            if self.has_messages.load(Ordering::SeqCst) || self.woken.load(Ordering::SeqCst) {
                Some(Duration::ZERO)
            } else {
                timeout
            }
        };
        let polled = self.poller.wait(events, timeout);
        self.asleep.swap(false, Ordering::SeqCst);
        // Reading it shows what whoever has woken this wait has done before.
        self.woken.swap(false, Ordering::SeqCst);
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Closes the poller in a process that was forked off, without a change for the parent.
    ///
    /// The child shares the poller's descriptors with its parent. It needs a waiter of its own, to whose
    /// poller it adds what it waits for. To drop an inherited one is not enough: some pollers delete
    /// descriptors when they are dropped, which the parent would then no longer hear of.
    pub fn abandon(self) {
        self.poller.abandon();
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").finish_non_exhaustive()
    }
}
