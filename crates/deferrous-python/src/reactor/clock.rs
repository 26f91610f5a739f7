//! Reading clocks, and times as numbers that can be ordered.

use std::time::SystemTime;

use pyo3::prelude::*;

use super::support::support;

/// A number that orders times as they are. What is not a number comes last.
pub const fn key(time: f64) -> u64 {
    if time.is_nan() {
        return u64::MAX;
    }
    // There is one zero.
    let bits = (time + 0.0).to_bits();
    if bits >> 63 == 0 {
        bits | 1 << 63
    } else {
        !bits
    }
}

/// The time that has this key.
pub const fn of_key(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 {
        key & !(1 << 63)
    } else {
        !key
    })
}

/// What a clock says, in seconds. That of the system is not called, but read.
#[inline]
pub fn read(seconds: &Bound<'_, PyAny>) -> PyResult<f64> {
    if support().system_clock.is(seconds) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let since = since.unwrap_or_default();
        // In one division, as CPython: two roundings would make another number.
        let nanos = since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos());
        return Ok(nanos as f64 / 1e9);
    }
    seconds.call0()?.extract()
}
