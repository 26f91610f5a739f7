//! The rules: firing, adding, pausing, cancelling, and the loop that runs links.

use std::mem;

use super::{
    AlreadyCalled, Host, Links, NotPaused, Queue, State, Step,
    queue::Entry,
    state::{Begin, Cancel, Fired, Next, Waiter},
};

/// Gives a Deferred its outcome and runs its links; Twisted's `callback` and `errback`.
///
/// Returns the Deferred that has ended the loop, if one has; see [`Host::lost`].
///
/// # Errors
///
/// [`AlreadyCalled`] if it was fired or cancelled before; nothing changes then. The one firing that
/// follows a cancellation without a canceller is accepted and ignored.
#[inline]
pub fn fire<H: Host>(
    host: &H,
    cell: &H::Cell,
    mut outcome: H::Outcome,
) -> Result<Option<H::Cell>, AlreadyCalled> {
    match host.with(cell, |state| state.fire(host, &mut outcome)) {
        Fired::Taken(next) => Ok(drive(host, cell, next, &mut outcome)),
        Fired::Disarmed(canceller) => {
            let lost = run(host, cell);
            drop(canceller);
            Ok(lost)
        }
        Fired::Swallowed => Ok(None),
        Fired::Already => Err(AlreadyCalled),
    }
}

/// Adds a link, and runs it before returning unless the Deferred is unfired, paused, waiting, or
/// running a link right now; Twisted's `addCallbacks`. Returns what [`fire`] does.
///
/// `link` makes the link, so that it is made where it is to be: in the queue, most often. It must
/// not reach for a state.
#[inline(always)]
pub fn add<H: Host>(host: &H, cell: &H::Cell, link: impl FnOnce() -> H::Link) -> Option<H::Cell> {
    let mut hand = host.nothing();
    let begin = host.with(cell, |state| state.begin(&mut hand));
    if let Begin::Call = begin {
        let step = host.call(cell, link(), &mut hand);
        return finish(host, cell, step, &mut hand);
    }
    host.with(cell, |state| state.links.push(Entry::Call(link())));
    match begin {
        Begin::QueueAndRun => run(host, cell),
        _ => None,
    }
}

/// A link that never was in the queue has returned.
#[inline(always)]
fn finish<H: Host>(
    host: &H,
    cell: &H::Cell,
    mut step: Step<H>,
    hand: &mut H::Outcome,
) -> Option<H::Cell> {
    if let Step::Raised = step {
        host.fail(cell, hand);
        step = Step::Outcome;
    }
    if let Step::Outcome = step {
        let dry = host.with(cell, |state| {
            let dry = !state.is_held_between_links() && state.links.is_empty();
            if dry {
                state.store(host, hand);
            }
            dry
        });
        if dry {
            host.settled(cell);
            return None;
        }
    }
    drive(host, cell, Next::Returned(step), hand)
}

/// Stops links from running until as many [`unpause`]s follow; Twisted's `pause`.
#[inline]
pub fn pause<H: Host>(host: &H, cell: &H::Cell) {
    host.with(cell, |state| state.pauses += 1);
}

/// Ends one [`pause`], and with the last one runs what has queued up; Twisted's `unpause`.
///
/// # Errors
///
/// [`NotPaused`] if there is no pause to end; nothing changes then.
#[inline]
pub fn unpause<H: Host>(host: &H, cell: &H::Cell) -> Result<(), NotPaused> {
    let ready = host.with(cell, |state| {
        if state.pauses() == 0 {
            return Err(NotPaused);
        }
        state.pauses -= 1;
        Ok(state.is_ready())
    })?;
    if ready {
        drop(run(host, cell));
    }
    Ok(())
}

/// Gives up what the Deferred stands for; Twisted's `cancel`.
///
/// Before it is fired, its canceller is called, once; if that does not fire it, or there is none,
/// it fails with [`Host::cancelled`]. While it waits for another Deferred, that one is cancelled
/// instead. After firing, and again from inside the canceller, nothing happens.
pub fn cancel<H: Host>(host: &H, cell: &H::Cell) {
    let mut cell = cell.clone();
    loop {
        match host.with(&cell, |state| state.begin_cancel(host)) {
            Cancel::Nothing => return,
            Cancel::Upstream(inner) => cell = inner,
            Cancel::Ask(canceller) => {
                host.call_canceller(&cell, canceller);
                host.with(&cell, |state| state.end_cancel());
                return cancelled(host, &cell, false);
            }
            Cancel::Fail => return cancelled(host, &cell, true),
        }
    }
}

