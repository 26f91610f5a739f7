//! What one Deferred remembers.

use std::mem;

use super::{
    parts::{Parts, Step},
    queue::Queue,
};

/// The outcome was set, by [`fire`](super::fire) or by cancelling.
const CALLED: u8 = 1;
/// A link has been taken off the queue and has not returned yet; the outcome is with it.
const RUNNING: u8 = 1 << 1;
/// The canceller is being called, so that cancelling again from inside it does nothing.
const CANCELLING: u8 = 1 << 2;
/// It was cancelled without a canceller, so whoever was to fire it does not know and may try, once.
const SWALLOW_NEXT: u8 = 1 << 3;

/// The state of one Deferred: its outcome, its links, and why they may not run.
///
/// A host keeps it wherever its cells lead and lends it in [`Host::with`](super::Host::with). The
/// engine changes it; a host only makes, reads and ends it.
pub(crate) struct State<P: Parts> {
    outcome: Option<P::Outcome>,
    links: Queue<Entry<P>>,
    canceller: Option<P::Canceller>,
    upstream: Option<P::Upstream>,
    /// The pauses that have not been ended. Waiting for another Deferred is one of them.
    pauses: u32,
    /// How many of the links are `Entry::Resume`.
    waiters: u32,
    bits: u8,
}

/// One entry of the queue of links.
enum Entry<P: Parts> {
    /// A callback/errback pair.
    Call(P::Link),
    /// A Deferred that waits for this one and takes its outcome.
    Resume(P::Cell),
}

/// What the loop does next with one Deferred.
///
/// The outcome that goes with it is not in here but in the loop's `result`.
pub(super) enum Next<P: Parts> {
    Call(P::Link),
    Returned(Step<P>),
    Resume {
        outer: P::Cell,
        /// Whether the Deferred has links after that.
        more: bool,
    },
    /// No link is left.
    Settled,
    /// It is paused, waiting, running, or without an outcome.
    Blocked,
}

/// What to do with a link that is new.
pub(super) enum Begin {
    Call,
    Queue,
    QueueAndRun,
}

/// What became of an attempt to fire.
pub(super) enum Fired<P: Parts> {
    Taken(Next<P>),
    /// Taken and kept; the canceller is handed out to be dropped where no state is borrowed.
    Stored(Option<P::Canceller>),
    Swallowed,
    Already,
}

/// Who waits for a Deferred.
pub(super) enum Waiting<P: Parts> {
    None,
    One(P::Cell),
    /// More than one, or one with other links after it.
    Several,
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
            outcome: None,
            links: Queue::default(),
            canceller,
            upstream: None,
            pauses: 0,
            waiters: 0,
            bits: 0,
        }
    }

    /// A Deferred that was fired with `outcome` already.
    #[inline(always)]
    pub(crate) fn fired(outcome: P::Outcome) -> Self {
        let mut state = Self::new(None);
        state.outcome = Some(outcome);
        state.bits = CALLED;
        state
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

    /// How many links, waiting Deferreds included, have not run yet.
    #[inline]
    pub(crate) fn pending(&self) -> usize {
        self.links.len()
    }

    /// The outcome as it stands, unless a link has it or there is none yet; Twisted's `result`.
    #[inline]
    pub(crate) const fn outcome(&self) -> Option<&P::Outcome> {
        self.outcome.as_ref()
    }

    /// Takes the outcome away for good. What is added afterwards never runs.
    #[inline]
    pub(crate) const fn take_outcome(&mut self) -> Option<P::Outcome> {
        self.outcome.take()
    }

    /// Takes the next link, or waiting Deferred, off the queue of a Deferred that is at its end.
    pub(crate) fn take_link(&mut self) -> Option<Result<P::Link, P::Cell>> {
        Some(match self.links.pop()? {
            Entry::Call(link) => Ok(link),
            Entry::Resume(outer) => Err(outer),
        })
    }

    /// Whether an outcome is here for the next link, or for a Deferred that wants it.
    #[inline]
    pub(crate) const fn is_ready(&self) -> bool {
        self.outcome.is_some() && self.pauses == 0 && !self.is_running()
    }

    /// Whether an outcome is here and no link is left to change it.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.is_ready() && self.links.is_empty()
    }
}

/// For the loop.
impl<P: Parts> State<P> {
    /// Appends a link.
    #[inline(always)]
    pub(super) fn push_link(&mut self, link: impl FnOnce() -> P::Link) {
        self.links.push(Entry::Call(link()));
    }

