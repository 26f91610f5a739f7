//! Calls that wait for their time: [`DelayedCall`], and what a reactor and a `Clock` keep them in.

use std::{
    cell::{Cell, OnceCell, RefCell},
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use crate::{
    event_loop::{Deadlines, Key},
    failure::Failure,
    inline::Thunk,
    inspect,
    unhandled::{Origin, drop_reporting, report},
};

/// The delayed calls of one reactor or clock. Clones are the same.
#[derive(Clone)]
pub struct Timers(Rc<Inner>);

/// What calls may own of the timers that they are in, without keeping these and so themselves.
#[derive(Clone)]
pub(super) struct WeakTimers(Weak<Inner>);

impl WeakTimers {
    pub(super) fn upgrade(&self) -> Option<Timers> {
        self.0.upgrade().map(Timers)
    }
}

struct Inner {
    time: Time,
    calls: RefCell<Calls>,
    /// How many of the calls are no reason for a stopping reactor to wait.
    background: Cell<usize>,
}

/// Where the time comes from.
enum Time {
    Real(Instant),
    Manual(Cell<Duration>),
}

struct Calls {
    waiting: Deadlines<Pending>,
    /// The reactor has ended, and takes no calls.
    closed: bool,
}

/// A call that waits.
struct Pending {
    call: Thunk<(), ()>,
    /// Its record goes with it.
    _entry: inspect::Entry,
}

/// The deadline of calls that are never made, because they are set for a time that is out of reach.
const NEVER: u64 = u64::MAX;

/// A time as a deadline.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NEVER)
}

impl Timers {
    fn new(time: Time) -> Self {
        Timers(Rc::new(Inner {
            time,
            calls: RefCell::new(Calls {
                waiting: Deadlines::new(),
                closed: false,
            }),
            background: Cell::new(0),
        }))
    }

    /// Timers on the time of the system, which begins now.
    pub(super) fn real() -> Self {
        Timers::new(Time::Real(Instant::now()))
    }

    /// Timers on a time that is moved by hand and begins at zero.
    pub(super) fn manual() -> Self {
        Timers::new(Time::Manual(Cell::new(Duration::ZERO)))
    }

    pub(super) fn downgrade(&self) -> WeakTimers {
        WeakTimers(Rc::downgrade(&self.0))
    }

    pub(super) fn now(&self) -> Duration {
        match &self.0.time {
            Time::Real(start) => start.elapsed(),
            Time::Manual(now) => now.get(),
        }
    }

    /// Moves a manual time on, at most to the last time that is before [`NEVER`]. The time of the
    /// system moves by itself.
    pub(super) fn pass(&self, amount: Duration) {
        const LAST: Duration = Duration::from_nanos(NEVER - 1);
        if let Time::Manual(now) = &self.0.time {
            now.set(now.get().saturating_add(amount).min(LAST));
        }
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        let deadline = nanos(self.now().saturating_add(delay));
        let mut calls = self.0.calls.borrow_mut();
        let entry = inspect::Entry::delayed_call();
        let inspected = entry.id();
        let key = if calls.closed {
            // What the call owns may have calls of its own to make when it is dropped.
            drop(calls);
            drop(call);
            Key::NOWHERE
        } else {
            let call = Thunk::new(move |(): &mut ()| call());
            calls.waiting.insert(
                deadline,
                Pending {
                    call,
                    _entry: entry,
                },
            )
        };
        let call = DelayedCall {
            timers: self.downgrade(),
            key,
            cancelled: CancelledFlag::default(),
            inspected,
        };
        inspected.due(|| due(&call));
        call
    }

    /// How many calls are pending.
    pub(super) fn len(&self) -> usize {
        self.0.calls.borrow().waiting.len()
    }

    /// How many calls are pending without those in the background.
    pub(super) fn len_in_foreground(&self) -> usize {
        self.len() - self.0.background.get()
    }

