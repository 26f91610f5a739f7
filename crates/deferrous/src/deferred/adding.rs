//! Adding to a chain.

use super::{cell::Outcome, returns::CallbackResult, trigger::Trigger, typed::Deferred};
use crate::{chain::Step, failure::Failure};

impl<T: 'static> Deferred<T> {
    /// Adds a function that turns the value into another one; a failure passes by.
    ///
    /// A panic in it becomes a failure, as in all callbacks.
    ///
    /// ```
    /// let d = deferrous::succeed(20).map(|n| n + 1).map(|n| n * 2);
    /// assert_eq!(d.into_result().unwrap().unwrap(), 42);
    /// ```
    #[inline]
    pub fn map<U: 'static>(self, f: impl FnOnce(T) -> U + 'static) -> Deferred<U> {
        self.link(move |outcome: &mut Outcome| {
            if let Outcome::Value(value) = outcome {
                let mapped = f(value.take());
                value.set(mapped);
            }
            Step::Outcome
        })
    }

    /// Adds a callback for the value; a failure passes by. Twisted's `addCallback`.
    ///
    /// The callback may return `()`, a `Result`, or a Deferred to wait for: see [`CallbackResult`].
    ///
    /// ```
    /// use deferrous::{Failure, succeed};
    /// let d = succeed("8").add_callback(|text| Ok(text.parse::<u8>()?)).add_callback(|n| succeed(n + 1));
    /// assert_eq!(d.into_result().unwrap()?, 9);
    /// # Ok::<(), Failure>(())
    /// ```
    #[inline]
    pub fn add_callback<R: CallbackResult>(
        self,
        callback: impl FnOnce(T) -> R + 'static,
    ) -> Deferred<R::Value> {
        self.link(move |outcome: &mut Outcome| match outcome {
            Outcome::Value(value) => callback(value.take()).into_step(outcome),
            Outcome::Failure(_) => Step::Outcome,
        })
    }

    /// Adds an errback for a failure; a value passes by. Twisted's `addErrback`.
    ///
    /// What the errback returns takes the value's place, so it has the same type.
    ///
    /// ```
    /// let d = deferrous::fail::<u8>(std::fmt::Error).add_errback(|_| Ok(3));
    /// assert_eq!(d.into_result().unwrap().unwrap(), 3);
    /// ```
    #[inline]
    pub fn add_errback<R: CallbackResult<Value = T>>(
        self,
        errback: impl FnOnce(Failure) -> R + 'static,
    ) -> Deferred<T> {
        self.link(move |outcome: &mut Outcome| match outcome.take() {
            Outcome::Failure(failure) => errback(failure).into_step(outcome),
            value => {
                *outcome = value;
                Step::Outcome
            }
        })
    }

    /// Adds a callback for the value and an errback for a failure, of which one runs; a failure of
    /// the callback goes to the next link, not to this errback. Twisted's `addCallbacks`.
    ///
    /// ```
    /// let d = deferrous::succeed(1)
    ///     .add_callbacks(|n| Ok(n.to_string()), |failure| Ok(failure.to_string()));
    /// assert_eq!(d.into_result().unwrap().unwrap(), "1");
    /// ```
    #[inline]
    pub fn add_callbacks<R, E>(
        self,
        callback: impl FnOnce(T) -> R + 'static,
        errback: impl FnOnce(Failure) -> E + 'static,
    ) -> Deferred<R::Value>
    where
        R: CallbackResult,
        E: CallbackResult<Value = R::Value>,
    {
        self.link(move |outcome: &mut Outcome| match outcome.take_result() {
            Ok(value) => callback(value).into_step(outcome),
            Err(failure) => errback(failure).into_step(outcome),
        })
    }

    /// Adds a function that runs whatever the outcome is. Twisted's `addBoth`.
    ///
    /// ```
    /// let d = deferrous::succeed(1).add_both(|result| Ok(result.is_ok()));
    /// assert!(d.into_result().unwrap().unwrap());
    /// ```
    #[inline]
    pub fn add_both<R: CallbackResult>(
        self,
        both: impl FnOnce(Result<T, Failure>) -> R + 'static,
    ) -> Deferred<R::Value> {
        self.link(move |outcome: &mut Outcome| both(outcome.take_result()).into_step(outcome))
    }

    /// Fires another Deferred with this one's outcome, and goes on with `()`; Twisted's
    /// `chainDeferred`.
    ///
    /// If the other one was fired meanwhile, this one goes on with
    /// [`AlreadyCalled`](crate::AlreadyCalled), and a failure that it was to hand over is reported
    /// as unhandled. While the callbacks of the other one run, this one has handed its outcome over
    /// already, so what they add to it runs at once. Cancelling the other one does not cancel this
    /// one; for that, return a Deferred from a callback.
    ///
    /// ```
    /// let (trigger, d) = deferrous::deferred();
    /// let rest = deferrous::succeed(5).chain_deferred(trigger);
    /// assert_eq!(d.into_result().unwrap().unwrap(), 5);
    /// assert!(rest.into_result().unwrap().is_ok());
    /// ```
    pub fn chain_deferred(self, other: Trigger<T>) -> Deferred<()> {
        other.inspected().waits_for(self.inspected());
        self.link(move |_: &mut Outcome| Step::Forward(other.into_firing().into_cell()))
    }

    /// Adds the last link, which may end with firing another Deferred. As an `add_both` that calls
    /// its trigger, but a chain of any length takes no stack.
    pub(crate) fn end_with<U: 'static>(
        self,
        last: impl FnOnce(Result<T, Failure>) -> Option<(Trigger<U>, Result<U, Failure>)> + 'static,
    ) {
        let id = self.inspected();
        self.link::<()>(
            move |outcome: &mut Outcome| match last(outcome.take_result()) {
                // If it was cancelled meanwhile, it has an outcome already.
                Some((trigger, result)) if !trigger.is_called() => {
                    outcome.set(result);
                    Step::Forward(trigger.into_firing().into_cell())
                }
                _ => {
                    *outcome = Outcome::nothing();
                    Step::Outcome
                }
            },
        );
        // Nobody sees the value that is left.
        id.typed::<T>();
    }
}

impl<T: 'static> Deferred<Deferred<T>> {
    /// Waits for the inner Deferred too: what a callback that returns a Deferred does.
    ///
    /// ```
    /// let d = deferrous::succeed(deferrous::succeed(1)).flatten();
    /// assert_eq!(d.into_result().unwrap().unwrap(), 1);
    /// ```
    pub fn flatten(self) -> Deferred<T> {
        self.add_callback(|inner| inner)
    }
}