/// Fails `cell` as cancelled, unless its canceller has fired it.
fn cancelled<H: Host>(host: &H, cell: &H::Cell, swallow_next: bool) {
    let mut outcome = host.cancelled();
    let fired = host.with(cell, |state| {
        if state.is_called() {
            return Fired::Already;
        }
        if swallow_next {
            state.set_swallows_next(true);
        }
        state.fire(host, &mut outcome)
    });
    match fired {
        Fired::Taken(next) => drop(drive(host, cell, next, &mut outcome)),
        Fired::Disarmed(_) => drop(run(host, cell)),
        Fired::Swallowed | Fired::Already => {}
    }
}

/// Hands `outcome` to a Deferred that waits, and runs its links.
///
/// The engine does this by itself when the Deferred waited for has an outcome. A host calls it for
/// one that went away without ever having an outcome to give.
pub fn resume<H: Host>(host: &H, outer: &H::Cell, mut outcome: H::Outcome) {
    drop(host.with(outer, State::stop_waiting));
    let next = host.with(outer, |state| state.enter(host, &mut outcome));
    drop(drive(host, outer, next, &mut outcome));
}

/// Runs the links of `cell` while it has an outcome and nothing forbids it; Twisted's
/// `_runCallbacks`. Returns what [`fire`] does.
///
/// A Deferred that waited for this one is run before this one's next link. Those left unfinished
/// below are kept on a stack of the loop's own.
pub fn run<H: Host>(host: &H, cell: &H::Cell) -> Option<H::Cell> {
    let mut hand = host.nothing();
    let next = host.with(cell, |state| state.next(host, &mut hand));
    drive(host, cell, next, &mut hand)
}

/// The loop. Between links the outcome is in `hand`: an outcome that only passes through is never
/// put into a state.
fn drive<H: Host>(
    host: &H,
    cell: &H::Cell,
    first: Next<H>,
    hand: &mut H::Outcome,
) -> Option<H::Cell> {
    let next = match first {
        Next::Call(link) => call_row(host, cell, link, hand),
        next => next,
    };
    // Most often that is all.
    if H::TO_THE_LETTER && matches!(next, Next::Dry) {
        host.settled(cell);
        return None;
    }
    walk(host, cell, next, hand)
}

/// As [`drive`], from one Deferred to others. Apart, so that what most often is all needs no room for
/// this.
#[inline(never)]
fn walk<H: Host>(
    host: &H,
    cell: &H::Cell,
    first: Next<H>,
    hand: &mut H::Outcome,
) -> Option<H::Cell> {
    let mut walk = Walk {
        current: cell.clone(),
        beginning: None,
        below: Queue::default(),
    };
    let mut next = Some(first);
    while let Some(step) = next {
        next = match step {
            Next::Call(link) => Some(call_row(host, &walk.current, link, hand)),
            Next::Returned(Step::Outcome) => {
                Some(host.with(&walk.current, |state| state.came(host, hand)))
            }
            Next::Returned(Step::Raised) => {
                host.fail(walk.beginning(), hand);
                Some(Next::Returned(Step::Outcome))
            }
            Next::Returned(Step::Chain(inner)) => Some(chain(host, &walk.current, &inner, hand)),
            Next::Returned(Step::Forward(to)) => Some(forward(host, &mut walk, to, hand)),
            Next::Resume { outer, more } => {
                if H::TO_THE_LETTER && host.same(&walk.current, &outer) {
                    *hand = host.nothing();
                }
                let (kept, next) = host.with(&outer, |state| {
                    (state.stop_waiting(), state.enter(host, hand))
                });
                drop(kept);
                walk.descend(host, outer, more);
                Some(next)
            }
            Next::Dry => {
                host.settled(&walk.current);
                go_on(host, &mut walk.current, hand).or_else(|| walk.ascend(host, hand))
            }
            Next::Blocked if H::TO_THE_LETTER => {
                walk.leave_unfinished();
                walk.ascend(host, hand)
            }
            Next::Waits | Next::Blocked => {
                if H::TO_THE_LETTER {
                    host.settled(&walk.current);
                }
                walk.ascend(host, hand)
            }
            Next::Lost(link) => {
                drop(link);
                let lost = walk.current.clone();
                walk.leave_unfinished();
                if walk.ascend(host, hand).is_none() {
                    return Some(lost);
                }
                *hand = host.lost(&lost);
                Some(Next::Returned(Step::Raised))
            }
        };
    }
    None
}