    /// Counts a call that is about to be set as one in the background, for as long as it owns the
    /// result.
    pub(super) fn background_call(&self) -> BackgroundCall {
        self.0.background.set(self.0.background.get() + 1);
        BackgroundCall(self.downgrade())
    }

    /// Whether the reactor has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.0.calls.borrow().closed
    }

    /// How long until the first call is due.
    pub(super) fn next_delay(&self) -> Option<Duration> {
        let deadline = self.0.calls.borrow_mut().waiting.next_deadline()?;
        Some(Duration::from_nanos(deadline).saturating_sub(self.now()))
    }

    /// Makes the calls that are due, and those that these set for no later than now.
    pub(super) fn run_due(&self) {
        let now = nanos(self.now());
        loop {
            let pending = self.0.calls.borrow_mut().waiting.pop(now);
            let Some(pending) = pending else { return };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| pending.call.call(&mut ()))) {
                report(Origin::ReactorCall, Failure::from_panic(panic));
            }
        }
    }

    /// Takes calls again.
    pub(super) fn reopen(&self) {
        self.0.calls.borrow_mut().closed = false;
    }

    /// Drops all pending calls, and takes no more.
    pub(super) fn close(&self) {
        let calls = {
            let mut calls = self.0.calls.borrow_mut();
            calls.closed = true;
            calls.waiting.clear()
        };
        for call in calls {
            drop_reporting(Origin::ReactorCall, call);
        }
    }
}

/// What a pending call owns that is no reason for a stopping reactor to wait.
pub(super) struct BackgroundCall(WeakTimers);

impl Drop for BackgroundCall {
    fn drop(&mut self) {
        if let Some(timers) = self.0.upgrade() {
            timers.0.background.set(timers.0.background.get() - 1);
        }
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("now", &self.now())
            .field("pending", &self.len())
            .finish()
    }
}

/// A [`DelayedCall`] that is not pending any more was to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DelayedCallError {
    /// It has been made; Twisted's `AlreadyCalled`. So has one whose reactor has ended, or whose
    /// clock is gone.
    AlreadyCalled,
    /// It was cancelled; Twisted's `AlreadyCancelled`.
    AlreadyCancelled,
}

impl fmt::Display for DelayedCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DelayedCallError::AlreadyCalled => "this delayed call was made already",
            DelayedCallError::AlreadyCancelled => "this delayed call was cancelled already",
        })
    }
}

impl Error for DelayedCallError {}

/// A call that waits for its time; Twisted's `IDelayedCall`.
///
/// Made by `call_later` of a [`Reactor`](crate::Reactor) or [`Clock`](crate::Clock). Dropping it
/// does not cancel the call. Clones are the same call. It does not keep the reactor or clock alive,
/// so the call itself may own it.
///
/// ```
/// use std::time::Duration;
/// let clock = deferrous::Clock::new();
/// let call = clock.call_later(Duration::from_secs(5), || println!("five"));
/// call.delay(Duration::from_secs(1))?;
/// clock.advance(Duration::from_secs(5));
/// assert!(call.is_active());
/// call.cancel()?;
/// assert!(call.cancel().is_err());
/// # Ok::<(), deferrous::DelayedCallError>(())
/// ```
#[derive(Clone)]
pub struct DelayedCall {
    timers: WeakTimers,
    key: Key,
    cancelled: CancelledFlag,
    inspected: inspect::Id,
}

/// Whether a call was cancelled. Clones share a flag in memory of its own, which calls without clones
/// do not need.
#[derive(Default)]
struct CancelledFlag {
    own: Cell<bool>,
    shared: OnceCell<Rc<Cell<bool>>>,
}

impl CancelledFlag {
    fn cell(&self) -> &Cell<bool> {
        self.shared.get().map_or(&self.own, |shared| shared)
    }
}

