//! Reading clocks.

use std::time::SystemTime;

use pyo3::prelude::*;

use super::support::support;

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
