//! The loop that runs links, from one Deferred to those that wait for it and back; Twisted's
//! `_runCallbacks`.

use std::mem;

use super::{
    host::Host,
    parts::Step,
    state::{Fired, Next, State, Waiting},
};

/// The loop. Between links the outcome is in `result`: an outcome that only passes through is never
/// put into a state.
///
/// A Deferred that waited for this one is run before this one's next link. Those left unfinished
/// are kept on a stack of the loop's own.
pub(super) fn drive<H: Host>(host: &H, cell: &H::Cell, first: Next<H>, result: &mut H::Outcome) {
    let next = match first {
        Next::Call(link) => call_links(host, cell, link, result),
        next => next,
    };
    walk(host, cell, next, result);
}

/// As [`drive`], from one Deferred to others. A separate function, so that running the links of one
/// needs only a small stack frame.
#[inline(never)]
fn walk<H: Host>(host: &H, cell: &H::Cell, first: Next<H>, result: &mut H::Outcome) {
    let mut walk = Walk {
        current: cell.clone(),
        stack: Vec::new(),
    };
    let mut next = Some(first);
    while let Some(step) = next {
        next = match step {
            Next::Call(link) => Some(call_links(host, &walk.current, link, result)),
            Next::Returned(Step::Outcome) => Some(on_result(host, &walk.current, result)),
            Next::Returned(Step::Chain(inner)) => Some(chain(host, &walk.current, inner, result)),
            Next::Returned(Step::Forward(to)) => Some(forward(host, &mut walk, to, result)),
            Next::Resume { outer, more } => Some(hand_over(host, &mut walk, outer, more, result)),
            Next::Settled => {
                host.settled(&walk.current);
                resume_coroutine(host, &mut walk.current, result).or_else(|| walk.pop(host, result))
            }
            Next::Blocked => walk.pop(host, result),
        }
    }
}

/// Where the loop is.
struct Walk<H: Host> {
    /// The Deferred whose links are run.
    current: H::Cell,
    /// The Deferreds that the loop has left for another and comes back to, the next one last.
    stack: Vec<H::Cell>,
}

impl<H: Host> Walk<H> {
    /// Makes `cell`, which takes its outcome from the current one, the one to run.
    ///
    /// The one before it is kept if it has more to do, so that in a chain of any length in which
    /// each has one link the stack stays empty.
    fn push(&mut self, host: &H, cell: H::Cell, more: bool) {
        let left = mem::replace(&mut self.current, cell);
        if more {
            self.stack.push(left);
        } else {
            host.settled(&left);
        }
    }

    /// Goes back to the Deferred that was left last and has something to do.
    fn pop(&mut self, host: &H, result: &mut H::Outcome) -> Option<Next<H>> {
        *result = host.nothing();
        self.current = self.stack.pop()?;
        Some(host.with(&self.current, |state| state.next(host, result)))
    }
}

/// Calls `link` and those after it, while there are any and each leaves an outcome.
#[inline(always)]
fn call_links<H: Host>(
    host: &H,
    cell: &H::Cell,
    link: H::Link,
    result: &mut H::Outcome,
) -> Next<H> {
    let mut step = host.call(cell, link, result);
    while let Step::Outcome = step {
        match host.with(cell, State::next_link) {
            Some(link) => step = host.call(cell, link, result),
            None => return on_result(host, cell, result),
        }
    }
    Next::Returned(step)
}

/// What `cell` does with the outcome that its link has left.
#[inline(always)]
fn on_result<H: Host>(host: &H, cell: &H::Cell, result: &mut H::Outcome) -> Next<H> {
    host.with(cell, |state| state.on_result(host, result))
}

/// Hands the outcome to `outer`, which waited for the current one.
fn hand_over<H: Host>(
    host: &H,
    walk: &mut Walk<H>,
    outer: H::Cell,
    more: bool,
    result: &mut H::Outcome,
) -> Next<H> {
    let (upstream, next) = host.with(&outer, |state| {
        (state.stop_waiting(), state.on_result(host, result))
    });
    drop(upstream);
    walk.push(host, outer, more);
    next
}

