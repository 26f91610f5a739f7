//! For how long the loop's thread collects garbage.

use std::{cell::Cell, sync::Mutex};

use pyo3::prelude::*;

use super::calls::lock;
use crate::metrics::turns;

/// What was collected in the last turn that had a collection. Numbers that belong together need a lock, which collections
/// seldom take.
static COLLECTED: Mutex<Collected> = Mutex::new(Collected {
    turn: 0,
    time: 0,
    count: 0,
    since: None,
});

struct Collected {
    /// The number of the turn.
    turn: u64,
    /// For how many nanoseconds it has collected, and how often, the collection that goes on left out.
    time: u64,
    count: u64,
    /// When the collection began that goes on, in nanoseconds.
    since: Option<u64>,
}

thread_local! {
    /// Whether this is the thread of the loop that is watched.
    pub static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// For how many nanoseconds the loop's thread has collected garbage in a turn, and how often.
pub fn collected_in(number: u64) -> (u64, u64) {
    let collected = lock(&COLLECTED);
    let (time, count) = match collected.turn == number {
        true => (collected.time, collected.count),
        false => (0, 0),
    };
    match collected.since {
        None => (time, count),
        Some(since) => (time + turns::now().saturating_sub(since), count + 1),
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
    let (now, number) = (turns::now(), turns::number());
    let mut collected = lock(&COLLECTED);
    if phase == "start" {
        collected.since = Some(now);
    } else if let Some(since) = collected.since.take() {
        if collected.turn != number {
            (collected.turn, collected.time, collected.count) = (number, 0, 0);
        }
        collected.time += now.saturating_sub(since);
        collected.count += 1;
    }
}
