//! The turn of the loop that runs now, for threads that look at it without the interpreter.
//!
//! A turn begins when the loop has waited for events, and ends when it waits again. A process has one loop that counts: if
//! two reactors run in two threads, the numbers are of both.

use std::sync::atomic::{
    AtomicU8, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use rustix::time::{ClockId, clock_gettime};

use super::histogram::{Histogram, add};

/// Who wants turns to be timed.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Timing {
    /// The metrics.
    Metrics = 1,
    /// The watchdog of stalls.
    Stalls = 2,
}

/// The bits of those who want it.
static TIMED: AtomicU8 = AtomicU8::new(0);
/// When the turn began that runs now, in nanoseconds; 0 if none does.
static BEGAN: AtomicU64 = AtomicU64::new(0);
/// When the last one ended, in nanoseconds; 0 if none has.
static ENDED: AtomicU64 = AtomicU64::new(0);
/// How many have begun.
static NUMBER: AtomicU64 = AtomicU64::new(0);
/// How long a turn takes that is noted as long, in nanoseconds.
static LONG: AtomicU64 = AtomicU64::new(u64::MAX);
/// The number of the last long turn, and how long it took, in nanoseconds.
static LONG_NUMBER: AtomicU64 = AtomicU64::new(0);
static LONG_TOOK: AtomicU64 = AtomicU64::new(0);
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
    TIMED.load(Relaxed) != 0
}

/// Has turns timed, or no longer, for one of those who may want it.
pub fn set_timed(who: Timing, on: bool) {
    match on {
        true => TIMED.fetch_or(who as u8, Relaxed),
        false => TIMED.fetch_and(!(who as u8), Relaxed),
    };
    if !are_timed() {
        // What runs now is not seen to end.
        BEGAN.store(0, Relaxed);
        ENDED.store(0, Relaxed);
    }
}

/// When the turn began that runs now, in nanoseconds by the clock of [`now`]; `None` while the loop waits, or if turns are
/// not timed. Any thread may ask, without the interpreter.
pub fn began_at() -> Option<u64> {
    match BEGAN.load(Acquire) {
        0 => None,
        began => Some(began),
    }
}

/// The number of the turn that runs now, or ran last: how many have begun since turns are timed. Any thread may ask, without
/// the interpreter. If it is the same before and after [`began_at`], that is of this turn.
pub fn number() -> u64 {
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
    LONG.store(nanos, Relaxed);
}

/// The number of the last turn that was long, and how long it took, in nanoseconds; zeros if none was. Any thread may ask,
/// without the interpreter.
pub fn last_long() -> (u64, u64) {
    let number = LONG_NUMBER.load(Acquire);
    (number, LONG_TOOK.load(Relaxed))
}

/// A turn begins, unless one has begun already: the loop has waited.
#[cold]
pub fn begin() {
    if BEGAN.load(Relaxed) != 0 {
        return;
    }
    let now = now();
    match ENDED.load(Relaxed) {
        0 => (),
        ended => add(&IDLE, now.saturating_sub(ended)),
    }
    add(&NUMBER, 1);
    BEGAN.store(now, Release);
}

/// The turn ends: the loop waits.
#[cold]
pub fn end() {
    let now = now();
    match began_at() {
        Some(began) => {
            let took = now.saturating_sub(began);
            TIMES.count(took);
            if took >= LONG.load(Relaxed) {
                LONG_TOOK.store(took, Relaxed);
                LONG_NUMBER.store(number(), Release);
            }
        }
        // It waits already: a program has put an object of its own in the poller's place, which waits with ours.
        None if ENDED.load(Relaxed) != 0 => return,
        None => (),
    }
    ENDED.store(now, Relaxed);
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
        // Nothing waits after the last turn.
        ENDED.store(0, Relaxed);
    }
    result
}
