//! The rules: firing, adding, pausing, cancelling. Each ends in the loop that runs links.

use super::{
    host::Host,
    parts::Step,
    run_links::{Turn, drive, walk, with},
    state::{Cancel, Fired, State},
};
use crate::control_flow::{AlreadyCalled, NotPaused};

/// Gives a Deferred its outcome and runs its links; Twisted's `callback` and `errback`.
///
/// # Errors
///
/// [`AlreadyCalled`] if it was fired or cancelled before; nothing changes then. The one firing that
/// follows a cancellation without a canceller is accepted and ignored.
#[inline(always)]
pub(crate) fn fire<H: Host>(
    host: &H,
    cell: &H::Cell,
    mut outcome: H::Outcome,
) -> Result<(), AlreadyCalled> {
    let fired = with(host, cell, |state| {
        state.fire(&mut outcome, || host.is_deepest())
    });
    match fired {
        Fired::Taken(next) => drive(host, cell, next, &mut outcome),
        Fired::Stored => {
            let canceller = with(host, cell, State::take_canceller);
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
#[inline(always)]
pub(crate) fn add<H: Host>(
    host: &H,
    cell: &H::Cell,
    link: impl FnOnce(&mut H::Outcome) -> Step<H> + 'static,
) {
    let mut state = host.state(cell).borrow_mut();
    let ready = state.is_ready();
    if ready && state.is_settled() && !host.is_deepest() {
        let mut result = state.begin();
        drop(state);
        let step = host.call(link, &mut result);
        return finish(host, cell, step, &mut result);
    }
    state.links.push(link);
    drop(state);
    if ready {
        run(host, cell);
    }
}

/// A link that never was in the queue has returned.
#[inline(always)]
fn finish<H: Host>(host: &H, cell: &H::Cell, step: Step<H>, result: &mut H::Outcome) {
    if matches!(step, Step::Outcome) && with(host, cell, |state| state.settle(result)) {
        host.settled(cell);
    } else {
        walk(host, cell, Turn::Returned(step), result);
    }
}

/// Stops links from running until as many [`unpause`]s follow; Twisted's `pause`.
#[inline]
pub(crate) fn pause<H: Host>(host: &H, cell: &H::Cell) {
    with(host, cell, State::pause);
}

/// Ends one [`pause`], and with the last one runs what has queued up; Twisted's `unpause`.
///
/// # Errors
///
/// [`NotPaused`] if there is no pause to end; nothing changes then.
#[inline]
pub(crate) fn unpause<H: Host>(host: &H, cell: &H::Cell) -> Result<(), NotPaused> {
    let (paused, ready) = with(host, cell, |state| (state.unpause(), state.is_ready()));
    if !paused {
        return Err(NotPaused);
    }
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
pub(crate) fn cancel<H: Host>(host: &H, cell: &H::Cell) {
    let mut cell = cell.clone();
    loop {
        match with(host, &cell, |state| state.begin_cancel(host)) {
            Cancel::Nothing => return,
            Cancel::Upstream(inner) => cell = inner,
            Cancel::Ask(canceller) => {
                host.call_canceller(&cell, canceller);
                let fired = with(host, &cell, |state| {
                    state.end_cancel();
                    state.is_called()
                });
                if fired {
                    return;
                }
                break;
            }
            Cancel::Fail => break,
        }
    }
    // It has no outcome, as just seen, and so takes this one.
    let _ = fire(host, &cell, host.cancelled());
}

/// Hands `outcome` to a Deferred that waits, and runs its links.
///
/// The engine does this by itself when the Deferred waited for has an outcome. A host calls it for
/// one that went away without ever having an outcome to give.
pub(crate) fn resume<H: Host>(host: &H, outer: &H::Cell, mut outcome: H::Outcome) {
    drop(with(host, outer, State::stop_waiting));
    let next = with(host, outer, |state| state.on_result(&mut outcome));
    drive(host, outer, next, &mut outcome);
}

/// Runs the links of `cell` while it has an outcome and nothing forbids it: now, or later where they
/// would nest too deep.
fn run<H: Host>(host: &H, cell: &H::Cell) {
    if host.is_deepest() && with(host, cell, |state| state.pending() > 0) {
        host.run_later(cell);
    } else {
        run_now(host, cell);
    }
}

/// Runs the links of `cell` while it has an outcome and nothing forbids it.
pub(crate) fn run_now<H: Host>(host: &H, cell: &H::Cell) {
    let mut result = H::nothing();
    let next = with(host, cell, |state| state.next(&mut result));
    drive(host, cell, next, &mut result);
}
