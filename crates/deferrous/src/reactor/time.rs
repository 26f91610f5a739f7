//! What needs time, and not a whole reactor: [`ReactorTime`], [`Clock`], and timeouts of Deferreds.

use std::{cell::Cell, fmt, rc::Rc, time::Duration};

use super::timers::{DelayedCall, Timers};
use crate::{
    deferred::{CallbackResult, Cancelled, Deferred, TimedOut, deferred_with_canceller},
    failure::Failure,
};

/// A source of time and delayed calls: a [`Reactor`](crate::Reactor) or a [`Clock`]. Twisted's
/// `IReactorTime`.
///
/// Code that takes `&impl ReactorTime` can be tested without waiting. Clones are the same source,
/// which belongs to one thread.
pub trait ReactorTime: Clone + sealed::HasTimers + 'static {
    /// The time since the source was made. It never goes back. Twisted's `seconds`.
    fn now(&self) -> Duration {
        self.timers().now()
    }

    /// Calls `call` once `delay` has passed; Twisted's `callLater`.
    ///
    /// Calls with the same deadline are made in the order in which they were set. One that panics
    /// is reported, and the others go on.
    #[cfg_attr(feature = "inspect", track_caller)]
    fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        self.timers().call_later(delay, call)
    }

    /// A Deferred that fires once `delay` has passed; Twisted's `deferLater` without a function.
    ///
    /// Cancelling it cancels the delayed call that it waits for, and it fails with [`Cancelled`].
    /// Dropping it does not. If the source of time ends first, it fails with
    /// [`Abandoned`](crate::Abandoned).
    ///
    /// ```
    /// use std::time::Duration;
    /// use deferrous::{Clock, ReactorTime};
    /// fn countdown(time: &impl ReactorTime) -> deferrous::Deferred<&'static str> {
    ///     let again = time.clone();
    ///     time.sleep(Duration::from_secs(1))
    ///         .add_callback(move |()| again.sleep(Duration::from_secs(1)))
    ///         .map(|()| "lift-off")
    /// }
    /// let clock = Clock::new();
    /// let d = countdown(&clock);
    /// clock.pump([Duration::from_secs(1); 2]);
    /// assert_eq!(d.into_result().unwrap()?, "lift-off");
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[must_use = "dropping the Deferred does not cancel its delayed call"]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn sleep(&self, delay: Duration) -> Deferred<()> {
        sleep(self.timers(), delay)
    }

    /// Calls `call` once `delay` has passed, and fires the Deferred with what it returns, or what
    /// the Deferred that it returns comes to; Twisted's `deferLater`.
    ///
    /// A panic is the failure. Cancelling the Deferred before that time cancels the delayed call, and
    /// afterwards what `call` has returned. If the source of time ends first, the Deferred fails with
    /// [`Abandoned`](crate::Abandoned).
    ///
    /// ```
    /// use std::time::Duration;
    /// let clock = deferrous::Clock::new();
    /// let d = clock.defer_later(Duration::from_secs(2), || Ok("8".parse::<u8>()?));
    /// clock.advance(Duration::from_secs(2));
    /// assert_eq!(d.into_result().unwrap()?, 8);
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[must_use = "dropping the Deferred does not cancel the call, and leaves its failure unhandled"]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn defer_later<R: CallbackResult>(
        &self,
        delay: Duration,
        call: impl FnOnce() -> R + 'static,
    ) -> Deferred<R::Value> {
        self.sleep(delay).add_callback(move |()| call())
    }

    /// How many delayed calls are pending; the length of Twisted's `getDelayedCalls`.
    fn delayed_calls(&self) -> usize {
        self.timers().len()
    }
}

#[cfg_attr(feature = "inspect", track_caller)]
fn sleep(timers: &Timers, delay: Duration) -> Deferred<()> {
    let pending = Rc::new(Cell::new(None::<DelayedCall>));
    let to_cancel = pending.clone();
    let (trigger, d) = deferred_with_canceller(move |_| {
        if let Some(call) = to_cancel.take() {
            // It may have been dropped with its reactor.
            let _ = call.cancel();
        }
    });
    let call = timers.call_later(delay, move || {
        // Whoever cancels the Deferred cancels this call, so it cannot have fired.
        let _ = trigger.callback(());
    });
    call.inspected().named("sleep");
    d.inspected().named("sleep");
    d.inspected().waits_for(call.inspected());
    pending.set(Some(call));
    d
}

pub(super) mod sealed {
    use super::Timers;

    pub trait HasTimers {
        #[doc(hidden)]
        fn timers(&self) -> &Timers;
    }
}

/// A reactor's time without the time: it passes when [`advance`](Clock::advance) says so. Twisted's
/// `task.Clock`.
///
/// ```
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// let (clock, rang) = (deferrous::Clock::new(), Rc::new(Cell::new(false)));
/// let bell = rang.clone();
/// clock.call_later(Duration::from_secs(3600), move || bell.set(true));
/// clock.advance(Duration::from_secs(3599));
/// assert!(!rang.get());
/// clock.advance(Duration::from_secs(1));
/// assert!(rang.get());
/// ```
///
/// Time ends after 2^64 nanoseconds, which are 584 years. The clock stands still then, and calls that
/// are set for later are never made.
#[derive(Clone)]
pub struct Clock(Timers);

