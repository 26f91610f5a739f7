//! The turn of the loop that runs now, for threads that look at it without the interpreter.
//!
//! A turn begins when the loop has waited for events, and ends when it waits again. A process has one loop that counts: if
//! two reactors run in two threads, the numbers are of both.

use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use rustix::time::{ClockId, clock_gettime};

use super::histogram::{Histogram, add};

/// Who wants turns to be timed.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Timing {
    /// The metrics.
    Metrics = 1,
    /// The watchdog of stalls.
    Stalls = 2,
}

/// All bits of [`Timing`].
const WHO: u32 = 3;
/// What is added to [`TIMED`] when timing is switched on.
const PERIOD: u32 = WHO + 1;

/// The bits of those who want it, and above them how often timing has been switched on: the number of the period.
static TIMED: AtomicU32 = AtomicU32::new(0);
/// The period, as of [`TIMED`], that `BEGAN` and `ENDED` are of. Only the loop's thread writes the three.
static NOTED: AtomicU32 = AtomicU32::new(0);
/// When the turn began that runs now, in nanoseconds; 0 if none does.
static BEGAN: AtomicU64 = AtomicU64::new(0);
/// When the last one ended, in nanoseconds; 0 if none has.
static ENDED: AtomicU64 = AtomicU64::new(0);
/// How many have begun.
static NUMBER: AtomicU64 = AtomicU64::new(0);
/// How long a turn takes that is noted as long, in nanoseconds.
static LONG: AtomicU64 = AtomicU64::new(u64::MAX);
/// The number of the last long turn; 0 if none was, and while the two are written. A lock would stay locked in a process
/// that is forked meanwhile.
static LAST_LONG: AtomicU64 = AtomicU64::new(0);
/// How long that took, in nanoseconds.
static LAST_LONG_TOOK: AtomicU64 = AtomicU64::new(0);
/// How long turns took.
pub static TIMES: Histogram = Histogram::new();
/// For how long the loop has waited, in nanoseconds.
pub static IDLE: AtomicU64 = AtomicU64::new(0);

/// The time in nanoseconds, by the clock of `time.monotonic_ns()`. It is never 0.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    (seconds * 1_000_000_000 + nanos).max(1)
}

/// Whether turns are timed.
#[inline(always)]
pub fn are_timed() -> bool {
    // Relaxed: who is late by a turn only counts one turn more or less.
    TIMED.load(Relaxed) & WHO != 0
}

/// Has turns timed, or no longer, for one of those who may want it.
pub fn set_timed(who: Timing, on: bool) {
    let switched = |timed: u32| match on {
        false => timed & !(who as u32),
        true if timed & WHO == 0 => timed.wrapping_add(PERIOD) | who as u32,
        true => timed | who as u32,
    };
    // Relaxed: one number has it all, and nothing else is written with it.
    let _ = TIMED.fetch_update(Relaxed, Relaxed, |timed| Some(switched(timed)));
}

/// The number of the period in which turns are timed, as of [`TIMED`].
fn period() -> u32 {
    // Relaxed: it is only compared.
    TIMED.load(Relaxed) & !WHO
}

/// In the loop's thread, forgets the times of an earlier period: nobody has seen the end of a turn that ran meanwhile.
fn begin_period() {
    let period = period();
    // Relaxed: this thread has written it.
    if NOTED.load(Relaxed) != period {
        BEGAN.store(0, Relaxed);
        ENDED.store(0, Relaxed);
        // Release: whoever sees the period sees that there is no time of an earlier one.
        NOTED.store(period, Release);
    }
}

/// When the turn began that runs now, in nanoseconds by the clock of [`now`]; `None` while the loop waits, or if turns are
/// not timed. Any thread may ask, without the interpreter.
pub fn began_at() -> Option<u64> {
    // Acquire: with the period come the times of it.
    if !are_timed() || NOTED.load(Acquire) != period() {
        return None;
    }
    // Acquire: with the time comes the number of its turn.
    match BEGAN.load(Acquire) {
        0 => None,
        began => Some(began),
    }
}

