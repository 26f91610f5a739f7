//! The rules: firing, adding, pausing, cancelling. Each ends in the loop that runs links.

use super::{
    errors::{AlreadyCalled, NotPaused},
    host::Host,
    parts::Step,
    run_links::drive,
    state::{Begin, Cancel, Fired, Next, State},
};

/// Gives a Deferred its outcome and runs its links; Twisted's `callback` and `errback`.
///
/// # Errors
///
/// [`AlreadyCalled`] if it was fired or cancelled before; nothing changes then. The one firing that
/// follows a cancellation without a canceller is accepted and ignored.
#[inline]
pub(crate) fn fire<H: Host>(
    host: &H,
    cell: &H::Cell,
    mut outcome: H::Outcome,
) -> Result<(), AlreadyCalled> {
    let fired = host.with(cell, |state| {
        state.fire(host, &mut outcome, || host.is_deepest())
    });
    match fired {
        Fired::Taken(next) => drive(host, cell, next, &mut outcome),
        Fired::Stored(canceller) => {
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
pub(crate) fn add<H: Host>(host: &H, cell: &H::Cell, link: impl FnOnce() -> H::Link) {
    let mut result = host.nothing();
    let begin = host.with(cell, |state| state.begin(&mut result, || host.is_deepest()));
    if let Begin::Call = begin {
        let step = host.call(cell, link(), &mut result);
        return finish(host, cell, step, &mut result);
    }
    host.with(cell, |state| state.push_link(link));
    if let Begin::QueueAndRun = begin {
        run(host, cell);
    }
}

/// A link that never was in the queue has returned.
#[inline(always)]
fn finish<H: Host>(host: &H, cell: &H::Cell, step: Step<H>, result: &mut H::Outcome) {
    if let Step::Outcome = step
        && host.with(cell, |state| state.settle(host, result))
    {
        return host.settled(cell);
    }
    drive(host, cell, Next::Returned(step), result);
}

/// Stops links from running until as many [`unpause`]s follow; Twisted's `pause`.
#[inline]
pub(crate) fn pause<H: Host>(host: &H, cell: &H::Cell) {
    host.with(cell, State::pause);
}

/// Ends one [`pause`], and with the last one runs what has queued up; Twisted's `unpause`.
///
/// # Errors
///
/// [`NotPaused`] if there is no pause to end; nothing changes then.
#[inline]
pub(crate) fn unpause<H: Host>(host: &H, cell: &H::Cell) -> Result<(), NotPaused> {
    let (paused, ready) = host.with(cell, |state| (state.unpause(), state.is_ready()));
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
        match host.with(&cell, |state| state.begin_cancel(host)) {
            Cancel::Nothing => return,
            Cancel::Upstream(inner) => cell = inner,
            Cancel::Ask(canceller) => {
                host.call_canceller(&cell, canceller);
                let fired = host.with(&cell, |state| {
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
    drop(host.with(outer, State::stop_waiting));
    let next = host.with(outer, |state| state.on_result(host, &mut outcome));
    drive(host, outer, next, &mut outcome);
}

/// Runs the links of `cell` while it has an outcome and nothing forbids it: now, or later where they
/// would nest too deep.
fn run<H: Host>(host: &H, cell: &H::Cell) {
    if host.is_deepest() && host.with(cell, |state| state.pending() > 0) {
        host.run_later(cell);
    } else {
        run_now(host, cell);
    }
}

/// Runs the links of `cell` while it has an outcome and nothing forbids it.
pub(crate) fn run_now<H: Host>(host: &H, cell: &H::Cell) {
    let mut result = host.nothing();
    let next = host.with(cell, |state| state.next(host, &mut result));
    drive(host, cell, next, &mut result);
}
