//! Firing a Deferred from another thread: [`RemoteTrigger`].

use std::{fmt, marker::PhantomData, sync::Arc};

use super::{
    errors::ReactorGone,
    state::{Message, Reactor, Shared},
};
use crate::{
    deferred::{Abandoned, Deferred, cell::Outcome, deferred, fail},
    failure::Failure,
};

/// Fires a Deferred of a [`Reactor`] from any thread, once.
///
/// [`Reactor::remote_trigger`] makes one together with its [`Deferred`]. It is what a
/// [`Trigger`](crate::Trigger) is on the reactor's own thread, for callbacks of other libraries and
/// threads of the program's own; a job in the thread pool needs none, because its result comes back
/// by itself. In Twisted this is `reactor.callFromThread(d.callback, value)`.
///
/// The methods take it, so that it cannot fire twice, and only send: the callbacks run on the
/// reactor's thread, in one of its next turns. Outcomes that one thread sends arrive in the order in
/// which they were sent, also among the calls of
/// [`Remote::call_from_thread`](crate::Remote::call_from_thread). If it is dropped without firing,
/// by a thread that panics for example, the Deferred fails with [`Abandoned`](crate::Abandoned). It
/// keeps neither the reactor nor the Deferred alive.
///
/// ```
/// use deferrous::{Failure, Reactor};
/// let reactor = Reactor::new()?;
/// let (trigger, d) = reactor.remote_trigger::<u64>();
/// std::thread::spawn(move || trigger.callback(42));
/// assert_eq!(reactor.run_until(d)?, 42);
/// # Ok::<(), Failure>(())
/// ```
#[must_use = "a Deferred whose remote trigger is dropped fails with `Abandoned`"]
pub struct RemoteTrigger<T> {
    key: usize,
    shared: Arc<Shared>,
    fired: bool,
    /// Invariant, because the value is asked for its type when it arrives.
    _value: PhantomData<fn(T) -> T>,
}

impl<T: Send + 'static> RemoteTrigger<T> {
    /// Fires the Deferred with a value; Twisted's `reactor.callFromThread(d.callback, value)`.
    ///
    /// # Errors
    ///
    /// [`ReactorGone`] if the reactor has ended; the Deferred has failed with
    /// [`Abandoned`](crate::Abandoned) then, and the value is dropped. It is no error if the
    /// Deferred was cancelled meanwhile: the value is then dropped on the reactor's thread.
    ///
    /// ```
    /// let reactor = deferrous::Reactor::new()?;
    /// let (trigger, d) = reactor.remote_trigger();
    /// trigger.callback("from here, too")?;
    /// assert_eq!(reactor.run_until(d)?, "from here, too");
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn callback(self, value: T) -> Result<(), ReactorGone> {
        self.fire_with(Ok(value))
    }

    /// Fires the Deferred with an error; Twisted's `reactor.callFromThread(d.errback, failure)`.
    ///
    /// # Errors
    ///
    /// As for [`callback`](Self::callback).
    ///
    /// ```
    /// let reactor = deferrous::Reactor::new()?;
    /// let (trigger, d) = reactor.remote_trigger::<u64>();
    /// std::thread::spawn(move || trigger.errback(std::io::Error::other("no disk")));
    /// assert_eq!(reactor.run_until(d).unwrap_err().to_string(), "no disk");
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn errback(self, failure: impl Into<Failure>) -> Result<(), ReactorGone> {
        self.fire_with(Err(failure.into()))
    }

    /// Fires the Deferred with a value or a failure, whichever the result is.
    ///
    /// # Errors
    ///
    /// As for [`callback`](Self::callback).
    ///
    /// ```
    /// let reactor = deferrous::Reactor::new()?;
    /// let (trigger, d) = reactor.remote_trigger::<u8>();
    /// let parse = || Ok("8".parse()?);
    /// std::thread::spawn(move || trigger.fire_with(parse()));
    /// assert_eq!(reactor.run_until(d)?, 8);
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn fire_with(mut self, result: Result<T, Failure>) -> Result<(), ReactorGone> {
        self.fired = true;
        self.post(Box::new(move || result.into()))
    }
}

impl<T> RemoteTrigger<T> {
    fn post(&self, outcome: Box<dyn FnOnce() -> Outcome + Send>) -> Result<(), ReactorGone> {
        self.shared.send(Message::Fire(self.key, outcome))
    }
}

impl<T> Drop for RemoteTrigger<T> {
    fn drop(&mut self) {
        if !self.fired {
            // A reactor that has ended has abandoned the Deferred itself.
            let _ = self.post(Box::new(|| {
                Outcome::Failure(Failure::without_backtrace(Abandoned))
            }));
        }
    }
}

impl<T> fmt::Debug for RemoteTrigger<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteTrigger")
            .field("thread", &self.shared.thread)
            .field("gone", &self.shared.queue.is_closed())
            .finish_non_exhaustive()
    }
}

impl Reactor {
    /// Makes a Deferred, and the end that fires it from any thread: as [`deferred`](crate::deferred())
    /// with a [`RemoteTrigger`]. To be called on the reactor's thread, where the Deferred stays.
    ///
    /// The Deferred fires while the reactor runs. Cancelling it fails it at once, and an outcome
    /// that comes later is dropped. If the reactor ends or is dropped first, or has ended already,
    /// it fails with [`Abandoned`](crate::Abandoned). A value that cannot be sent to another thread
    /// does not compile. Twisted has no function for this: there any thread may hold the Deferred.
    ///
    /// ```
    /// use deferrous::{Failure, Reactor, gather_results};
    /// let reactor = Reactor::new()?;
    /// let squares = (0..4_u64).map(|n| {
    ///     let (trigger, d) = reactor.remote_trigger();
    ///     std::thread::spawn(move || trigger.callback(n * n));
    ///     d
    /// });
    /// assert_eq!(reactor.run_until(gather_results(squares))?, [0, 1, 4, 9]);
    /// # Ok::<(), Failure>(())
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn remote_trigger<T: Send + 'static>(&self) -> (RemoteTrigger<T>, Deferred<T>) {
        let (key, d) = if self.has_ended() {
            // Its queue is closed, so nobody asks for this key.
            (usize::MAX, fail(Abandoned))
        } else {
            let (trigger, d) = deferred();
            d.inspected().named("remote_trigger");
            let mut replies = self.0.replies.borrow_mut();
            (replies.insert(trigger.into_firing()), d)
        };
        let trigger = RemoteTrigger {
            key,
            shared: self.shared(),
            fired: false,
            _value: PhantomData,
        };
        (trigger, d)
    }
}
