//! The engine: what happens when a result meets a list of callbacks.
//!
//! The rules of Deferreds are written here, once, and know nothing of what a callback or a result
//! is. A [`Host`] brings that: it says how the [`State`] behind a Deferred is reached, how one of
//! its links is called, and what an outcome is. The typed Rust face of this crate is one host;
//! objects of another language can be another.
//!
//! A *cell* is one Deferred's state. It holds at most one *outcome* (a value or a failure), a queue
//! of *links* (callback/errback pairs), and a pause count. The functions of this module change it:
//!
//! | function | Twisted's name | rule |
//! |---|---|---|
//! | [`fire`] | `callback`, `errback` | a Deferred gets its outcome once |
//! | [`add`] | `addCallbacks` | links run in order, at once where an outcome is there |
//! | [`pause`], [`unpause`] | `pause`, `unpause` | while the count is above zero no link runs |
//! | [`cancel`] | `cancel` | the canceller is asked once; while waiting, the inner Deferred is cancelled |
//! | [`resume`] | - | a waiting Deferred gets the outcome it waits for |
//! | [`run`] | `_runCallbacks` | the loop that the others end in |
//!
//! Nothing here recurses with the data: a link that returns a Deferred, at any depth, is followed
//! by a loop with its own stack on the heap. All functions may be called from inside any link or
//! canceller. No function calls into the host while a state is borrowed, except [`Host::nothing`],
//! [`Host::upstream`] and [`Host::upgrade`], which must not reach for a state themselves.

mod queue;
mod run;
mod state;
mod walk;

pub use queue::{Entry, Links, Queue};
pub use run::{add, cancel, fire, pause, resume, run, unpause};
pub use state::{AlreadyCalled, NotPaused, State};

/// What a kind of Deferred brings to the engine.
///
/// A host is usually a unit struct: it is passed by reference so that one may carry, for example,
/// proof that an interpreter lock is held.
pub trait Host: Sized {
    /// Whether the loop does what Twisted's does even where that is not what the rules say.
    ///
    /// For a host that has to be the same as Twisted in all that programs can see:
    ///
    /// - pausing from inside a link does not stop the links after it;
    /// - a Deferred that is paused when its turn comes ends the whole loop, and those below it on the
    ///   loop's stack stay unfinished until something else runs them;
    /// - a link that fires another Deferred by [`Step::Forward`] is running until that one's links
    ///   are done, and until then the outcome that the host has put in place is there;
    /// - the loop comes back to every Deferred that was waited for, even if it had no link left;
    /// - while a Deferred waits, its outcome is the Deferred that its link returned;
    /// - what the loop is done with is let go of when Twisted's is: see [`Spent`](Host::Spent);
    /// - Deferreds may wait for each other in a circle.
    const TO_THE_LETTER: bool = false;

    /// A counted reference to one Deferred's state.
    type Cell: Clone;
    /// How a waiting Deferred remembers the one it waits for: a weak reference, or, where a garbage
    /// collector breaks cycles, a [`Cell`](Host::Cell).
    type Upstream;
    /// A value or a failure.
    type Outcome;
    /// One callback/errback pair.
    type Link;
    /// What the loop is done with and does not let go of before the next of its kind comes, or the
    /// loop ends: the link that was called, the Deferred that was resumed, and the one whose outcome
    /// was taken, with that. `()` unless the host is [to the letter](Host::TO_THE_LETTER).
    type Spent: Default;
    /// The links that have not run yet; [`Queue`] unless they have to be something else as well.
    type Links: Links<Self>;
    /// What [`cancel`] asks to give up the work before the Deferred fires. Dropping it must not
    /// unwind.
    type Canceller;

    /// Borrows the state of `cell` for the length of `f`.
    fn with<R>(&self, cell: &Self::Cell, f: impl FnOnce(&mut State<Self>) -> R) -> R;

    /// Whether both references lead to the same state.
    fn same(&self, a: &Self::Cell, b: &Self::Cell) -> bool;

    /// Calls the side of `link` that fits `outcome`, leaves the next outcome in its place, and says
    /// where it goes.
    ///
    /// An outcome is several words. It stays where it is from the first link of a row to the last,
    /// because moving it in and out of each costs more than the rest of the loop.
    ///
    /// Must not unwind: a panic or exception in the callback is an outcome like any other. `spent`
    /// has no link, and may be given this one. What the link was given may stay in the state if it
    /// [raised](Step::Raised).
    fn call(
        &self,
        cell: &Self::Cell,
        link: Self::Link,
        outcome: &mut Self::Outcome,
        spent: &mut Self::Spent,
    ) -> Step<Self>;