/// Where the loop is.
struct Walk<H: Host> {
    /// The Deferred that is run.
    current: H::Cell,
    /// The Deferred that was fired or run, if it has been left for one that waited for it, and the
    /// loop comes back to it. Only kept [to the letter](Host::TO_THE_LETTER).
    beginning: Option<H::Cell>,
    /// The others that the loop comes back to, the next one first.
    below: Queue<Unfinished<H>>,
}

/// A Deferred that the loop has left for another and comes back to.
enum Unfinished<H: Host> {
    /// One that waited for it is run first.
    Waits(H::Cell),
    /// Its link, which has not returned, fires the Deferreds above. With what was the
    /// [`beginning`](Walk::beginning) until then.
    Fires(H::Cell, Option<H::Cell>),
}

impl<H: Host> Walk<H> {
    /// The Deferred that was fired or run.
    fn beginning(&self) -> &H::Cell {
        self.beginning.as_ref().unwrap_or(&self.current)
    }

    /// Makes `cell`, which waited for the current one, the one to run.
    ///
    /// The one before it is kept if it has more to do, so that a row of any length in which each
    /// has one link keeps the stack empty. Twisted's loop comes back to all of them.
    fn descend(&mut self, host: &H, cell: H::Cell, more: bool) {
        let left = mem::replace(&mut self.current, cell);
        if !more || H::TO_THE_LETTER {
            host.settled(&left);
        }
        if H::TO_THE_LETTER && self.beginning.is_none() {
            self.beginning = Some(left);
        } else if more || H::TO_THE_LETTER {
            self.below.push_front(Unfinished::Waits(left));
        }
    }

    /// Makes `cell`, which a link of the current one fires, the one to run.
    fn enter_fired(&mut self, cell: H::Cell) {
        let left = mem::replace(&mut self.current, cell);
        let beginning = self.beginning.take();
        self.below.push_front(Unfinished::Fires(left, beginning));
    }

    /// Goes back to the Deferred that was left last and has something to do.
    fn ascend(&mut self, host: &H, hand: &mut H::Outcome) -> Option<Next<H>> {
        *hand = host.nothing();
        while let Some(cell) = self.pop_waited() {
            if H::TO_THE_LETTER && host.with(&cell, |state| state.is_finished()) {
                host.settled(&cell);
                continue;
            }
            self.current = cell;
            let (upstream, next) = host.with(&self.current, |state| state.come_back(host, hand));
            drop(upstream);
            return Some(next);
        }
        let Unfinished::Fires(cell, beginning) = self.below.pop_if(|_| true)? else {
            return None;
        };
        self.current = cell;
        self.beginning = beginning;
        drop(host.with(&self.current, |state| state.replace_outcome(None)));
        Some(Next::Returned(Step::Outcome))
    }

    /// The last Deferred that the loop has left for one that waited for it.
    fn pop_waited(&mut self) -> Option<H::Cell> {
        match self
            .below
            .pop_if(|left| matches!(left, Unfinished::Waits(_)))
        {
            Some(Unfinished::Waits(cell)) => Some(cell),
            _ => self.beginning.take(),
        }
    }

    /// Gives up those that the loop would come back to before it ends, or goes on with a link that
    /// has not returned.
    fn leave_unfinished(&mut self) {
        while self.pop_waited().is_some() {}
    }
}

/// Calls `link` and those after it, while there are any and each leaves an outcome.
#[inline(always)]
fn call_row<H: Host>(host: &H, cell: &H::Cell, link: H::Link, hand: &mut H::Outcome) -> Next<H> {
    let mut step = host.call(cell, link, hand);
    while let Step::Outcome = step {
        match host.with(cell, State::next_link) {
            Some(link) => step = host.call(cell, link, hand),
            None => return host.with(cell, |state| state.came(host, hand)),
        }
    }
    Next::Returned(step)
}

