//! The loop that runs links, from one Deferred to those that wait for it and back.

use std::mem;

use super::{
    Host, Links, Queue, Step,
    queue::Entry,
    state::{Fired, Next, State, Waiter},
};

/// The loop. Between links the outcome is in `hand`: an outcome that only passes through is never
/// put into a state.
pub(super) fn drive<H: Host>(
    host: &H,
    cell: &H::Cell,
    first: Next<H>,
    hand: &mut H::Outcome,
    mut spent: H::Spent,
) -> Option<H::Cell> {
    let next = match first {
        Next::Call(link) => call_row(host, cell, link, hand, &mut spent),
        next => next,
    };
    // Most often that is all.
    if H::TO_THE_LETTER && matches!(next, Next::Dry) {
        host.settled(cell);
        return None;
    }
    walk(host, cell, next, hand, &mut spent)
}

/// As [`drive`], from one Deferred to others. Apart, so that what most often is all needs no room for
/// this.
#[inline(never)]
fn walk<H: Host>(
    host: &H,
    cell: &H::Cell,
    first: Next<H>,
    hand: &mut H::Outcome,
    spent: &mut H::Spent,
) -> Option<H::Cell> {
    let mut walk = Walk {
        current: cell.clone(),
        beginning: None,
        below: Queue::default(),
        spent,
    };
    let mut next = Some(first);
    while let Some(step) = next {
        next = match step {
            Next::Call(link) => Some(call_row(host, &walk.current, link, hand, walk.spent)),
            Next::Returned(Step::Outcome) => {
                Some(host.with(&walk.current, |state| state.came(host, hand)))
            }
            Next::Returned(Step::Raised) => Some(raised(host, &walk, hand)),
            Next::Returned(Step::Chain(inner)) => {
                Some(chain(host, &walk.current, inner, hand, walk.spent))
            }
            Next::Returned(Step::Forward(to)) => Some(forward(host, &mut walk, to, hand)),
            Next::Resume { outer, more } => Some(hand_over(host, &mut walk, outer, more, hand)),
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
struct Walk<'a, H: Host> {
    /// The Deferred that is run.
    current: H::Cell,
    /// The Deferred that was fired or run, if it has been left for one that waited for it, and the
    /// loop comes back to it. Only kept [to the letter](Host::TO_THE_LETTER).
    beginning: Option<H::Cell>,
    /// The others that the loop comes back to, the next one first.
    below: Queue<Unfinished<H>>,
    spent: &'a mut H::Spent,
}

/// A Deferred that the loop has left for another and comes back to.
enum Unfinished<H: Host> {
    /// One that waited for it is run first.
    Waits(H::Cell),
    /// Its link, which has not returned, fires the Deferreds above. With what was the
    /// [`beginning`](Walk::beginning) until then, and what was spent.
    Fires(H::Cell, Option<H::Cell>, H::Spent),
}

impl<H: Host> Walk<'_, H> {
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
        let spent = mem::take(self.spent);
        self.below
            .push_front(Unfinished::Fires(left, beginning, spent));
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
        let Unfinished::Fires(cell, beginning, spent) = self.below.pop_if(|_| true)? else {
            return None;
        };
        drop(mem::replace(self.spent, spent));
        self.current = cell;
        self.beginning = beginning;
        let nothing = Some(host.nothing());
        drop(host.with(&self.current, |state| state.replace_outcome(nothing)));
        match host.with(&self.current, State::take_outcome) {
            Some(outcome) => {
                *hand = outcome;
                Some(Next::Returned(Step::Outcome))
            }
            None => {
                *hand = host.lost(&self.current);
                Some(Next::Returned(Step::Raised))
            }
        }
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
fn call_row<H: Host>(
    host: &H,
    cell: &H::Cell,
    link: H::Link,
    hand: &mut H::Outcome,
    spent: &mut H::Spent,
) -> Next<H> {
    let mut step = call_next(host, cell, link, hand, spent);
    while let Step::Outcome = step {
        match host.with(cell, State::next_link) {
            Some(link) => step = call_next(host, cell, link, hand, spent),
            None => return host.with(cell, |state| state.came(host, hand)),
        }
    }
    Next::Returned(step)
}

/// Lets go of the link that was called before, and calls `link`, which has been taken off its queue.
#[inline(always)]
fn call_next<H: Host>(
    host: &H,
    cell: &H::Cell,
    link: H::Link,
    hand: &mut H::Outcome,
    spent: &mut H::Spent,
) -> Step<H> {
    if host.is_noticed(spent) {
        host.with(cell, |state| state.set_running(false));
        if !in_sight(host, cell, hand, || host.let_go(spent)) {
            *hand = host.lost(cell);
            return Step::Raised;
        }
        host.with(cell, |state| state.set_running(true));
    } else {
        host.let_go(spent);
    }
    host.call(cell, link, hand, spent)
}

/// Does what may run code of programs while the outcome is where that looks for it, and may replace
/// it. Says whether there is one afterwards.
#[inline(never)]
fn in_sight<H: Host>(host: &H, cell: &H::Cell, hand: &mut H::Outcome, done: impl FnOnce()) -> bool {
    let outcome = mem::replace(hand, host.nothing());
    drop(host.with(cell, |state| state.replace_outcome(Some(outcome))));
    done();
    let seen = host.with(cell, State::take_outcome);
    seen.map(|outcome| *hand = outcome).is_some()
}

/// The running link has raised: makes a failure of that, and lets go of what the link was given.
fn raised<H: Host>(host: &H, walk: &Walk<'_, H>, hand: &mut H::Outcome) -> Next<H> {
    host.fail(walk.beginning(), hand);
    if H::TO_THE_LETTER {
        host.with(&walk.current, |state| state.set_running(false));
        if !in_sight(host, &walk.current, hand, || {}) {
            return Next::Lost(None);
        }
    }
    Next::Returned(Step::Outcome)
}

/// Hands the outcome to `outer`, which waited for the current one.
fn hand_over<H: Host>(
    host: &H,
    walk: &mut Walk<'_, H>,
    outer: H::Cell,
    more: bool,
    hand: &mut H::Outcome,
) -> Next<H> {
    if H::TO_THE_LETTER {
        let spent = &mut *walk.spent;
        let there = in_sight(host, &walk.current, hand, || {
            host.let_go(spent);
            host.resumes(spent, &outer);
        });
        if !there {
            return Next::Lost(Some(Entry::Resume(outer)));
        }
        let nothing = Some(host.nothing());
        host.with(&walk.current, |state| state.replace_outcome(nothing));
        if host.same(&walk.current, &outer) {
            *hand = host.nothing();
        }
    }
    let (kept, next) = host.with(&outer, |state| {
        (state.stop_waiting(), state.enter(host, hand))
    });
    drop(kept);
    walk.descend(host, outer, more);
    next
}

/// The running link of `current` returned `inner`: takes its outcome, or waits for it.
fn chain<H: Host>(
    host: &H,
    current: &H::Cell,
    inner: H::Cell,
    hand: &mut H::Outcome,
    spent: &mut H::Spent,
) -> Next<H> {
    if !H::TO_THE_LETTER && is_circle(host, current, &inner) {
        *hand = host.circular(&inner);
        return host.with(current, |state| state.came(host, hand));
    }
    // One that is on its way through its links has an outcome too, but not the one to be taken.
    let taken = host.with(&inner, |state| {
        host.may_take(state)
            .then(|| state.outcome.replace(host.nothing()))
            .flatten()
    });
    match taken {
        Some(outcome) => {
            *hand = outcome;
            host.settled(&inner);
            host.took(spent, inner, hand);
            host.with(current, |state| state.came(host, hand))
        }
        None if host.wait_otherwise(current, &inner, hand) => {
            *hand = host.nothing();
            Next::Waits
        }
        None => {
            host.with(&inner, |state| {
                state.waiters += 1;
                state.links.push(Entry::Resume(current.clone()));
            });
            let upstream = host.upstream(&inner);
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
fn forward<H: Host>(
    host: &H,
    walk: &mut Walk<'_, H>,
    to: H::Cell,
    hand: &mut H::Outcome,
) -> Next<H> {
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