    /// Appends a Deferred that waits for this one.
    pub(super) fn push_waiting(&mut self, outer: P::Cell) {
        self.waiters += 1;
        self.links.push(Entry::Resume(outer));
    }

    /// Moves the outcome into `result` for a link that is new, if it may run at once, and is not to be
    /// run `later`.
    #[inline(always)]
    pub(super) fn begin(&mut self, result: &mut P::Outcome, later: impl FnOnce() -> bool) -> Begin {
        if !self.is_ready() {
            return Begin::Queue;
        }
        if !self.links.is_empty() || later() {
            return Begin::QueueAndRun;
        }
        if let Some(outcome) = self.outcome.take() {
            self.bits |= RUNNING;
            *result = outcome;
        }
        Begin::Call
    }

    /// What to do with the outcome that is here. It is moved into `result` for that.
    pub(super) fn next(&mut self, parts: &P, result: &mut P::Outcome) -> Next<P> {
        if !self.is_ready() {
            return Next::Blocked;
        }
        if self.links.is_empty() {
            return Next::Settled;
        }
        if let Some(outcome) = self.outcome.take() {
            *result = outcome;
        }
        self.on_result(parts, result)
    }

    /// The link after the one that has returned, if it may run.
    #[inline(always)]
    pub(super) fn next_link(&mut self) -> Option<P::Link> {
        if self.pauses != 0 {
            return None;
        }
        match self.links.pop_if(|entry| matches!(entry, Entry::Call(_)))? {
            Entry::Call(link) => Some(link),
            Entry::Resume(_) => None,
        }
    }

    /// The outcome is in `result`: a link has left it there, or the Deferred was fired with it. It
    /// stays there for the next link, and is kept here if there is none.
    #[inline(always)]
    pub(super) fn on_result(&mut self, parts: &P, result: &mut P::Outcome) -> Next<P> {
        if self.pauses != 0 {
            self.store(parts, result);
            return Next::Blocked;
        }
        match self.links.pop() {
            Some(Entry::Call(link)) => {
                self.bits |= RUNNING;
                Next::Call(link)
            }
            Some(Entry::Resume(outer)) => {
                self.bits &= !RUNNING;
                self.waiters -= 1;
                self.outcome = Some(parts.nothing());
                Next::Resume {
                    outer,
                    more: !self.links.is_empty(),
                }
            }
            None => {
                self.store(parts, result);
                Next::Settled
            }
        }
    }

    /// As [`on_result`](State::on_result), if no link is left and nothing forbids to end here. Says
    /// whether that is so.
    #[inline(always)]
    pub(super) fn settle(&mut self, parts: &P, result: &mut P::Outcome) -> bool {
        let settles = self.pauses == 0 && self.links.is_empty();
        if settles {
            self.store(parts, result);
        }
        settles
    }

    /// Keeps the outcome in `result`, and leaves the one before it there, if there is one, to be
    /// dropped where no state is borrowed. No link is running any more.
    #[inline]
    pub(super) fn store(&mut self, parts: &P, result: &mut P::Outcome) {
        self.bits &= !RUNNING;
        match &mut self.outcome {
            Some(outcome) => mem::swap(outcome, result),
            None => self.outcome = Some(mem::replace(result, parts.nothing())),
        }
    }

    /// Takes the outcome for a link that returned this Deferred, and leaves nothing. One that is on
    /// its way through its links has an outcome too, but not the one to be taken.
    pub(super) fn take_settled(&mut self, parts: &P) -> Option<P::Outcome> {
        if !self.is_settled() {
            return None;
        }
        self.outcome.replace(parts.nothing())
    }

    pub(super) fn waiting(&self) -> Waiting<P> {
        match (self.waiters, self.links.last()) {
            (0, _) => Waiting::None,
            (1, Some(Entry::Resume(outer))) => Waiting::One(outer.clone()),
            _ => Waiting::Several,
        }
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
    pub(super) fn stop_waiting(&mut self) -> Option<P::Upstream> {
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
    #[inline]
    pub(super) fn fire(
        &mut self,
        parts: &P,
        result: &mut P::Outcome,
        later: impl FnOnce() -> bool,
    ) -> Fired<P> {
        if self.is_called() {
            if self.bits & SWALLOW_NEXT == 0 {
                return Fired::Already;
            }
            self.bits &= !SWALLOW_NEXT;
            return Fired::Swallowed;
        }
        self.bits |= CALLED;
        match self.canceller.take() {
            None if !later() => Fired::Taken(self.on_result(parts, result)),
            canceller => {
                self.store(parts, result);
                Fired::Stored(canceller)
            }
        }
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
