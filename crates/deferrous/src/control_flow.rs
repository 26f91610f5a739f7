//! The errors that a Deferred ends with by itself, and those with which it refuses a call.
//!
//! All but [`CircularWait`] are control flow: a program that works makes them all the time.

use std::{error::Error, fmt, time::Duration};

/// Whether `error` is control flow. Capturing a backtrace takes twenty times as long as cancelling
/// a Deferred, and where a Deferred was cancelled is of no use to whoever handles that.
pub(crate) fn is_control_flow(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    error.is::<Cancelled>()
        || error.is::<TimedOut>()
        || error.is::<Abandoned>()
        || error.is::<AlreadyCalled>()
}

/// The Deferred was cancelled; Twisted's `CancelledError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this Deferred was cancelled")
    }
}

impl Error for Cancelled {}

/// The last [`Trigger`](crate::Trigger) was dropped without firing its Deferred. Twisted has no
/// such error: its Deferreds wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned;

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this Deferred was abandoned: all that could have fired it is gone")
    }
}

impl Error for Abandoned {}

/// The Deferred did not fire in the time given to `add_timeout`; Twisted's `TimeoutError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimedOut {
    /// How long it was given.
    pub after: Duration,
}

impl TimedOut {
    /// The error of something that was given this time, for timeouts of the program's own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use deferrous::{TimedOut, fail};
    /// let d = fail::<()>(TimedOut::new(Duration::from_secs(2)));
    /// assert_eq!(d.into_result().unwrap().unwrap_err().to_string(), "timed out after 2s");
    /// ```
    pub const fn new(after: Duration) -> Self {
        TimedOut { after }
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timed out after {:?}", self.after)
    }
}

impl Error for TimedOut {}

/// A callback returned a Deferred that waits for the callback's own; neither would ever have fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircularWait;

impl fmt::Display for CircularWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a callback returned a Deferred that waits for the callback's own Deferred")
    }
}

impl Error for CircularWait {}

/// The Deferred was fired or cancelled before; Twisted's `AlreadyCalledError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyCalled;

impl fmt::Display for AlreadyCalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this Deferred was already called: it has its outcome, and gets only one")
    }
}

impl Error for AlreadyCalled {}

/// [`unpause`](crate::Deferred::unpause) without a [`pause`](crate::Deferred::pause) that it could
/// end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPaused;

impl fmt::Display for NotPaused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this Deferred is not paused: each unpause needs a pause before it")
    }
}

impl Error for NotPaused {}