    /// Whether dropping the link that was called may run code that looks at Deferreds.
    fn is_noticed(&self, _spent: &Self::Spent) -> bool {
        false
    }

    /// Drops the link that was called: the next one has been taken off its queue.
    fn let_go(&self, _spent: &mut Self::Spent) {}

    /// `outer` is about to be resumed.
    fn resumes(&self, _spent: &mut Self::Spent, _outer: &Self::Cell) {}

    /// The outcome of `inner`, which a link returned, was taken.
    fn took(&self, _spent: &mut Self::Spent, _inner: Self::Cell, _outcome: &Self::Outcome) {}

    /// Makes a failure of what is in place after [`Step::Raised`].
    ///
    /// `beginning` is the Deferred that was fired or run. It is that of the link, or, if the host is
    /// [to the letter](Host::TO_THE_LETTER), one that it waited for.
    fn fail(&self, _beginning: &Self::Cell, _outcome: &mut Self::Outcome) {}

    /// Calls a canceller, which may or may not [`fire`] the Deferred. Must not unwind.
    fn call_canceller(&self, cell: &Self::Cell, canceller: Self::Canceller);

    /// Whether a link that returns the Deferred with this state goes on with its outcome, and does
    /// not wait. The state must have one.
    #[inline]
    fn may_take(&self, state: &State<Self>) -> bool {
        state.is_settled()
    }

    /// For a host with another way to wait: lets `cell` wait for `inner` and says so. `outcome` is
    /// what the link returned.
    #[inline]
    fn wait_otherwise(
        &self,
        _cell: &Self::Cell,
        _inner: &Self::Cell,
        _outcome: &Self::Outcome,
    ) -> bool {
        false
    }

    /// The chain of `cell` ran dry: the place to note or clear an unhandled failure.
    fn settled(&self, cell: &Self::Cell);

    /// Whether a coroutine awaits `cell`, and [`resume`](Host::resume) is to be called when its
    /// chain has run dry.
    fn is_awaited(&self, _cell: &Self::Cell) -> bool {
        false
    }

    /// Lets the coroutine that awaits `cell` go on, after [`settled`](Host::settled). If that is
    /// its end, its result is put into `outcome`, and the Deferred to fire with it is returned: a
    /// row of coroutines that await each other needs no stack.
    fn resume(&self, _cell: &Self::Cell, _outcome: &mut Self::Outcome) -> Option<Self::Cell> {
        None
    }

    /// The outcome that is left where one was taken away.
    fn nothing(&self) -> Self::Outcome;

    /// The failure of a Deferred that was cancelled.
    fn cancelled(&self) -> Self::Outcome;

    /// The failure of a link whose [`Step::Forward`] found its target already called, which refused
    /// the outcome given.
    fn already_called(&self, refused: Self::Outcome) -> Self::Outcome;

    /// What a link raises that has fired a Deferred, where a program has taken away the outcome of
    /// `lost`, to which the loop then came back.
    ///
    /// Where no link is to fail, the loop ends, and who has begun it is given `lost`. All this only
    /// [to the letter](Host::TO_THE_LETTER): with other hosts, the loop goes on without it.
    fn lost(&self, _lost: &Self::Cell) -> Self::Outcome {
        self.nothing()
    }

    /// The failure of a link that returned `inner`, which waits, in the end, for that link's own
    /// Deferred, or is it: they would wait for each other for ever.
    fn circular(&self, inner: &Self::Cell) -> Self::Outcome;

    /// Makes what a waiting Deferred keeps of `cell`.
    fn upstream(&self, cell: &Self::Cell) -> Self::Upstream;

    /// Finds the Deferred waited for again, unless it is gone.
    fn upgrade(&self, upstream: &Self::Upstream) -> Option<Self::Cell>;
}

/// What came of calling one link.
pub enum Step<H: Host> {
    /// The next outcome is in place.
    Outcome,
    /// What is in place is not an outcome yet: [`Host::fail`] makes a failure of it.
    Raised,
    /// A Deferred was returned: its outcome is the next one, when it has one. What is in place of
    /// it is dropped.
    Chain(H::Cell),
    /// The outcome in place goes to another Deferred, which is fired with it; nothing is left here.
    /// As a link that calls [`fire`] itself, but a row of any length needs no stack.
    Forward(H::Cell),
}
