//! The rules: firing, adding, pausing, cancelling, and the loop that runs links.

use std::mem;

use super::{
    AlreadyCalled, Host, Links, NotPaused, State, Step,
    queue::Entry,
    state::{Begin, Cancel, Fired, Next, Waiter},
};

/// Gives a Deferred its outcome and runs its links; Twisted's `callback` and `errback`.
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
) -> Result<(), AlreadyCalled> {
    match host.with(cell, |state| state.fire(host, &mut outcome)) {
        Fired::Taken(next) => drive(host, cell, next, &mut outcome),
        Fired::Disarmed(canceller) => {
            run(host, cell);
            drop(canceller);
        }
        Fired::Swallowed => {}
        Fired::Already => return Err(AlreadyCalled),
    }
    Ok(())
}

/// Adds a link, and runs it before returning unless the Deferred is unfired, paused, waiting, or
/// running a link right now; Twisted's `addCallbacks`.
///
/// `link` makes the link, so that it is made where it is to be: in the queue, most often. It must
/// not reach for a state.
#[inline(always)]
pub fn add<H: Host>(host: &H, cell: &H::Cell, link: impl FnOnce() -> H::Link) {
    let mut hand = host.nothing();
    let begin = host.with(cell, |state| state.begin(&mut hand));
    if let Begin::Call = begin {
        let step = host.call(cell, cell, link(), &mut hand);
        return finish(host, cell, step, &mut hand);
    }
    host.with(cell, |state| state.links.push(Entry::Call(link())));
    if let Begin::QueueAndRun = begin {
        run(host, cell);
    }
}

/// A link that never was in the queue has returned.
#[inline(always)]
fn finish<H: Host>(host: &H, cell: &H::Cell, step: Step<H>, hand: &mut H::Outcome) {
    if let Step::Outcome = step {
        let dry = host.with(cell, |state| {
            let dry = !state.is_held_between_links() && state.links.is_empty();
            if dry {
                state.store(host, hand);
            }
            dry
        });
        if dry {
            return host.settled(cell);
        }
    }
    drive(host, cell, Next::Returned(step), hand);
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
        run(host, cell);
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
        Fired::Taken(next) => drive(host, cell, next, &mut outcome),
        Fired::Disarmed(_) => run(host, cell),
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
    drive(host, outer, next, &mut outcome);
}

/// Runs the links of `cell` while it has an outcome and nothing forbids it; Twisted's
/// `_runCallbacks`.
///
/// A Deferred that waited for this one is run before this one's next link. Those left unfinished
/// below are kept on a stack of the loop's own.
pub fn run<H: Host>(host: &H, cell: &H::Cell) {
    let mut hand = host.nothing();
    let next = host.with(cell, |state| state.next(host, &mut hand));
    drive(host, cell, next, &mut hand);
}

/// The loop. Between links the outcome is in `hand`: an outcome that only passes through is never
/// put into a state.
fn drive<H: Host>(host: &H, cell: &H::Cell, first: Next<H>, hand: &mut H::Outcome) {
    let mut walk = Walk {
        current: cell.clone(),
        beginning: None,
        below: Vec::new(),
    };
    let mut next = first;
    loop {
        next = match next {
            Next::Call(link) => call_row(host, &walk, link, hand),
            Next::Returned(Step::Outcome) => {
                host.with(&walk.current, |state| state.came(host, hand))
            }
            Next::Returned(Step::Chain(inner)) => chain(host, &walk.current, &inner, hand),
            Next::Returned(Step::Forward(to)) => forward(host, &mut walk, to, hand),
            Next::Resume { outer, more } => {
                if H::TO_THE_LETTER && host.same(&walk.current, &outer) {
                    *hand = host.nothing();
                }
                let (kept, next) = host.with(&outer, |state| {
                    (state.stop_waiting(), state.enter(host, hand))
                });
                drop(kept);
                walk.descend(host, outer, more);
                next
            }
            Next::Dry => {
                host.settled(&walk.current);
                match go_on(host, &mut walk.current, hand) {
                    Some(next) => next,
                    None => match walk.ascend(host, hand) {
                        Some(next) => next,
                        None => return,
                    },
                }
            }
            Next::Blocked if H::TO_THE_LETTER => {
                walk.leave_unfinished();
                match walk.ascend(host, hand) {
                    Some(next) => next,
                    None => return,
                }
            }
            Next::Waits | Next::Blocked => {
                if H::TO_THE_LETTER {
                    host.settled(&walk.current);
                }
                match walk.ascend(host, hand) {
                    Some(next) => next,
                    None => return,
                }
            }
        };
    }
}

