//! What one Deferred remembers.

use std::{error::Error, fmt, mem};

use super::{Host, Links, Step, queue::Entry};

/// The outcome was set, by [`fire`](super::fire) or by cancelling.
const CALLED: u8 = 1;
/// A link has been taken off the queue and has not returned yet; the outcome is with it.
const RUNNING: u8 = 1 << 1;
/// The canceller is being called, so that cancelling again from inside it does nothing.
const CANCELLING: u8 = 1 << 2;
/// It was cancelled without a canceller, so whoever was to fire it does not know and may try, once.
const SWALLOW_NEXT: u8 = 1 << 3;

/// The Deferred was fired or cancelled before; Twisted's `AlreadyCalledError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyCalled;

impl fmt::Display for AlreadyCalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this Deferred was already called: it has its outcome, and gets only one")
    }
}

impl Error for AlreadyCalled {}

/// [`unpause`](super::unpause) without a [`pause`](super::pause) that it could end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPaused;

impl fmt::Display for NotPaused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this Deferred is not paused: each unpause needs a pause before it")
    }
}

impl Error for NotPaused {}

/// The state of one Deferred: its outcome, its links, and why they may not run.
///
/// A host keeps it wherever its cells lead and hands it out in [`Host::with`]. The engine changes
/// it; a host only makes, reads and ends it.
pub struct State<H: Host> {
    pub(super) outcome: Option<H::Outcome>,
    pub(super) links: H::Links,
    pub(super) canceller: Option<H::Canceller>,
    pub(super) upstream: Option<H::Upstream>,
    /// The pauses that have not been ended. Waiting for another Deferred is one of them.
    pub(super) pauses: i32,
    /// How many of the links are `Entry::Resume`.
    pub(super) waiters: u32,
    pub(super) bits: u8,
}

/// What the loop does next with one Deferred.
///
/// The outcome that goes with it is not in here but in the loop's hand.
pub(super) enum Next<H: Host> {
    Call(H::Link),
    Returned(Step<H>),
    Resume {
        outer: H::Cell,
        more: bool,
    },
    Dry,
    /// A link returned a Deferred that has no outcome yet.
    Waits,
    /// It is paused, running, or without an outcome.
    Blocked,
    /// A program has taken its outcome away. Twisted's loop has taken a link by then.
    Lost(Option<Entry<H>>),
}

/// What to do with a link that is new.
pub(super) enum Begin {
    Call,
    Queue,
    QueueAndRun,
}

/// What became of an attempt to fire.
pub(super) enum Fired<H: Host> {
    Taken(Next<H>),
    /// Taken; the canceller is handed out to be dropped where no state is borrowed, before anything
    /// runs.
    Disarmed(H::Canceller),
    Swallowed,
    Already,
}

impl<H: Host> State<H> {
    /// A Deferred without an outcome.
    #[inline(always)]
    pub fn new(canceller: Option<H::Canceller>) -> Self {
        State {
            outcome: None,
            links: H::Links::default(),
            canceller,
            upstream: None,
            pauses: 0,
            waiters: 0,
            bits: 0,
        }
    }

    /// A Deferred that was fired with `outcome` already.
    #[inline(always)]
    pub fn fired(outcome: H::Outcome) -> Self {
        let mut state = Self::new(None);
        state.outcome = Some(outcome);
        state.bits = CALLED;
        state
    }

    /// Whether it was fired or cancelled; Twisted's `called`.
    #[inline]
    pub const fn is_called(&self) -> bool {
        self.bits & CALLED != 0
    }

    /// Whether a link has been called and has not returned yet; Twisted's `_runningCallbacks`.
    #[inline]
    pub const fn is_running(&self) -> bool {
        self.bits & RUNNING != 0
    }

    /// Whether its canceller is being called, after which it has an outcome.
    #[inline]
    pub const fn is_cancelling(&self) -> bool {
        self.bits & CANCELLING != 0
    }

    /// Whether a link returned a Deferred that has no outcome yet.
    #[inline]
    pub const fn is_waiting(&self) -> bool {
        self.upstream.is_some()
    }

    /// What it waits for; Twisted's `_chainedTo`.
    pub const fn waiting_on(&self) -> Option<&H::Upstream> {
        self.upstream.as_ref()
    }

    /// How many reasons there are not to run links: each [`pause`](super::pause) that has not been
    /// ended, and waiting for another Deferred; Twisted's `paused`.
    #[inline]
    pub const fn holds(&self) -> i32 {
        self.pauses
    }

    /// Sets [`holds`](State::holds), for a host in which programs may. Nothing runs;
    /// [`run`](super::run) does that.
    pub const fn set_holds(&mut self, holds: i32) {
        self.pauses = holds;
    }

    /// Sets what the Deferred is said to wait for, and gives back what it was. For a host in which
    /// that and waiting are not the same.
    pub const fn replace_upstream(&mut self, upstream: Option<H::Upstream>) -> Option<H::Upstream> {
        mem::replace(&mut self.upstream, upstream)
    }