impl Clone for CancelledFlag {
    fn clone(&self) -> Self {
        let shared = self
            .shared
            .get_or_init(|| Rc::new(Cell::new(self.own.get())));
        CancelledFlag {
            own: Cell::new(false),
            shared: OnceCell::from(shared.clone()),
        }
    }
}

impl DelayedCall {
    /// What `f` makes of the calls, unless it is nothing, as when this one is not pending.
    fn with_pending<R>(
        &self,
        f: impl FnOnce(&mut Deadlines<Pending>) -> Option<R>,
    ) -> Result<R, DelayedCallError> {
        let timers = self.timers.upgrade();
        let done = timers.and_then(|timers| f(&mut timers.0.calls.borrow_mut().waiting));
        done.ok_or_else(|| {
            if self.cancelled.cell().get() {
                DelayedCallError::AlreadyCancelled
            } else {
                DelayedCallError::AlreadyCalled
            }
        })
    }

    /// The number under which it is inspected.
    pub(crate) const fn inspected(&self) -> inspect::Id {
        self.inspected
    }

    /// Keeps the call from being made; Twisted's `cancel`.
    ///
    /// # Errors
    ///
    /// If it was made or cancelled before.
    pub fn cancel(&self) -> Result<(), DelayedCallError> {
        let call = self.with_pending(|calls| calls.remove(self.key))?;
        self.cancelled.cell().set(true);
        drop(call);
        Ok(())
    }

    /// Has the call made `delay` from now instead; Twisted's `reset`.
    ///
    /// # Errors
    ///
    /// If it was made or cancelled before.
    pub fn reset(&self, delay: Duration) -> Result<(), DelayedCallError> {
        let now = self
            .timers
            .upgrade()
            .map_or(Duration::MAX, |timers| timers.now());
        let deadline = nanos(now.saturating_add(delay));
        self.with_pending(|calls| calls.move_to(self.key, deadline).then_some(()))
    }

    /// Has the call made `by` later than it would have been; Twisted's `delay`.
    ///
    /// # Errors
    ///
    /// If it was made or cancelled before.
    pub fn delay(&self, by: Duration) -> Result<(), DelayedCallError> {
        self.with_pending(|calls| {
            let deadline = calls.deadline(self.key)?.saturating_add(nanos(by));
            calls.move_to(self.key, deadline).then_some(())
        })
    }

    /// Whether the call is still to be made; Twisted's `active`.
    pub fn is_active(&self) -> bool {
        self.with_pending(|calls| calls.deadline(self.key)).is_ok()
    }

    /// When the call is to be made, as a time of its reactor or clock; Twisted's `getTime`.
    ///
    /// # Errors
    ///
    /// If it was made or cancelled before.
    pub fn time(&self) -> Result<Duration, DelayedCallError> {
        self.with_pending(|calls| calls.deadline(self.key).map(Duration::from_nanos))
    }
}

/// Says for a snapshot when a call is due.
#[cfg(feature = "inspect")]
fn due(call: &DelayedCall) -> impl Fn() -> Option<inspect::State> + use<> {
    let (timers, key) = (call.timers.clone(), call.key);
    move || {
        let timers = timers.upgrade()?;
        let deadline = timers.0.calls.borrow().waiting.deadline(key)?;
        let (deadline, now) = (Duration::from_nanos(deadline), timers.now());
        Some(match deadline.checked_sub(now) {
            Some(after) => inspect::State::Due { after },
            None => inspect::State::Overdue { by: now - deadline },
        })
    }
}

#[cfg(not(feature = "inspect"))]
const fn due(_: &DelayedCall) {}

impl fmt::Debug for DelayedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("DelayedCall");
        match self.time() {
            Ok(time) => {
                let now = self.timers.upgrade().map(|timers| timers.now());
                out.field("now", &now.unwrap_or_default())
                    .field("time", &time)
            }
            Err(DelayedCallError::AlreadyCalled) => out.field("called", &true),
            Err(DelayedCallError::AlreadyCancelled) => out.field("cancelled", &true),
        };
        out.finish()
    }
}
