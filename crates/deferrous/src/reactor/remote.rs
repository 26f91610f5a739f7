//! Reaching a reactor from other threads.

use std::{
    fmt,
    sync::{Arc, mpsc},
    thread,
};

use super::{
    errors::{ReactorGone, WouldDeadlock},
    state::{BlockedCall, Message, Reactor, Shared},
};
use crate::{
    deferred::{CallbackResult, maybe_deferred},
    failure::Failure,
};

/// Reaches a [`Reactor`] from any thread.
///
/// Made by [`Reactor::remote`]. Clones reach the same reactor. It is gone for them when its run has
/// ended, also if it runs again after [`run_until`](Reactor::run_until).
///
/// ```
/// let reactor = deferrous::Reactor::new()?;
/// let remote = reactor.remote();
/// std::thread::spawn(move || remote.call_from_thread(|reactor| reactor.stop().unwrap()));
/// reactor.run()?;
/// # Ok::<(), deferrous::Failure>(())
/// ```
#[derive(Clone)]
pub struct Remote(Arc<Shared>);

impl Remote {
    /// Has `call` made on the reactor's thread, soon; Twisted's `callFromThread`.
    ///
    /// Calls from one thread are made in order. If the reactor does not run yet, they wait until it
    /// does. A call that panics is reported. Any thread may use it, the reactor's own too.
    ///
    /// # Errors
    ///
    /// [`ReactorGone`] if the reactor has ended; the call is dropped then.
    pub fn call_from_thread(
        &self,
        call: impl FnOnce(&Reactor) + Send + 'static,
    ) -> Result<(), ReactorGone> {
        self.0.send(Message::Call(Box::new(call)))
    }

    /// Stops the reactor; Twisted's `reactor.callFromThread(reactor.stop)`. Nothing happens if it
    /// is stopping already; if it does not run yet, it stops as soon as it does.
    ///
    /// # Errors
    ///
    /// [`ReactorGone`] if it has ended.
    pub fn stop(&self) -> Result<(), ReactorGone> {
        self.call_from_thread(|reactor| {
            // Only stopping twice fails here, which is what was wanted.
            let _ = reactor.stop();
        })
    }

    /// Calls `call` on the reactor's thread and waits for the outcome of the Deferred, or the
    /// result, that it returns; Twisted's `blockingCallFromThread`.
    ///
    /// For code in a pool thread. If the reactor stops meanwhile, the Deferred is cancelled as soon as
    /// no delayed call, message or job is left that could fire it. Watched descriptors and looping
    /// calls may still fire it, but are not waited for.
    ///
    /// # Errors
    ///
    /// What the call fails with, a panic included; [`ReactorGone`] if the reactor has ended or ends
    /// meanwhile; [`WouldDeadlock`] on the reactor's own thread.
    ///
    /// ```
    /// use deferrous::{Failure, Reactor, succeed};
    /// let reactor = Reactor::new()?;
    /// let remote = reactor.remote();
    /// let d = reactor.defer_to_thread(move || {
    ///     let looked_up: u32 = remote.blocking_call_from_thread(|_reactor| succeed(20))?;
    ///     Ok(looked_up + 1)
    /// });
    /// assert_eq!(reactor.run_until(d)?, 21);
    /// # Ok::<(), Failure>(())
    /// ```
    pub fn blocking_call_from_thread<R>(
        &self,
        call: impl FnOnce(&Reactor) -> R + Send + 'static,
    ) -> Result<R::Value, Failure>
    where
        R: CallbackResult,
        R::Value: Send,
    {
        if thread::current().id() == self.0.thread {
            return Err(WouldDeadlock.into());
        }
        let (sender, receiver) = mpsc::sync_channel::<Result<R::Value, Failure>>(1);
        self.call_from_thread(move |reactor| {
            let reactor_again = reactor.clone();
            let d = maybe_deferred(move || call(&reactor_again));
            let ending = sender.clone();
            let waiting = reactor.add_blocked(BlockedCall {
                handle: d.cancel_handle(),
                gone: Box::new(move || drop(ending.try_send(Err(ReactorGone.into())))),
            });
            let reactor = reactor.clone();
            d.add_both(move |result| {
                reactor.remove_blocked(waiting);
                // A thread that was told that the reactor is gone waits no more.
                let _ = sender.try_send(result);
            });
        })?;
        receiver.recv().unwrap_or_else(|_| Err(ReactorGone.into()))
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("thread", &self.0.thread)
            .field("gone", &self.0.queue.is_closed())
            .finish()
    }
}

impl Reactor {
    /// A handle by which other threads reach this reactor.
    pub fn remote(&self) -> Remote {
        Remote(self.shared())
    }

    fn add_blocked(&self, call: BlockedCall) -> (u64, usize) {
        let key = self.0.blocked.borrow_mut().insert(call);
        (self.0.runs.get(), key)
    }

    fn remove_blocked(&self, (run, key): (u64, usize)) {
        // After the end of its run the place may be that of another call.
        if run == self.0.runs.get() {
            let removed = self.0.blocked.borrow_mut().try_remove(key);
            drop(removed);
        }
    }
}
