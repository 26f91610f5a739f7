//! For how long the loop's thread collects garbage.

use std::{
    cell::Cell,
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use pyo3::prelude::*;

use crate::metrics::turns;

/// When the collection began that runs now in the loop's thread, in nanoseconds; 0 if none does.
static COLLECTING_SINCE: AtomicU64 = AtomicU64::new(0);
/// The turn in which the loop's thread has collected last, for how long altogether, and how often.
static COLLECTED_IN: AtomicU64 = AtomicU64::new(0);
static COLLECTED: AtomicU64 = AtomicU64::new(0);
static COLLECTIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this is the thread of the loop that is watched.
    pub static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// For how many nanoseconds the loop's thread has collected garbage in a turn, and how often.
pub fn collected_in(number: u64) -> (u64, u64) {
    let (mut time, mut count) = (0, 0);
    if COLLECTED_IN.load(Acquire) == number {
        (time, count) = (COLLECTED.load(Relaxed), COLLECTIONS.load(Relaxed));
    }
    match COLLECTING_SINCE.load(Relaxed) {
        0 => (time, count),
        since => (time + turns::now().saturating_sub(since), count + 1),
    }
}

/// Note collections of the loop's thread: one of `gc.callbacks`.
///
/// Args:
///     phase: "start" or "stop".
///     info: what Python tells of the collection.
#[pyfunction]
#[pyo3(signature = (phase, info, /))]
pub fn note_collection(phase: &str, info: &Bound<'_, PyAny>) {
    let _ = info;
    if !IS_WATCHED.get() {
        return;
    }
    let now = turns::now();
    if phase == "start" {
        COLLECTING_SINCE.store(now, Relaxed);
        return;
    }
    let since = COLLECTING_SINCE.swap(0, Relaxed);
    if since == 0 {
        return;
    }
    let number = turns::number();
    if COLLECTED_IN.load(Relaxed) != number {
        COLLECTED.store(0, Relaxed);
        COLLECTIONS.store(0, Relaxed);
    }
    COLLECTED.fetch_add(now.saturating_sub(since), Relaxed);
    COLLECTIONS.fetch_add(1, Relaxed);
    COLLECTED_IN.store(number, Release);
}
