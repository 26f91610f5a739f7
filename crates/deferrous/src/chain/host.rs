//! What a kind of Deferred brings to the engine.

use std::cell::RefCell;

use super::{
    parts::{Parts, Step},
    state::State,
};

/// How the engine reaches states and calls links.
///
/// A host is usually a unit struct.
pub(crate) trait Host: Parts {
    /// The state of `cell`. The engine borrows it only while no code of programs runs.
    fn state<'c>(&self, cell: &'c Self::Cell) -> &'c RefCell<State<Self>>;

    /// Whether both references lead to the same state.
    fn same(&self, a: &Self::Cell, b: &Self::Cell) -> bool;

    /// Calls a link that never was in a queue. Must not unwind: a panic is an outcome like any other.
    ///
    /// An outcome is several words. It stays where it is from the first link of a chain to the
    /// last, because moving it in and out of each costs more than the rest of the loop.
    fn call(
        &self,
        link: impl FnOnce(&mut Self::Outcome) -> Step<Self>,
        outcome: &mut Self::Outcome,
    ) -> Step<Self> {
        link(outcome)
    }

    /// Calls the links of `cell` by [`State::call_next`], while there are any and each leaves an
    /// outcome, and returns the last step. Must not unwind either.
    fn call_links(&self, cell: &Self::Cell, outcome: &mut Self::Outcome) -> Step<Self> {
        loop {
            match State::call_next(self.state(cell).borrow_mut(), outcome) {
                Some(Step::Outcome) => {}
                Some(step) => return step,
                None => return Step::Outcome,
            }
        }
    }

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