    /// Sets the outcome as it stands, and gives back what it was. Nothing runs.
    pub const fn replace_outcome(&mut self, outcome: Option<H::Outcome>) -> Option<H::Outcome> {
        mem::replace(&mut self.outcome, outcome)
    }

    /// Sets what [`cancel`](super::cancel) asks, and gives back what it was.
    pub const fn replace_canceller(
        &mut self,
        canceller: Option<H::Canceller>,
    ) -> Option<H::Canceller> {
        mem::replace(&mut self.canceller, canceller)
    }

    /// What [`cancel`](super::cancel) asks.
    pub const fn canceller(&self) -> Option<&H::Canceller> {
        self.canceller.as_ref()
    }

    /// The links that have not run yet.
    pub const fn links(&self) -> &H::Links {
        &self.links
    }

    /// The links that have not run yet, to be changed.
    pub const fn links_mut(&mut self) -> &mut H::Links {
        &mut self.links
    }

    /// Whether the next firing is accepted and ignored; Twisted's `_suppressAlreadyCalled`.
    pub const fn swallows_next(&self) -> bool {
        self.bits & SWALLOW_NEXT != 0
    }

    /// Sets [`is_called`](State::is_called), for a host in which programs may.
    pub const fn set_called(&mut self, on: bool) {
        self.set(CALLED, on);
    }

    /// Sets [`is_running`](State::is_running), for a host in which programs may.
    pub const fn set_running(&mut self, on: bool) {
        self.set(RUNNING, on);
    }

    /// Sets [`swallows_next`](State::swallows_next).
    pub const fn set_swallows_next(&mut self, on: bool) {
        self.set(SWALLOW_NEXT, on);
    }

    const fn set(&mut self, bit: u8, on: bool) {
        if on {
            self.bits |= bit;
        } else {
            self.bits &= !bit;
        }
    }

    /// How many [`pause`](super::pause)s have not been ended.
    #[inline]
    pub const fn pauses(&self) -> u32 {
        (self.pauses - self.is_waiting() as i32).unsigned_abs()
    }

    /// How many links, waiting Deferreds included, have not run yet.
    pub fn pending(&self) -> usize {
        self.links.len()
    }

    /// The outcome as it stands, unless a link has it or there is none yet; Twisted's `result`.
    #[inline]
    pub const fn outcome(&self) -> Option<&H::Outcome> {
        self.outcome.as_ref()
    }

    /// Takes the outcome away for good. What is added afterwards never runs.
    #[inline]
    pub const fn take_outcome(&mut self) -> Option<H::Outcome> {
        self.outcome.take()
    }

    /// Takes the next link, or waiting Deferred, off the queue of a Deferred that is at its end.
    pub fn take_link(&mut self) -> Option<Result<H::Link, H::Cell>> {
        Some(match self.links.pop()? {
            Entry::Call(link) => Ok(link),
            Entry::Resume(outer) => Err(outer),
        })
    }

    /// Whether an outcome is here for the next link, or for a Deferred that wants it.
    #[inline]
    pub const fn is_ready(&self) -> bool {
        self.outcome.is_some() && self.pauses == 0 && !self.is_running()
    }