/// Where the loop is.
struct Walk<H: Host> {
    /// The Deferred that is run.
    current: H::Cell,
    /// The Deferred that was fired or run, where `current` waited for it. Only kept
    /// [to the letter](Host::TO_THE_LETTER).
    beginning: Option<H::Cell>,
    /// Those that the loop has left for another, the last one at the end.
    below: Vec<Unfinished<H>>,
}

/// A Deferred that the loop has left for another and comes back to.
struct Unfinished<H: Host> {
    cell: H::Cell,
    why: Left<H>,
}

/// Why the loop has left a Deferred.
enum Left<H: Host> {
    /// One that waited for it is run first.
    ForOneThatWaited,
    /// Its link, which has not returned, fires the Deferreds above. With what was the
    /// [`beginning`](Walk::beginning) until then.
    ForOneThatItFires(Option<H::Cell>),
}

impl<H: Host> Walk<H> {
    /// The Deferred that was fired or run.
    #[inline(always)]
    fn beginning(&self) -> &H::Cell {
        self.beginning.as_ref().unwrap_or(&self.current)
    }

    /// Makes `cell`, which waited for the current one, the one to run, and keeps the one before it
    /// if it has more to do, so that a row of any length in which each has one link keeps the stack
    /// empty.
    fn descend(&mut self, host: &H, cell: H::Cell, more: bool) {
        let finished = mem::replace(&mut self.current, cell);
        if !more || H::TO_THE_LETTER {
            host.settled(&finished);
        }
        if more {
            self.below.push(Unfinished {
                cell: finished.clone(),
                why: Left::ForOneThatWaited,
            });
        }
        if H::TO_THE_LETTER && self.beginning.is_none() {
            self.beginning = Some(finished);
        }
    }

    /// Makes `cell`, which a link of the current one fires, the one to run.
    fn enter_fired(&mut self, cell: H::Cell) {
        self.below.push(Unfinished {
            cell: mem::replace(&mut self.current, cell),
            why: Left::ForOneThatItFires(self.beginning.take()),
        });
    }

    /// Goes back to the Deferred that was left last.
    fn ascend(&mut self, host: &H, hand: &mut H::Outcome) -> Option<Next<H>> {
        let Unfinished { cell, why } = self.below.pop()?;
        self.current = cell;
        match why {
            Left::ForOneThatItFires(beginning) => {
                self.beginning = beginning;
                drop(host.with(&self.current, |state| state.replace_outcome(None)));
                *hand = host.nothing();
                Some(Next::Returned(Step::Outcome))
            }
            Left::ForOneThatWaited => {
                let (upstream, next) =
                    host.with(&self.current, |state| state.come_back(host, hand));
                drop(upstream);
                Some(next)
            }
        }
    }

    /// Gives up those whose turn comes after that of the current one.
    fn leave_unfinished(&mut self) {
        while let Some(Unfinished {
            why: Left::ForOneThatWaited,
            ..
        }) = self.below.last()
        {
            self.below.pop();
        }
    }
}

/// Calls `link` and those after it, while there are any and each leaves an outcome.
#[inline(always)]
fn call_row<H: Host>(host: &H, walk: &Walk<H>, link: H::Link, hand: &mut H::Outcome) -> Next<H> {
    let (beginning, cell) = (walk.beginning(), &walk.current);
    let mut step = host.call(beginning, cell, link, hand);
    while let Step::Outcome = step {
        match host.with(cell, State::next_link) {
            Some(link) => step = host.call(beginning, cell, link, hand),
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
