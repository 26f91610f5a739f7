//! The types that a kind of Deferred consists of, and what its links do with them.

use std::mem;

/// The types that a kind of Deferred consists of.
///
/// The functions are called while a state is borrowed, and cannot reach one: they have no access to
/// [`Host`](super::Host).
pub(crate) trait Parts: Sized + 'static {
    /// A counted reference to one Deferred's state.
    type Cell: Clone;
    /// How a waiting Deferred remembers the one it waits for. A weak reference, because that one
    /// owns this one.
    type Upstream;
    /// A value or a failure.
    type Outcome;
    /// What is asked to give up the work when the Deferred is cancelled before it fires. Dropping
    /// it must not unwind.
    type Canceller;

    /// The outcome that is left where one was taken away. Dropping it does nothing.
    fn nothing() -> Self::Outcome;

    /// Takes an outcome away and leaves nothing.
    fn take(outcome: &mut Self::Outcome) -> Self::Outcome {
        mem::replace(outcome, Self::nothing())
    }

    /// Makes what a waiting Deferred keeps of `cell`.
    fn upstream(&self, cell: &Self::Cell) -> Self::Upstream;

    /// Finds the Deferred waited for again, unless it is gone.
    fn upgrade(&self, upstream: &Self::Upstream) -> Option<Self::Cell>;
}

/// What came of calling one link: a closure that leaves the next outcome in the place of the one that it
/// gets. Both sides of a callback/errback pair are in it.
pub(crate) enum Step<P: Parts> {
    /// The next outcome is in place.
    Outcome,
    /// A Deferred was returned: its outcome is the next one, when it has one. What is in place of
    /// it is dropped.
    Chain(P::Cell),
    /// The outcome in place goes to another Deferred, which is fired with it; nothing is left here.
    /// As a link that calls [`fire`](super::fire) itself, but a chain of any length needs no stack.
    Forward(P::Cell),
}
