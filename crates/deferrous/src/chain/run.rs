//! The rules: firing, adding, pausing, cancelling. Each ends in the loop that runs links.

use super::{
    AlreadyCalled, Host, Links, NotPaused, State, Step,
    queue::Entry,
    state::{Begin, Cancel, Fired, Next},
    walk::drive,
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
        Fired::Taken(next) => Ok(drive(host, cell, next, &mut outcome, H::Spent::default())),
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
        let mut spent = H::Spent::default();
        let step = host.call(cell, link(), &mut hand, &mut spent);
        return finish(host, cell, step, &mut hand, spent);
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
    step: Step<H>,
    hand: &mut H::Outcome,
    spent: H::Spent,
) -> Option<H::Cell> {
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
    drive(host, cell, Next::Returned(step), hand, spent)
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
        Fired::Taken(next) => drop(drive(host, cell, next, &mut outcome, H::Spent::default())),
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
    drop(drive(host, outer, next, &mut outcome, H::Spent::default()));
}

/// Runs the links of `cell` while it has an outcome and nothing forbids it; Twisted's
/// `_runCallbacks`. Returns what [`fire`] does.
///
/// A Deferred that waited for this one is run before this one's next link. Those left unfinished
/// below are kept on a stack of the loop's own.
pub fn run<H: Host>(host: &H, cell: &H::Cell) -> Option<H::Cell> {
    let mut hand = host.nothing();
    let next = host.with(cell, |state| state.next(host, &mut hand));
    drive(host, cell, next, &mut hand, H::Spent::default())
}
