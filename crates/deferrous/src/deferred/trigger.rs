//! The end that fires.

use std::{fmt, marker::PhantomData};

use super::{
    cell::{DeferredCell, Firing, Outcome},
    describe::describe,
};
use crate::{control_flow::AlreadyCalled, failure::Failure, inspect};

/// The end of a Deferred that fires it: `callback` and `errback` of Twisted's `Deferred`.
///
/// [`deferred`](crate::deferred()) makes one together with its [`Deferred`](crate::Deferred).
/// Clones fire the same Deferred, because a success handler and an error handler often both need
/// one; the first to do so wins. When the last clone is dropped without firing, the Deferred fails
/// with [`Abandoned`](crate::Abandoned), so that nothing waits for ever by accident.
///
/// A trigger stays on its thread. To fire from another one, make the Deferred with
/// `Reactor::remote_trigger`, or let `Reactor::defer_to_thread` do that.
#[must_use = "a Deferred whose triggers are all dropped fails with `Abandoned`"]
pub struct Trigger<T> {
    firing: Firing,
    /// Invariant, as in a [`Deferred`](crate::Deferred).
    _value: PhantomData<fn(T) -> T>,
}

impl<T: 'static> Trigger<T> {
    #[inline]
    pub(crate) fn new(cell: DeferredCell) -> Self {
        Trigger {
            firing: Firing::new(cell),
            _value: PhantomData,
        }
    }

    /// Fires the Deferred with a value and runs its callbacks; Twisted's `callback`.
    ///
    /// # Errors
    ///
    /// [`AlreadyCalled`] if it was fired or cancelled before; nothing changes then. The one call
    /// that follows a cancellation without a canceller is accepted and ignored, because its
    /// caller could not know.
    ///
    /// ```
    /// let (trigger, d) = deferrous::deferred::<u64>();
    /// let d = d.map(|n| n + 1);
    /// trigger.callback(41)?;
    /// assert!(trigger.callback(1).is_err());
    /// assert_eq!(d.into_result().unwrap()?, 42);
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[inline]
    pub fn callback(&self, value: T) -> Result<(), AlreadyCalled> {
        self.firing.fire(Outcome::value(value))
    }

    /// Fires the Deferred with an error and runs its errbacks; Twisted's `errback`.
    ///
    /// # Errors
    ///
    /// As for [`callback`](Self::callback).
    ///
    /// ```
    /// let (trigger, d) = deferrous::deferred::<u64>();
    /// trigger.errback(std::io::Error::other("no disk"))?;
    /// assert_eq!(d.into_result().unwrap().unwrap_err().to_string(), "no disk");
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[inline]
    pub fn errback(&self, failure: impl Into<Failure>) -> Result<(), AlreadyCalled> {
        self.firing.fire(Outcome::Failure(failure.into()))
    }

    /// Fires the Deferred with a value or a failure, whichever the result is.
    ///
    /// # Errors
    ///
    /// As for [`callback`](Self::callback).
    #[inline]
    pub fn fire_with(&self, result: Result<T, Failure>) -> Result<(), AlreadyCalled> {
        self.firing.fire(result.into())
    }

    /// Whether the Deferred was fired or cancelled; Twisted's `called`.
    #[inline]
    pub fn is_called(&self) -> bool {
        self.firing.is_called()
    }

    /// Whether nobody would notice if the Deferred were fired: it was dropped, and has no links.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.firing.cell().is_unwanted()
    }

    /// The number under which its Deferred is inspected.
    #[inline(always)]
    pub(crate) fn inspected(&self) -> inspect::Id {
        inspect::Id::of(|| self.firing.cell().inspected())
    }

    pub(crate) fn into_firing(self) -> Firing {
        self.firing
    }
}

impl<T> Clone for Trigger<T> {
    #[inline]
    fn clone(&self) -> Self {
        Trigger {
            firing: self.firing.clone(),
            _value: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Trigger<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe::<T>(f, "Trigger", self.firing.cell())
    }
}
