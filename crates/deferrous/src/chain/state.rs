//! What one Deferred remembers.

use std::{cell::RefMut, mem};

use super::parts::{Parts, Step};
use crate::inline::Queue;

type Links<P> = Queue<<P as Parts>::Outcome, Step<P>>;

/// The outcome was set, by [`fire`](super::fire) or by cancelling.
const CALLED: u8 = 1;
/// A link has been taken off the queue and has not returned yet; the outcome is with it.
const RUNNING: u8 = 1 << 1;
/// The canceller is being called, so that cancelling again from inside it does nothing.
const CANCELLING: u8 = 1 << 2;
/// It was cancelled without a canceller, so whoever was to fire it does not know and may try, once.
const SWALLOW_NEXT: u8 = 1 << 3;
/// The outcome is here.
const HELD: u8 = 1 << 4;

/// The state of one Deferred: its outcome, its links, and why they may not run.
///
/// A host keeps it wherever its cells lead and lends it in [`Host::state`](super::Host::state). The
/// engine changes it; a host only makes, reads and ends it.
pub(crate) struct State<P: Parts> {
    /// Nothing, unless it is [`HELD`].
    outcome: P::Outcome,
    pub(super) links: Links<P>,
    canceller: Option<P::Canceller>,
    upstream: Option<P::Upstream>,
    /// The Deferred that waits for this one. It takes the outcome when no link is left. It owns this
    /// one's handle, so no link is added any more.
    downstream: Option<P::Cell>,
    /// The pauses that have not been ended. Waiting for another Deferred is one of them.
    pauses: u32,
    bits: u8,
}

/// What the loop does next with one Deferred.
///
/// The outcome that goes with it is not in here but in the loop's `result`.
#[derive(Clone, Copy)]
pub(super) enum Next {
    /// Call the links.
    Run,
    /// No link is left, and another Deferred waits.
    HandOver,
    /// No link is left.
    Settled,
    /// It is paused, waiting, running, or without an outcome.
    Blocked,
}

/// What became of an attempt to fire.
#[derive(Clone, Copy)]
pub(super) enum Fired {
    Taken(Next),
    /// Taken and kept. If there is a canceller, it is to be dropped where no state is borrowed.
    Stored,
    Swallowed,
    Already,
}

/// What cancelling a Deferred amounts to.
pub(super) enum Cancel<P: Parts> {
    Nothing,
    Fail,
    Ask(P::Canceller),
    Upstream(P::Cell),
}

/// For hosts.
impl<P: Parts> State<P> {
    /// A Deferred without an outcome.
    #[inline(always)]
    pub(crate) fn new(canceller: Option<P::Canceller>) -> Self {
        State {
            outcome: P::nothing(),
            links: Queue::new(),
            canceller,
            upstream: None,
            downstream: None,
            pauses: 0,
            bits: 0,
        }
    }

    /// A Deferred that was fired with `outcome` already.
    #[inline(always)]
    pub(crate) fn fired(outcome: P::Outcome) -> Self {
        State {
            outcome,
            bits: CALLED | HELD,
            ..Self::new(None)
        }
    }

    /// Whether it was fired or cancelled; Twisted's `called`.
    #[inline]
    pub(crate) const fn is_called(&self) -> bool {
        self.bits & CALLED != 0
    }

    /// Whether a link has been called and has not returned yet; Twisted's `_runningCallbacks`.
    #[inline]
    pub(crate) const fn is_running(&self) -> bool {
        self.bits & RUNNING != 0
    }

    /// Whether its canceller is being called, after which it has an outcome.
    #[inline]
    pub(crate) const fn is_cancelling(&self) -> bool {
        self.bits & CANCELLING != 0
    }

    /// Whether a link returned a Deferred that has no outcome yet.
    #[inline]
    pub(crate) const fn is_waiting(&self) -> bool {
        self.upstream.is_some()
    }

    /// What it waits for; Twisted's `_chainedTo`.
    pub(crate) const fn waiting_on(&self) -> Option<&P::Upstream> {
        self.upstream.as_ref()
    }

    /// How many [`pause`](super::pause)s have not been ended.
    #[inline]
    pub(crate) const fn pauses(&self) -> u32 {
        self.pauses - self.is_waiting() as u32
    }

    /// How many links, a waiting Deferred included, have not run yet.
    #[inline]
    pub(crate) const fn pending(&self) -> usize {
        self.links.len() + self.downstream.is_some() as usize
    }

    /// The outcome as it stands, unless a link has it or there is none yet; Twisted's `result`.
    #[inline]
    pub(crate) const fn outcome(&self) -> Option<&P::Outcome> {
        if self.bits & HELD == 0 {
            return None;
        }
        Some(&self.outcome)
    }

    /// Takes the outcome away for good. What is added afterwards never runs.
    #[inline]
    pub(crate) fn take_outcome(&mut self) -> Option<P::Outcome> {
        if self.bits & HELD == 0 {
            return None;
        }
        self.bits &= !HELD;
        Some(P::take(&mut self.outcome))
    }

    /// Takes the links, and the Deferred that waits, from a Deferred that is at its end.
    pub(crate) fn take_pending(&mut self) -> (Links<P>, Option<P::Cell>) {
        let links = mem::replace(&mut self.links, Queue::new());
        (links, self.downstream.take())
    }

    /// Whether an outcome is here for the next link, or for a Deferred that wants it.
    #[inline]
    pub(crate) const fn is_ready(&self) -> bool {
        self.bits & HELD != 0 && self.pauses == 0
    }

    /// Whether an outcome is here and no link is left to change it.
    #[inline]
    pub(crate) const fn is_settled(&self) -> bool {
        self.is_ready() && self.pending() == 0
    }