impl Clock {
    /// A clock at zero.
    pub fn new() -> Self {
        Clock(Timers::manual())
    }

    /// A clock that shows and moves the time of `timers`.
    pub(super) fn of(timers: &Timers) -> Self {
        Clock(timers.clone())
    }

    /// Lets `amount` pass and makes the calls that are due then; Twisted's `advance`.
    ///
    /// To the calls it is the new time already, and calls that they set for that time or an earlier one are
    /// made, too.
    pub fn advance(&self, amount: Duration) {
        self.0.pass(amount);
        self.0.run_due();
    }

    /// Lets each amount pass in turn; Twisted's `pump`.
    pub fn pump(&self, amounts: impl IntoIterator<Item = Duration>) {
        for amount in amounts {
            self.advance(amount);
        }
    }

    /// The time since the clock was made: [`ReactorTime::now`].
    pub fn now(&self) -> Duration {
        self.0.now()
    }

    /// Calls `call` once `delay` has passed: [`ReactorTime::call_later`].
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        self.0.call_later(delay, call)
    }

    /// A Deferred that fires once `delay` has passed: [`ReactorTime::sleep`].
    #[must_use = "dropping the Deferred does not cancel its delayed call"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn sleep(&self, delay: Duration) -> Deferred<()> {
        ReactorTime::sleep(self, delay)
    }

    /// Calls `call` once `delay` has passed, for a Deferred: [`ReactorTime::defer_later`].
    #[must_use = "dropping the Deferred does not cancel the call, and leaves its failure unhandled"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn defer_later<R: CallbackResult>(
        &self,
        delay: Duration,
        call: impl FnOnce() -> R + 'static,
    ) -> Deferred<R::Value> {
        ReactorTime::defer_later(self, delay, call)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::new()
    }
}

impl sealed::HasTimers for Clock {
    fn timers(&self) -> &Timers {
        &self.0
    }
}

impl ReactorTime for Clock {}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("now", &self.now())
            .field("delayed_calls", &self.delayed_calls())
            .finish()
    }
}

impl<T: 'static> Deferred<T> {
    /// Cancels this Deferred if the chain so far has not come to an outcome in time; it then fails
    /// with [`TimedOut`]. Twisted's `addTimeout`.
    ///
    /// If a canceller or errback turns the cancellation into something else, that is kept.
    ///
    /// ```
    /// use std::time::Duration;
    /// let clock = deferrous::Clock::new();
    /// let (_trigger, d) = deferrous::deferred::<()>();
    /// let d = d.add_timeout(Duration::from_secs(2), &clock);
    /// clock.advance(Duration::from_secs(2));
    /// let failure = d.into_result().unwrap().unwrap_err();
    /// assert_eq!(failure.to_string(), "timed out after 2s");
    /// ```
    #[must_use = "the timeout is a failure of the Deferred returned"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn add_timeout(self, timeout: Duration, clock: &impl ReactorTime) -> Deferred<T> {
        self.add_timeout_with(timeout, clock, move |result| match result {
            Err(failure) if failure.check::<Cancelled>() => Err(TimedOut::new(timeout).into()),
            other => other,
        })
    }

    /// As [`add_timeout`](Self::add_timeout), but after a timeout `on_timeout` decides what becomes
    /// of the outcome: the `onTimeoutCancel` of Twisted's `addTimeout`.
    ///
    /// ```
    /// use std::time::Duration;
    /// let clock = deferrous::Clock::new();
    /// let (_trigger, d) = deferrous::deferred();
    /// let d = d.add_timeout_with(Duration::from_secs(2), &clock, |_| Ok("the default"));
    /// clock.advance(Duration::from_secs(2));
    /// assert_eq!(d.into_result().unwrap().unwrap(), "the default");
    /// ```
    #[must_use = "the timeout is an outcome of the Deferred returned"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn add_timeout_with<R: CallbackResult<Value = T>>(
        self,
        timeout: Duration,
        clock: &impl ReactorTime,
        on_timeout: impl FnOnce(Result<T, Failure>) -> R + 'static,
    ) -> Deferred<T> {
        let timed_out = Rc::new(Cell::new(false));
        let (mark, handle) = (timed_out.clone(), self.cancel_handle());
        let call = clock.call_later(timeout, move || {
            mark.set(true);
            handle.cancel();
        });
        call.inspected().named("add_timeout");
        self.inspected().limited_by(call.inspected());
        self.add_both(move |result| {
            if timed_out.get() {
                return on_timeout(result).into_deferred();
            }
            // Already made means that it is being made, which `timed_out` says.
            let _ = call.cancel();
            result.into()
        })
    }
}
