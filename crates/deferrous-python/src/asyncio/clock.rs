//! The clock of a loop.

use pyo3::prelude::*;
use rustix::time::{ClockId, clock_gettime};

use super::{
    hooks::{self, TIME},
    names::names,
    state::LoopCore,
};

/// The time that `time.monotonic()` returns, in seconds.
#[inline]
pub fn monotonic() -> f64 {
    let time = clock_gettime(ClockId::Monotonic);
    // In one division, as CPython: two roundings would make another number.
    (time.tv_sec * 1_000_000_000 + time.tv_nsec) as f64 / 1e9
}

/// The time that `loop.time()` returns, in seconds.
#[inline]
pub fn now(event_loop: &Bound<'_, LoopCore>) -> PyResult<f64> {
    if hooks::replaced(event_loop) & TIME == 0 {
        return Ok(monotonic());
    }
    let py = event_loop.py();
    event_loop.call_method0(names(py).time.bind(py))?.extract()
}