    /// Calls the next link of those that run, if there is one and it may run. The state is lent no
    /// longer when the link runs.
    #[inline(always)]
    pub(crate) fn call_next(state: RefMut<'_, Self>, result: &mut P::Outcome) -> Option<Step<P>> {
        if state.pauses != 0 {
            return None;
        }
        Queue::call_first(RefMut::map(state, |state| &mut state.links), result)
    }
}

/// For the loop.
impl<P: Parts> State<P> {
    /// Takes the outcome for a link that is new, where the Deferred is settled.
    #[inline(always)]
    pub(super) fn begin(&mut self) -> P::Outcome {
        self.bits = self.bits & !HELD | RUNNING;
        P::take(&mut self.outcome)
    }

    /// What to do with the outcome that is here. It is moved into `result` for that.
    pub(super) fn next(&mut self, result: &mut P::Outcome) -> Next {
        if !self.is_ready() {
            return Next::Blocked;
        }
        if self.pending() == 0 {
            return Next::Settled;
        }
        if let Some(outcome) = self.take_outcome() {
            *result = outcome;
        }
        self.on_result(result)
    }

    /// The outcome is in `result`: links have left it there, or the Deferred was fired with it. It
    /// stays there for the next link, and is kept here if there is none.
    #[inline(always)]
    pub(super) fn on_result(&mut self, result: &mut P::Outcome) -> Next {
        let next = if self.pauses != 0 {
            Next::Blocked
        } else if !self.links.is_empty() {
            self.bits |= RUNNING;
            return Next::Run;
        } else if self.downstream.is_some() {
            return Next::HandOver;
        } else {
            Next::Settled
        };
        self.store(result);
        next
    }

    /// As [`on_result`](State::on_result), if that is all: no link is left, and none that has run has paused
    /// the Deferred. Says whether it is so.
    #[inline(always)]
    pub(super) fn settle(&mut self, result: &mut P::Outcome) -> bool {
        let settles = self.pauses == 0 && self.pending() == 0;
        if settles {
            self.store(result);
        }
        settles
    }

    /// Keeps the outcome in `result`. No link is running any more.
    #[inline(always)]
    pub(super) fn store(&mut self, result: &mut P::Outcome) {
        debug_assert!(self.bits & HELD == 0, "there are two outcomes");
        self.bits = self.bits & !RUNNING | HELD;
        // Nothing was here, which need not be dropped.
        mem::forget(mem::replace(&mut self.outcome, P::take(result)));
    }

    /// Takes the outcome for a link that returned this Deferred, and leaves nothing. One that is on
    /// its way through its links has an outcome too, but not the one to be taken.
    pub(super) fn take_settled(&mut self) -> Option<P::Outcome> {
        if !self.is_settled() {
            return None;
        }
        Some(P::take(&mut self.outcome))
    }

    /// The Deferred that waits for this one.
    pub(super) const fn downstream(&self) -> Option<&P::Cell> {
        self.downstream.as_ref()
    }

    /// Takes the Deferred that waits for this one and gets its outcome. Nothing is left here.
    pub(super) fn hand_over(&mut self) -> Option<P::Cell> {
        self.store(&mut P::nothing());
        self.downstream.take()
    }

    /// Has `outer` wait for this one.
    pub(super) fn set_downstream(&mut self, outer: P::Cell) {
        debug_assert!(self.downstream.is_none(), "a handle was given away twice");
        self.downstream = Some(outer);
    }

    /// The running link has returned a Deferred without an outcome.
    pub(super) fn wait(&mut self, upstream: P::Upstream) {
        self.bits &= !RUNNING;
        self.pauses += 1;
        self.upstream = Some(upstream);
    }

    /// The Deferred waited for has handed over its outcome. What it was known by is given back, to
    /// be dropped where no state is borrowed.
    #[inline]
    pub(super) const fn stop_waiting(&mut self) -> Option<P::Upstream> {
        self.pauses -= 1;
        self.upstream.take()
    }

    pub(super) const fn pause(&mut self) {
        self.pauses += 1;
    }

    /// Ends one pause. Says whether there was one.
    pub(super) const fn unpause(&mut self) -> bool {
        let paused = self.pauses() != 0;
        if paused {
            self.pauses -= 1;
        }
        paused
    }

    /// Gives the Deferred the outcome in `result`. Its first link goes on with that, unless there is a
    /// canceller to be dropped before, or links are to be run `later`.
    #[inline(always)]
    pub(super) fn fire(&mut self, result: &mut P::Outcome, later: impl FnOnce() -> bool) -> Fired {
        if self.is_called() {
            if self.bits & SWALLOW_NEXT == 0 {
                return Fired::Already;
            }
            self.bits &= !SWALLOW_NEXT;
            return Fired::Swallowed;
        }
        self.bits |= CALLED;
        if self.canceller.is_none() && !later() {
            return Fired::Taken(self.on_result(result));
        }
        self.store(result);
        Fired::Stored
    }

    /// Takes a canceller that will not be called, to be dropped where no state is borrowed.
    pub(super) const fn take_canceller(&mut self) -> Option<P::Canceller> {
        self.canceller.take()
    }

    pub(super) fn begin_cancel(&mut self, parts: &P) -> Cancel<P> {
        if let Some(upstream) = &self.upstream {
            return parts
                .upgrade(upstream)
                .map_or(Cancel::Nothing, Cancel::Upstream);
        }
        if self.is_called() || self.is_cancelling() {
            return Cancel::Nothing;
        }
        match self.canceller.take() {
            Some(canceller) => {
                self.bits |= CANCELLING;
                Cancel::Ask(canceller)
            }
            None => {
                self.bits |= SWALLOW_NEXT;
                Cancel::Fail
            }
        }
    }

    pub(super) const fn end_cancel(&mut self) {
        self.bits &= !CANCELLING;
    }
}