/// The number of the turn that runs now, or ran last: how many have begun since turns are timed. Any thread may ask, without
/// the interpreter. If it is the same before and after [`began_at`], that is of this turn.
pub fn number() -> u64 {
    // Acquire: with the number comes the end of the turn before.
    NUMBER.load(Acquire)
}

/// The number of the turn that runs now, and when it began, as of [`began_at`]. Any thread may ask, without the interpreter.
pub fn running() -> Option<(u64, u64)> {
    loop {
        let before = number();
        let began = began_at()?;
        if number() == before {
            return Some((before, began));
        }
    }
}

/// Has turns noted that take at least so many nanoseconds.
pub fn set_long(nanos: u64) {
    // Relaxed: it stands alone.
    LONG.store(nanos, Relaxed);
}

/// The number of the last turn that was long, and how long it took, in nanoseconds; zeros if none was. Any thread may ask,
/// without the interpreter.
pub fn last_long() -> (u64, u64) {
    loop {
        // Acquire: with the number comes the time.
        let number = LAST_LONG.load(Acquire);
        // Acquire: with the time of another turn comes that the number is no longer the same.
        let took = LAST_LONG_TOOK.load(Acquire);
        if number == 0 {
            return (0, 0);
        }
        // Relaxed: it is only compared.
        if LAST_LONG.load(Relaxed) == number {
            return (number, took);
        }
    }
}

/// In the loop's thread, notes a turn as long.
fn note_long(number: u64, took: u64) {
    LAST_LONG.store(0, Relaxed);
    // Release: whoever sees the time sees that the number is being written.
    LAST_LONG_TOOK.store(took, Release);
    // Release: whoever sees the number sees the time.
    LAST_LONG.store(number, Release);
}

/// A turn begins, unless one has begun already: the loop has waited.
#[cold]
pub fn begin() {
    begin_period();
    // Relaxed: this thread has written both.
    if BEGAN.load(Relaxed) != 0 {
        return;
    }
    let now = now();
    match ENDED.load(Relaxed) {
        0 => (),
        ended => add(&IDLE, now.saturating_sub(ended)),
    }
    // Release: whoever sees the number sees that the turn before has ended.
    NUMBER.store(NUMBER.load(Relaxed) + 1, Release);
    // Release: whoever sees the time sees the number.
    BEGAN.store(now, Release);
}

/// The turn ends: the loop waits.
#[cold]
pub fn end() {
    begin_period();
    let now = now();
    // Relaxed: this thread has written what it reads here, and a new threshold may count from the next turn on.
    match BEGAN.load(Relaxed) {
        // It waits already: a program has put an object of its own in the poller's place, which waits with ours.
        0 if ENDED.load(Relaxed) != 0 => return,
        0 => (),
        began => {
            let took = now.saturating_sub(began);
            TIMES.count(took);
            if took >= LONG.load(Relaxed) {
                note_long(NUMBER.load(Relaxed), took);
            }
        }
    }
    // Relaxed: only this thread reads it.
    ENDED.store(now, Relaxed);
    // Release: whoever sees that no turn runs sees how long the last one took.
    BEGAN.store(0, Release);
}

/// Runs `wait`, in which the loop waits for events.
#[inline(always)]
pub fn between<R>(wait: impl FnOnce() -> R) -> R {
    if !are_timed() {
        return wait();
    }
    end();
    let result = wait();
    if are_timed() {
        begin();
    }
    result
}

/// Runs `turns`, which are all turns of a loop.
pub fn of_loop<R>(turns: impl FnOnce() -> R) -> R {
    if are_timed() {
        begin();
    }
    let result = turns();
    if are_timed() {
        end();
        // Nothing waits after the last turn. Relaxed: only this thread reads it.
        ENDED.store(0, Relaxed);
    }
    result
}
