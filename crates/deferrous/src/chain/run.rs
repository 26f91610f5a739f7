//! The rules: firing, adding, pausing, cancelling, and the loop that runs links.

use std::mem;

use super::{
    AlreadyCalled, Host, NotPaused, Step,
    state::{Cancel, Entry, Fired, Next},
};

/// Gives a Deferred its outcome and runs its links; Twisted's `callback` and `errback`.
///
/// # Errors
///
/// [`AlreadyCalled`] if it was fired or cancelled before; nothing changes then. The one firing that
/// follows a cancellation without a canceller is accepted and ignored.
#[inline]
pub fn fire<H: Host>(host: &H, cell: &H::Cell, outcome: H::Outcome) -> Result<(), AlreadyCalled> {
    match host.with(cell, |state| state.fire(outcome)) {
        Fired::Taken(canceller) => {
            drop(canceller);
            run(host, cell);
            Ok(())
        }
        Fired::Swallowed(_) => Ok(()),
        Fired::Already(_) => Err(AlreadyCalled),
    }
}

/// Adds a link, and runs it before returning unless the Deferred is unfired, paused, waiting, or running
/// a link right now; Twisted's `addCallbacks`.
#[inline]
pub fn add<H: Host>(host: &H, cell: &H::Cell, link: H::Link) {
    let ready = host.with(cell, |state| {
        state.links.push(Entry::Call(link));
        state.is_ready()
    });
    if ready {
        run(host, cell);
    }
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
        state.pauses = state.pauses.checked_sub(1).ok_or(NotPaused)?;
        Ok(state.is_ready())
    })?;
    if ready {
        run(host, cell);
    }
    Ok(())
}

/// Gives up what the Deferred stands for; Twisted's `cancel`.
///
/// Before it is fired, its canceller is called, once; if that does not fire it, or there is none, it
/// fails with [`Host::cancelled`]. While it waits for another Deferred, that one is cancelled instead.
/// After firing, and again from inside the canceller, nothing happens.
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
    let outcome = host.cancelled();
    let fired = host.with(cell, |state| {
        if state.is_called() {
            return Fired::Already(outcome);
        }
        if swallow_next {
            state.swallow_next();
        }
        state.fire(outcome)
    });
    if let Fired::Taken(_) = fired {
        run(host, cell);
    }
}

/// Hands `outcome` to a Deferred that waits, and runs its links.
///
/// The engine does this by itself when the Deferred waited for has an outcome. A host calls it for one
/// that went away without ever having an outcome to give.
pub fn resume<H: Host>(host: &H, outer: &H::Cell, outcome: H::Outcome) {
    let upstream = host.with(outer, |state| state.resume(outcome));
    drop(upstream);
    run(host, outer);
}

/// Runs the links of `cell` while it has an outcome and nothing forbids it; Twisted's `_runCallbacks`.
///
/// A Deferred that waited for this one is run before this one's next link. Those left unfinished below
/// are kept on a stack of the loop's own.
pub fn run<H: Host>(host: &H, cell: &H::Cell) {
    let mut below = Vec::new();
    let mut current = cell.clone();
    let mut next = host.with(&current, |state| state.next(host));
    loop {
        next = match next {
            Next::Call(link, outcome) => match host.call(&current, link, outcome) {
                Step::Outcome(outcome) => host.with(&current, |state| {
                    state.returned(outcome);
                    state.next(host)
                }),
                Step::Chain(inner) => chain(host, &current, &inner),
                Step::Forward(to, outcome) => forward(host, &mut below, &mut current, to, outcome),
            },
            Next::Resume {
                outer,
                outcome,
                more,
            } => {
                let (upstream, next) = host.with(&outer, |state| {
                    let upstream = state.resume(outcome);
                    (upstream, state.next(host))
                });
                drop(upstream);
                descend(host, &mut below, &mut current, outer, more);
                next
            }
            Next::Dry => {
                host.settled(&current);
                match below.pop() {
                    Some(cell) => current = cell,
                    None => return,
                }
                host.with(&current, |state| state.next(host))
            }
            Next::Blocked => {
                match below.pop() {
                    Some(cell) => current = cell,
                    None => return,
                }
                host.with(&current, |state| state.next(host))
            }
        };
    }
}

/// Makes `cell` the one to run, and keeps the one before it if it has more to do, so that a row of any
/// length in which each has one link keeps the stack empty.
fn descend<H: Host>(
    host: &H,
    below: &mut Vec<H::Cell>,
    current: &mut H::Cell,
    cell: H::Cell,
    more: bool,
) {
    let finished = mem::replace(current, cell);
    if more {
        below.push(finished);
    } else {
        host.settled(&finished);
    }
}

/// The running link of `current` returned `inner`: takes its outcome, or waits for it.
fn chain<H: Host>(host: &H, current: &H::Cell, inner: &H::Cell) -> Next<H> {
    if is_circle(host, current, inner) {
        let outcome = host.circular();
        return host.with(current, |state| {
            state.returned(outcome);
            state.next(host)
        });
    }
    // One that is on its way through its links has an outcome too, but not the one to be taken.
    let taken = host.with(inner, |state| {
        if state.is_settled() {
            return state.outcome.replace(host.nothing());
        }
        state.waiters += 1;
        state.links.push(Entry::Resume(current.clone()));
        None
    });
    match taken {
        Some(outcome) => {
            host.settled(inner);
            host.with(current, |state| {
                state.returned(outcome);
                state.next(host)
            })
        }
        None => {
            let upstream = host.upstream(inner);
            host.with(current, |state| state.wait(upstream));
            Next::Blocked
        }
    }
}

/// Whether `inner` waits, in the end, for `current`. Only a Deferred that is waited for can be in a
/// circle, and one whose link is running waits for none itself, so the walk is rare and it ends.
fn is_circle<H: Host>(host: &H, current: &H::Cell, inner: &H::Cell) -> bool {
    if host.same(current, inner) {
        return true;
    }
    if host.with(current, |state| state.waiters == 0) {
        return false;
    }
    let next = |cell: &H::Cell| {
        host.with(cell, |state| {
            state.upstream.as_ref().and_then(|up| host.upgrade(up))
        })
    };
    let mut at = next(inner);
    while let Some(cell) = at {
        if host.same(current, &cell) {
            return true;
        }
        at = next(&cell);
    }
    false
}

/// The running link of `current` returned an outcome for another Deferred.
fn forward<H: Host>(
    host: &H,
    below: &mut Vec<H::Cell>,
    current: &mut H::Cell,
    to: H::Cell,
    outcome: H::Outcome,
) -> Next<H> {
    match host.with(&to, |state| state.fire(outcome)) {
        Fired::Taken(canceller) => {
            drop(canceller);
            let more = host.with(current, |state| {
                state.returned(host.nothing());
                !state.links.is_empty()
            });
            descend(host, below, current, to, more);
            host.with(current, |state| state.next(host))
        }
        refused => {
            let left = match refused {
                Fired::Already(outcome) => host.already_called(outcome),
                _ => host.nothing(),
            };
            host.with(current, |state| {
                state.returned(left);
                state.next(host)
            })
        }
    }
}
