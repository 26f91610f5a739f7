//! What a kind of Deferred brings to the engine.

use super::{
    parts::{Parts, Step},
    state::State,
};

/// How the engine reaches states and calls links.
///
/// A host is usually a unit struct.
pub(crate) trait Host: Parts {
    /// Borrows the state of `cell` for the length of `f`.
    fn with<R>(&self, cell: &Self::Cell, f: impl FnOnce(&mut State<Self>) -> R) -> R;

    /// Whether both references lead to the same state.
    fn same(&self, a: &Self::Cell, b: &Self::Cell) -> bool;

    /// Calls the side of `link` that fits `outcome`, leaves the next outcome in its place, and says
    /// where it goes.
    ///
    /// An outcome is several words. It stays where it is from the first link of a chain to the
    /// last, because moving it in and out of each costs more than the rest of the loop.
    ///
    /// Must not unwind: a panic in the callback is an outcome like any other.
    fn call(&self, cell: &Self::Cell, link: Self::Link, outcome: &mut Self::Outcome) -> Step<Self>;

    /// Calls a canceller, which may or may not [`fire`](super::fire) the Deferred. Must not unwind.
    fn call_canceller(&self, cell: &Self::Cell, canceller: Self::Canceller);

    /// The chain of `cell` has no link left: the place to note or clear an unhandled failure.
    fn settled(&self, cell: &Self::Cell);

    /// Whether a coroutine awaits `cell`, and [`resume`](Host::resume) is to be called when its
    /// chain has no link left.
    fn is_awaited(&self, _cell: &Self::Cell) -> bool {
        false
    }

    /// Resumes the coroutine that awaits `cell`, after [`settled`](Host::settled). If the coroutine
    /// ends, its result is put into `outcome`, and the Deferred to fire with it is returned: a
    /// chain of coroutines that await each other needs no stack.
    fn resume(&self, _cell: &Self::Cell, _outcome: &mut Self::Outcome) -> Option<Self::Cell> {
        None
    }

    /// Whether links are nested so deep in the stack that no other may be called from inside them.
    fn is_deepest(&self) -> bool {
        false
    }

    /// Calls [`run_now`](super::run_now) when the stack has come back up. Called where
    /// [`is_deepest`](Host::is_deepest).
    fn run_later(&self, cell: &Self::Cell) {
        super::run_now(self, cell);
    }

    /// The failure of a Deferred that was cancelled.
    fn cancelled(&self) -> Self::Outcome;

    /// The failure of a link whose [`Step::Forward`] found its target already called, which refused
    /// the outcome given.
    fn already_called(&self, refused: Self::Outcome) -> Self::Outcome;

    /// The failure of a link that returned `inner`, which waits, in the end, for that link's own
    /// Deferred, or is it: they would wait for each other for ever.
    fn circular(&self, inner: &Self::Cell) -> Self::Outcome;
}
