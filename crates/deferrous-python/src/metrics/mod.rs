//! How the loop and the pool are doing, in numbers.
//!
//! Counting is off until somebody asks. Then a place that counts costs one branch.

mod histogram;
pub mod turns;

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use self::{
    histogram::{BOUNDS, Counted, Histogram},
    turns::{Timing, set_timed},
};
use crate::interp::fallible;

/// How late delayed calls were made.
pub static LAG: Histogram = Histogram::new();
/// How long jobs have waited for a worker.
pub static QUEUED: Histogram = Histogram::new();
/// How long jobs took.
pub static JOBS: Histogram = Histogram::new();

/// The nanoseconds of a second.
const SECOND: f64 = 1e9;

/// A time in seconds, in nanoseconds. A negative one is 0.
pub fn nanos(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds)
        .map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// Count how long turns, waits and jobs take, or no longer.
///
/// Args:
///     on: whether to count. Earlier counts stay.
///     stalls: whether it is the watchdog of stalls that asks, and not the metrics. Times are counted while
///         one of them wants that.
///
/// Any thread may call it.
#[pyfunction]
#[pyo3(signature = (on, /, *, stalls=false))]
pub fn count_times(on: bool, stalls: bool) {
    let who = if stalls {
        Timing::Stalls
    } else {
        Timing::Metrics
    };
    set_timed(who, on);
}

/// The times that were counted, in seconds.
///
/// Returns:
///     a dict. `turns`, `lag`, `queued` and `jobs` are pairs: how many were in each bucket, as a tuple, and
///     the sum; `bounds` has the upper bounds of the buckets, of which the last has none. `idle` is for how
///     long the loop has waited, `turn` the number of the last turn, and `began` when that began, by
///     `time.monotonic()`, or None if it has ended.
///
/// Any thread may call it.
#[pyfunction]
pub fn counted_times(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let found = fallible::dict(py)?;
    let histograms = [
        ("turns", &turns::TIMES),
        ("lag", &LAG),
        ("queued", &QUEUED),
        ("jobs", &JOBS),
    ];
    for (name, histogram) in histograms {
        found.set_item(fallible::text(py, name)?, shown(py, histogram.read())?)?;
    }
    let bounds = BOUNDS.map(|bound| seconds(py, bound));
    let bounds = bounds.into_iter().collect::<PyResult<Vec<_>>>()?;
    let bounds = fallible::tuple_of(py, &bounds)?;
    found.set_item(fallible::text(py, "bounds")?, bounds)?;
    // Relaxed: it stands alone.
    let idle = seconds(py, turns::IDLE.load(Relaxed))?;
    found.set_item(fallible::text(py, "idle")?, idle)?;
    let turn = fallible::int(py, turns::number().cast_signed() as isize)?;
    found.set_item(fallible::text(py, "turn")?, turn)?;
    let began = turns::began_at().map(|began| seconds(py, began));
    found.set_item(fallible::text(py, "began")?, began.transpose()?)?;
    Ok(found)
}

fn shown(py: Python<'_>, counted: Counted) -> PyResult<Bound<'_, PyTuple>> {
    let counts = counted.counts.map(|count| {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        fallible::int(py, count)
    });
    let counts = counts.into_iter().collect::<PyResult<Vec<_>>>()?;
    let counts = fallible::tuple_of(py, &counts)?.into_any();
    fallible::tuple(py, [counts, seconds(py, counted.sum)?])
}

fn seconds(py: Python<'_>, nanos: u64) -> PyResult<Bound<'_, PyAny>> {
    fallible::float(py, nanos as f64 / SECOND)
}