/// The running link of `current` returned `inner`: takes its outcome, or waits for it.
fn chain<H: Host>(host: &H, current: &H::Cell, inner: &H::Cell, hand: &mut H::Outcome) -> Next<H> {
    if !H::TO_THE_LETTER && is_circle(host, current, inner) {
        *hand = host.circular(inner);
        return host.with(current, |state| state.came(host, hand));
    }
    // One that is on its way through its links has an outcome too, but not the one to be taken.
    let taken = host.with(inner, |state| {
        host.may_take(state)
            .then(|| state.outcome.replace(host.nothing()))
            .flatten()
    });
    match taken {
        Some(outcome) => {
            *hand = outcome;
            host.settled(inner);
            host.with(current, |state| state.came(host, hand))
        }
        None if host.wait_otherwise(current, inner, hand) => {
            *hand = host.nothing();
            Next::Waits
        }
        None => {
            host.with(inner, |state| {
                state.waiters += 1;
                state.links.push(Entry::Resume(current.clone()));
            });
            let upstream = host.upstream(inner);
            drop(host.with(current, |state| {
                if H::TO_THE_LETTER {
                    state.store(host, hand);
                }
                state.wait(upstream)
            }));
            *hand = host.nothing();
            Next::Waits
        }
    }
}

/// Whether `inner` waits, in the end, for `current`.
///
/// Two rows are about to be joined: those that wait for `current`, and those that `inner` waits
/// for. Both are walked in step, and the end of either says that they are not one. So it is the
/// shorter that counts, and building a row of any length, from whichever end, takes no more time
/// than sorting would.
fn is_circle<H: Host>(host: &H, current: &H::Cell, inner: &H::Cell) -> bool {
    if host.same(current, inner) {
        return true;
    }
    let (mut up, mut down) = (inner.clone(), Some(current.clone()));
    loop {
        down = match down.map(|cell| host.with(&cell, |state| state.waiter())) {
            Some(Waiter::None) => return false,
            Some(Waiter::One(outer)) => Some(outer),
            Some(Waiter::Several) | None => None,
        };
        let next = host.with(&up, |state| {
            state.upstream.as_ref().and_then(|up| host.upgrade(up))
        });
        match next {
            None => return false,
            Some(next) if host.same(current, &next) => return true,
            Some(next) => up = next,
        }
    }
}

/// The running link of `current` returned an outcome for another Deferred.
fn forward<H: Host>(host: &H, walk: &mut Walk<H>, to: H::Cell, hand: &mut H::Outcome) -> Next<H> {
    match deliver(host, &to, hand) {
        Delivered::Next(next) if H::TO_THE_LETTER => {
            walk.enter_fired(to);
            next
        }
        Delivered::Next(next) => {
            let more = host.with(&walk.current, |state| {
                state.store(host, &mut host.nothing());
                !state.links.is_empty()
            });
            let more = more || host.is_awaited(&walk.current);
            walk.descend(host, to, more);
            next
        }
        Delivered::Swallowed => host.with(&walk.current, |state| state.came(host, hand)),
        Delivered::Refused(outcome) => {
            *hand = host.already_called(outcome);
            host.with(&walk.current, |state| state.came(host, hand))
        }
    }
}

/// Lets the coroutine that awaits `current` go on. If that ends it, the Deferred of its result is
/// the one to run.
fn go_on<H: Host>(host: &H, current: &mut H::Cell, hand: &mut H::Outcome) -> Option<Next<H>> {
    let result = host.resume(current, hand)?;
    match deliver(host, &result, hand) {
        Delivered::Next(next) => {
            *current = result;
            Some(next)
        }
        Delivered::Swallowed => None,
        Delivered::Refused(outcome) => {
            // It was cancelled meanwhile, and there is no link to fail for it.
            drop(host.already_called(outcome));
            None
        }
    }
}

/// What became of firing a Deferred with the outcome in hand.
enum Delivered<H: Host> {
    Next(Next<H>),
    Swallowed,
    Refused(H::Outcome),
}

/// Fires `to`. Unless it goes on with it, the outcome does not stay in `hand`.
fn deliver<H: Host>(host: &H, to: &H::Cell, hand: &mut H::Outcome) -> Delivered<H> {
    match host.with(to, |state| state.fire(host, hand)) {
        Fired::Taken(next) => Delivered::Next(next),
        Fired::Disarmed(canceller) => {
            drop(canceller);
            Delivered::Next(host.with(to, |state| state.next(host, hand)))
        }
        Fired::Swallowed => {
            *hand = host.nothing();
            Delivered::Swallowed
        }
        Fired::Already => Delivered::Refused(mem::replace(hand, host.nothing())),
    }
}
