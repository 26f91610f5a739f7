//! Calls that wait for their time: [`DelayedCall`], and what a reactor and a `Clock` keep them in.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use super::wheel::{Entry, Wheel};
use crate::{
    failure::Failure,
    inline::Thunk,
    unhandled::{Origin, drop_reporting, report},
};

/// Deadlines that are no longer wanted are swept out when there are more of them than of others,
/// and than this.
const SWEEP: usize = 1024;

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
}

/// Where the time comes from.
enum Time {
    Real(Instant),
    Manual(Cell<Duration>),
}

struct Calls {
    wheel: Wheel,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// The reactor has ended, and makes no more calls.
    closed: bool,
}

/// The place of a call that was never kept.
const NOWHERE: (u32, u64) = (u32::MAX, 0);

struct Slot {
    /// Counts the calls that this slot has held, so that a handle knows its own.
    generation: u64,
    /// Counts the deadlines that this slot has had. Sweeping keeps any entry from living through
    /// all of them.
    stamp: u32,
    deadline: u64,
    call: Option<Thunk<(), ()>>,
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Calls {
    fn live(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn insert(&mut self, deadline: u64, call: Thunk<(), ()>) -> (u32, u64) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                stamp: 0,
                deadline: 0,
                call: None,
            });
            u32::try_from(self.slots.len() - 1).expect("there are at most 2^32 delayed calls")
        });
        let slot = &mut self.slots[index as usize];
        slot.deadline = deadline;
        slot.call = Some(call);
        let (generation, stamp) = (slot.generation, slot.stamp);
        self.wheel.add(Entry {
            deadline,
            index,
            stamp,
        });
        (index, generation)
    }

    /// Takes a call out. Its entry, if that is still in the wheel, is no longer wanted.
    fn remove(&mut self, index: u32) -> Option<Thunk<(), ()>> {
        let slot = &mut self.slots[index as usize];
        slot.generation += 1;
        slot.stamp = slot.stamp.wrapping_add(1);
        self.free.push(index);
        slot.call.take()
    }

    fn move_to(&mut self, index: u32, deadline: u64) {
        let slot = &mut self.slots[index as usize];
        slot.stamp = slot.stamp.wrapping_add(1);
        slot.deadline = deadline;
        let stamp = slot.stamp;
        self.wheel.add(Entry {
            deadline,
            index,
            stamp,
        });
        self.sweep();
    }

    fn sweep(&mut self) {
        if self.wheel.len() > 2 * self.live() + SWEEP {
            let slots = &self.slots;
            self.wheel
                .retain(|entry| slots[entry.index as usize].stamp == entry.stamp);
        }
    }

    fn pop(&mut self, now: u64) -> Option<Thunk<(), ()>> {
        loop {
            let entry = self.wheel.pop(now)?;
            if self.slots[entry.index as usize].stamp == entry.stamp {
                return self.remove(entry.index);
            }
        }
    }
}

impl Timers {
    fn new(time: Time) -> Self {
        Timers(Rc::new(Inner {
            time,
            calls: RefCell::new(Calls {
                wheel: Wheel::new(),
                slots: Vec::new(),
                free: Vec::new(),
                closed: false,
            }),
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

    /// Moves a manual time on. The time of the system moves by itself.
    pub(super) fn pass(&self, amount: Duration) {
        if let Time::Manual(now) = &self.0.time {
            now.set(now.get().saturating_add(amount));
        }
    }

    pub(super) fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        let deadline = nanos(self.now().saturating_add(delay));
        let call = Thunk::new(move |(): &mut ()| call());
        let mut call = Some(call);
        let (index, generation) = {
            let mut calls = self.0.calls.borrow_mut();
            match call.take_if(|_| !calls.closed) {
                Some(call) => calls.insert(deadline, call),
                None => NOWHERE,
            }
        };
        drop(call);
        DelayedCall {
            timers: self.downgrade(),
            index,
            generation,
            cancelled: Cell::new(false),
        }
    }

    /// How many calls are pending.
    pub(super) fn len(&self) -> usize {
        self.0.calls.borrow().live()
    }

    /// How long until a call may be due.
    pub(super) fn next_delay(&self) -> Option<Duration> {
        let deadline = self.0.calls.borrow().wheel.next_deadline()?;
        Some(Duration::from_nanos(deadline).saturating_sub(self.now()))
    }

    /// Makes the calls that are due, and those that these set for no later than now.
    pub(super) fn run_due(&self) {
        let now = nanos(self.now());
        loop {
            let call = self.0.calls.borrow_mut().pop(now);
            let Some(call) = call else { return };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| call.call(&mut ()))) {
                report(Origin::ReactorCall, Failure::from_panic(panic));
            }
        }
    }

    /// Drops all pending calls, and takes no more.
    pub(super) fn close(&self) {
        let calls = {
            let mut calls = self.0.calls.borrow_mut();
            calls.closed = true;
            calls.wheel.retain(|_| false);
            let indices = 0..calls.slots.len() as u32;
            let taken: Vec<_> = indices
                .filter(|&index| calls.slots[index as usize].call.is_some())
                .collect();
            taken
                .into_iter()
                .map(|index| calls.remove(index))
                .collect::<Vec<_>>()
        };
        for call in calls {
            drop_reporting(Origin::ReactorCall, call);
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
/// does not cancel the call. It does not keep the reactor or clock alive, so the call itself may
/// own it.
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
pub struct DelayedCall {
    timers: WeakTimers,
    index: u32,
    generation: u64,
    cancelled: Cell<bool>,
}

impl DelayedCall {
    /// Runs `f` on the calls if this one is pending.
    fn with_pending<R>(&self, f: impl FnOnce(&mut Calls, u32) -> R) -> Result<R, DelayedCallError> {
        if let Some(timers) = self.timers.upgrade() {
            let mut calls = timers.0.calls.borrow_mut();
            let slot = calls.slots.get(self.index as usize);
            if slot.is_some_and(|slot| slot.generation == self.generation) {
                return Ok(f(&mut calls, self.index));
            }
        }
        Err(if self.cancelled.get() {
            DelayedCallError::AlreadyCancelled
        } else {
            DelayedCallError::AlreadyCalled
        })
    }

    /// Keeps the call from being made; Twisted's `cancel`.
    ///
    /// # Errors
    ///
    /// If it was made or cancelled before.
    pub fn cancel(&self) -> Result<(), DelayedCallError> {
        let call = self.with_pending(|calls, index| {
            let call = calls.remove(index);
            calls.sweep();
            call
        })?;
        self.cancelled.set(true);
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
        self.with_pending(|calls, index| calls.move_to(index, deadline))
    }

    /// Has the call made `by` later than it would have been; Twisted's `delay`.
    ///
    /// # Errors
    ///
    /// If it was made or cancelled before.
    pub fn delay(&self, by: Duration) -> Result<(), DelayedCallError> {
        self.with_pending(|calls, index| {
            let deadline = calls.slots[index as usize].deadline;
            calls.move_to(index, deadline.saturating_add(nanos(by)));
        })
    }

    /// Whether the call is still to be made; Twisted's `active`.
    pub fn is_active(&self) -> bool {
        self.with_pending(|_, _| ()).is_ok()
    }

    /// When the call is to be made, as a time of its reactor or clock; Twisted's `getTime`.
    ///
    /// # Errors
    ///
    /// If it was made or cancelled before.
    pub fn time(&self) -> Result<Duration, DelayedCallError> {
        self.with_pending(|calls, index| Duration::from_nanos(calls.slots[index as usize].deadline))
    }
}

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
