//! What a callback may return.

use super::{
    cell::{Closures, Outcome},
    typed::Deferred,
};
use crate::{chain::Step, failure::Failure};

/// What a callback may return: nothing, a `Result`, or another Deferred to wait for.
///
/// In Twisted a callback returns any value, raises, or returns a Deferred. Here `()` is a plain
/// success, `Result<U, Failure>` a success or a raised error, and `Deferred<U>` a wait. Because
/// only one `Result` is accepted, closures need no annotations: `|n| Ok(n + 1)` and `?` just work.
/// For a plain value there is [`Deferred::map`].
#[diagnostic::on_unimplemented(
    message = "a callback cannot return `{Self}`",
    label = "returns `{Self}`: expected `()`, `Result<_, deferrous::Failure>` or `Deferred<_>`",
    note = "for a plain value use `map` instead of `add_callback`, or return `Ok(value)`",
    note = "a `Result` with another error becomes one with a `Failure` by `?`: return `Ok(result?)`",
    note = "for an `async` block return `deferrous::spawn(async move {{ .. }})`"
)]
pub trait CallbackResult: sealed::IntoStep {
    /// The type of the next value in the chain.
    type Value: 'static;

    /// Makes a Deferred of what was returned: one that has fired, unless it was one already.
    fn into_deferred(self) -> Deferred<Self::Value>;
}

pub(crate) mod sealed {
    use crate::{
        chain::Step,
        deferred::cell::{Closures, Outcome},
    };

    pub trait IntoStep {
        /// Puts what was returned in place of the outcome, unless it is a Deferred.
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn into_step(self, outcome: &mut Outcome) -> Step<Closures>;
    }
}

impl CallbackResult for () {
    type Value = ();

    fn into_deferred(self) -> Deferred<()> {
        Ok(()).into()
    }
}

impl sealed::IntoStep for () {
    #[allow(private_interfaces)]
    #[inline]
    fn into_step(self, outcome: &mut Outcome) -> Step<Closures> {
        outcome.set_value(());
        Step::Outcome
    }
}

impl<U: 'static> CallbackResult for Result<U, Failure> {
    type Value = U;

    fn into_deferred(self) -> Deferred<U> {
        self.into()
    }
}

impl<U: 'static> sealed::IntoStep for Result<U, Failure> {
    #[allow(private_interfaces)]
    #[inline]
    fn into_step(self, outcome: &mut Outcome) -> Step<Closures> {
        outcome.set(self);
        Step::Outcome
    }
}

impl<U: 'static> CallbackResult for Deferred<U> {
    type Value = U;

    fn into_deferred(self) -> Deferred<U> {
        self
    }
}

impl<U: 'static> sealed::IntoStep for Deferred<U> {
    #[allow(private_interfaces)]
    #[inline]
    fn into_step(self, _: &mut Outcome) -> Step<Closures> {
        Step::Chain(self.into_cell())
    }
}