    /// Whether an outcome is here and no link is left to change it.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.is_ready() && self.links.is_empty()
    }

    /// Takes the outcome in `hand` for a link that is new, if it may run at once.
    #[inline(always)]
    pub(super) fn begin(&mut self, hand: &mut H::Outcome) -> Begin {
        if !self.is_ready() {
            return Begin::Queue;
        }
        if !self.links.is_empty() {
            return Begin::QueueAndRun;
        }
        if let Some(outcome) = self.outcome.take() {
            self.bits |= RUNNING;
            *hand = outcome;
        }
        Begin::Call
    }

    /// What to do with the outcome that is here, which is taken in `hand` for that.
    pub(super) fn next(&mut self, host: &H, hand: &mut H::Outcome) -> Next<H> {
        if !self.is_ready() {
            return Next::Blocked;
        }
        if self.links.is_empty() {
            return Next::Dry;
        }
        if let Some(outcome) = self.outcome.take() {
            *hand = outcome;
        }
        self.came(host, hand)
    }

    /// Whether there is nothing to do for a loop that has come back to this Deferred.
    pub(super) fn is_finished(&self) -> bool {
        self.pauses == 0
            && self.outcome.is_some()
            && self.upstream.is_none()
            && self.links.is_empty()
    }

    /// As [`next`](State::next), when the loop has come back to this Deferred, and `hand` holds
    /// nothing. What it was said to wait for is given back, to be dropped where no state is
    /// borrowed: it is its turn now.
    pub(super) fn come_back(
        &mut self,
        host: &H,
        hand: &mut H::Outcome,
    ) -> (Option<H::Upstream>, Next<H>) {
        if !H::TO_THE_LETTER {
            return (None, self.next(host, hand));
        }
        if self.pauses != 0 {
            return (None, Next::Blocked);
        }
        let next = match self.outcome.take() {
            Some(outcome) => {
                *hand = outcome;
                self.enter(host, hand)
            }
            None => Next::Lost(self.links.pop()),
        };
        (self.upstream.take(), next)
    }

    /// The link after the one that was running, if it may run.
    #[inline(always)]
    pub(super) fn next_link(&mut self) -> Option<H::Link> {
        if self.is_held_between_links() {
            return None;
        }
        let link = self.links.pop_link()?;
        if H::TO_THE_LETTER {
            self.bits |= RUNNING;
        }
        Some(link)
    }

    /// Whether links stop running in the middle of a row.
    #[inline(always)]
    pub(super) const fn is_held_between_links(&self) -> bool {
        self.pauses != 0 && !H::TO_THE_LETTER
    }

    /// An outcome has come from outside. It is in `hand`, and stays there if there is a use for it.
    #[inline(always)]
    pub(super) fn enter(&mut self, host: &H, hand: &mut H::Outcome) -> Next<H> {
        let said_to_run = self.bits & RUNNING;
        let next = match self.pauses {
            0 => self.came(host, hand),
            _ => {
                self.store(host, hand);
                Next::Blocked
            }
        };
        if H::TO_THE_LETTER {
            self.bits |= said_to_run;
        }
        next
    }

    /// The link that was running has left an outcome. It is in `hand`, and stays there if there is
    /// a use for it.
    #[inline(always)]
    pub(super) fn came(&mut self, host: &H, hand: &mut H::Outcome) -> Next<H> {
        if self.is_held_between_links() {
            self.store(host, hand);
            return Next::Blocked;
        }
        match self.links.pop() {
            Some(Entry::Call(link)) => {
                self.bits |= RUNNING;
                Next::Call(link)
            }
            Some(Entry::Resume(outer)) => {
                self.bits &= !RUNNING;
                self.waiters = self.waiters.saturating_sub(1);
                self.outcome = Some(host.nothing());
                Next::Resume {
                    outer,
                    more: !self.links.is_empty(),
                }
            }
            None => {
                self.store(host, hand);
                Next::Dry
            }
        }
    }

    /// Keeps the outcome in `hand`, and leaves the one before it there, if there is one, to be
    /// dropped where no state is borrowed. No link is running any more.
    #[inline]
    pub(super) fn store(&mut self, host: &H, hand: &mut H::Outcome) {
        self.bits &= !RUNNING;
        match &mut self.outcome {
            Some(outcome) => mem::swap(outcome, hand),
            None => self.outcome = Some(mem::replace(hand, host.nothing())),
        }
    }

    pub(super) fn waiter(&self) -> Waiter<H> {
        match (self.waiters, self.links.last()) {
            (0, _) => Waiter::None,
            (1, Some(Entry::Resume(outer))) => Waiter::One(outer.clone()),
            _ => Waiter::Several,
        }
    }

    /// The running link has returned a Deferred without an outcome. What it waited for before is
    /// given back, to be dropped where no state is borrowed.
    pub(super) fn wait(&mut self, upstream: H::Upstream) -> Option<H::Upstream> {
        self.bits &= !RUNNING;
        self.pauses += 1;
        self.upstream.replace(upstream)
    }

    /// The Deferred waited for has handed over its outcome. What was kept until then is given back,
    /// to be dropped where no state is borrowed.
    #[inline]
    pub(super) fn stop_waiting(&mut self) -> (Option<H::Upstream>, Option<H::Outcome>) {
        self.pauses -= 1;
        let upstream = if H::TO_THE_LETTER && self.pauses != 0 {
            None
        } else {
            self.upstream.take()
        };
        (upstream, self.outcome.take())
    }

    #[inline]
    pub(super) fn fire(&mut self, host: &H, hand: &mut H::Outcome) -> Fired<H> {
        if self.is_called() {
            if self.bits & SWALLOW_NEXT == 0 {
                return Fired::Already;
            }
            self.bits &= !SWALLOW_NEXT;
            return Fired::Swallowed;
        }
        self.bits |= CALLED;
        match self.canceller.take() {
            None => Fired::Taken(self.enter(host, hand)),
            Some(canceller) => {
                self.store(host, hand);
                Fired::Disarmed(canceller)
            }
        }
    }

    pub(super) fn begin_cancel(&mut self, host: &H) -> Cancel<H> {
        if let Some(upstream) = &self.upstream {
            return host
                .upgrade(upstream)
                .map_or(Cancel::Nothing, Cancel::Upstream);
        }
        if self.is_called() || self.bits & CANCELLING != 0 {
            return Cancel::Nothing;
        }
        match self.canceller.take() {
            Some(canceller) => {
                self.bits |= CANCELLING;
                Cancel::Ask(canceller)
            }
            None => Cancel::Fail,
        }
    }

    pub(super) const fn end_cancel(&mut self) {
        self.bits &= !CANCELLING;
    }
}

/// Who waits for a Deferred.
pub(super) enum Waiter<H: Host> {
    None,
    One(H::Cell),
    /// More than one, or one with other links after it.
    Several,
}

/// What cancelling a Deferred amounts to.
pub(super) enum Cancel<H: Host> {
    Nothing,
    Fail,
    Ask(H::Canceller),
    Upstream(H::Cell),
}
