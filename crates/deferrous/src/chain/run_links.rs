//! The loop that runs links, from one Deferred to those that wait for it and back; Twisted's
//! `_runCallbacks`.

use std::mem;

use super::{
    host::Host,
    parts::Step,
    state::{Fired, Next, State},
};

/// Borrows the state of `cell` for the length of `f`.
#[inline(always)]
pub(super) fn with<H: Host, R>(host: &H, cell: &H::Cell, f: impl FnOnce(&mut State<H>) -> R) -> R {
    f(&mut host.state(cell).borrow_mut())
}

/// The loop. Between links the outcome is in `result`: an outcome that only passes through is never
/// put into a state.
///
/// What most Deferreds need is here: their links run, and leave an outcome. The rest is apart, so that
/// this needs only a small stack frame.
#[inline(always)]
pub(super) fn drive<H: Host>(host: &H, cell: &H::Cell, first: Next, result: &mut H::Outcome) {
    let mut next = first;
    if let Next::Run = next {
        next = match host.call_links(cell, result) {
            Step::Outcome => on_result(host, cell, result),
            step => return walk(host, cell, Turn::Returned(step), result),
        };
    }
    match next {
        Next::Blocked => {}
        Next::Settled if !host.is_awaited(cell) => host.settled(cell),
        Next::Settled => {
            if let Some((cell, next)) = resume_coroutine(host, cell, result) {
                walk(host, &cell, Turn::Next(next), result);
            }
        }
        next => walk(host, cell, Turn::Next(next), result),
    }
}

/// The work of one turn of the loop.
pub(super) enum Turn<H: Host> {
    Next(Next),
    /// A link has returned.
    Returned(Step<H>),
}

/// The loop as it goes from one Deferred to others.
///
/// A Deferred that was fired by a link of this one, and goes on with its outcome, is run before this
/// one's next link. Those left unfinished are kept on a stack of the loop's own.
#[inline(never)]
pub(super) fn walk<H: Host>(host: &H, cell: &H::Cell, first: Turn<H>, result: &mut H::Outcome) {
    let mut walk = Walk {
        current: cell.clone(),
        stack: Vec::new(),
    };
    let mut turn = first;
    loop {
        let next = match turn {
            Turn::Next(Next::Run) => {
                turn = Turn::Returned(host.call_links(&walk.current, result));
                continue;
            }
            Turn::Returned(Step::Outcome) => on_result(host, &walk.current, result),
            Turn::Returned(Step::Chain(inner)) => chain(host, &walk.current, inner, result),
            Turn::Returned(Step::Forward(to)) => forward(host, &mut walk, to, result),
            Turn::Next(Next::HandOver) => hand_over(host, &mut walk, result),
            Turn::Next(Next::Settled) => match resume_coroutine(host, &walk.current, result) {
                Some((fired, next)) => {
                    walk.current = fired;
                    next
                }
                None => Next::Blocked,
            },
            Turn::Next(Next::Blocked) => match walk.pop(host, result) {
                Some(next) => next,
                None => return,
            },
        };
        turn = Turn::Next(next);
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
    fn pop(&mut self, host: &H, result: &mut H::Outcome) -> Option<Next> {
        *result = H::nothing();
        self.current = self.stack.pop()?;
        Some(with(host, &self.current, |state| state.next(result)))
    }
}

/// What `cell` does with the outcome that its links have left.
#[inline(always)]
fn on_result<H: Host>(host: &H, cell: &H::Cell, result: &mut H::Outcome) -> Next {
    with(host, cell, |state| state.on_result(result))
}

/// Hands the outcome to the Deferred that waits for the current one.
fn hand_over<H: Host>(host: &H, walk: &mut Walk<H>, result: &mut H::Outcome) -> Next {
    let Some(outer) = with(host, &walk.current, State::hand_over) else {
        return Next::Blocked;
    };
    let (upstream, next) = with(host, &outer, |state| {
        (state.stop_waiting(), state.on_result(result))
    });
    drop(upstream);
    walk.push(host, outer, false);
    next
}

/// The running link of `current` returned `inner`: takes its outcome, or waits for it.
fn chain<H: Host>(host: &H, current: &H::Cell, inner: H::Cell, result: &mut H::Outcome) -> Next {
    if is_circle(host, current, &inner) {
        *result = host.circular(&inner);
        return on_result(host, current, result);
    }
    match with(host, &inner, |state| state.take_settled()) {
        Some(outcome) => {
            *result = outcome;
            host.settled(&inner);
            drop(inner);
            on_result(host, current, result)
        }
        None => {
            with(host, &inner, |state| state.set_downstream(current.clone()));
            let upstream = host.upstream(&inner);
            with(host, current, |state| state.wait(upstream));
            *result = H::nothing();
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
    let (mut up, mut down) = (inner.clone(), current.clone());
    loop {
        match with(host, &down, |state| state.downstream().cloned()) {
            None => return false,
            Some(outer) => down = outer,
        }
        let next = with(host, &up, |state| {
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
fn forward<H: Host>(host: &H, walk: &mut Walk<H>, to: H::Cell, result: &mut H::Outcome) -> Next {
    let Some(next) = deliver(host, &to, result) else {
        return on_result(host, &walk.current, result);
    };
    let more = with(host, &walk.current, |state| {
        state.store(&mut H::nothing());
        state.pending() > 0
    });
    let more = more || host.is_awaited(&walk.current);
    walk.push(host, to, more);
    next
}

/// Resumes the coroutine that awaits `cell`, if there is one. If that ends it, returns the Deferred of
/// its result, which is the one to run.
fn resume_coroutine<H: Host>(
    host: &H,
    cell: &H::Cell,
    result: &mut H::Outcome,
) -> Option<(H::Cell, Next)> {
    host.settled(cell);
    let fired = host.resume(cell, result)?;
    // If it was cancelled meanwhile, there is no link to fail for it.
    let next = deliver(host, &fired, result)?;
    Some((fired, next))
}

/// Fires `to`. If it does not go on with the outcome, what is in `result` is for the link that fired it.
fn deliver<H: Host>(host: &H, to: &H::Cell, result: &mut H::Outcome) -> Option<Next> {
    match with(host, to, |state| state.fire(result, || false)) {
        Fired::Taken(next) => return Some(next),
        Fired::Stored => {
            drop(with(host, to, State::take_canceller));
            return Some(with(host, to, |state| state.next(result)));
        }
        Fired::Swallowed => *result = H::nothing(),
        Fired::Already => *result = host.already_called(H::take(result)),
    }
    None
}