/// The running link of `current` returned `inner`: takes its outcome, or waits for it.
fn chain<H: Host>(host: &H, current: &H::Cell, inner: H::Cell, result: &mut H::Outcome) -> Next<H> {
    if is_circle(host, current, &inner) {
        *result = host.circular(&inner);
        return on_result(host, current, result);
    }
    match host.with(&inner, |state| state.take_settled(host)) {
        Some(outcome) => {
            *result = outcome;
            host.settled(&inner);
            drop(inner);
            on_result(host, current, result)
        }
        None => {
            host.with(&inner, |state| state.push_waiting(current.clone()));
            let upstream = host.upstream(&inner);
            host.with(current, |state| state.wait(upstream));
            *result = host.nothing();
            Next::Blocked
        }
    }
}

/// Whether `inner` waits, in the end, for `current`.
///
/// Two chains are about to be joined: those that wait for `current`, and those that `inner` waits
/// for. Both are walked in step, and the end of either says that they are not one. So it is the
/// shorter that counts, and building a chain of any length, from whichever end, takes no more time
/// than sorting would.
fn is_circle<H: Host>(host: &H, current: &H::Cell, inner: &H::Cell) -> bool {
    if host.same(current, inner) {
        return true;
    }
    let (mut up, mut down) = (inner.clone(), Some(current.clone()));
    loop {
        down = match down.map(|cell| host.with(&cell, |state| state.waiting())) {
            Some(Waiting::None) => return false,
            Some(Waiting::One(outer)) => Some(outer),
            Some(Waiting::Several) | None => None,
        };
        let next = host.with(&up, |state| {
            state.waiting_on().and_then(|up| host.upgrade(up))
        });
        match next {
            None => return false,
            Some(next) if host.same(current, &next) => return true,
            Some(next) => up = next,
        }
    }
}

/// The running link of the current one returned an outcome for `to`.
fn forward<H: Host>(host: &H, walk: &mut Walk<H>, to: H::Cell, result: &mut H::Outcome) -> Next<H> {
    match deliver(host, &to, result) {
        Delivered::Next(next) => {
            let more = host.with(&walk.current, |state| {
                state.store(host, &mut host.nothing());
                state.pending() > 0
            });
            let more = more || host.is_awaited(&walk.current);
            walk.push(host, to, more);
            next
        }
        Delivered::Swallowed => on_result(host, &walk.current, result),
        Delivered::Refused(outcome) => {
            *result = host.already_called(outcome);
            on_result(host, &walk.current, result)
        }
    }
}

/// Resumes the coroutine that awaits `current`. If that ends it, the Deferred of its result is the
/// one to run.
fn resume_coroutine<H: Host>(
    host: &H,
    current: &mut H::Cell,
    result: &mut H::Outcome,
) -> Option<Next<H>> {
    let fired = host.resume(current, result)?;
    match deliver(host, &fired, result) {
        Delivered::Next(next) => {
            *current = fired;
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

/// What became of firing a Deferred with the outcome in `result`.
enum Delivered<H: Host> {
    Next(Next<H>),
    Swallowed,
    Refused(H::Outcome),
}

/// Fires `to`. Unless it goes on with it, the outcome does not stay in `result`.
fn deliver<H: Host>(host: &H, to: &H::Cell, result: &mut H::Outcome) -> Delivered<H> {
    match host.with(to, |state| state.fire(host, result, || false)) {
        Fired::Taken(next) => Delivered::Next(next),
        Fired::Stored(canceller) => {
            drop(canceller);
            Delivered::Next(host.with(to, |state| state.next(host, result)))
        }
        Fired::Swallowed => {
            *result = host.nothing();
            Delivered::Swallowed
        }
        Fired::Already => Delivered::Refused(mem::replace(result, host.nothing())),
    }
}
