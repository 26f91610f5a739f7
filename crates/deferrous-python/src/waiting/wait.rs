//! Waiting without the interpreter.

use std::{io, time::Duration};

use pyo3::prelude::*;

use crate::interp::{detached, fallible::io_error, is_alone};

/// Runs `wait`, which waits for up to `delay`, and lets the handlers of signals run that have come meanwhile.
///
/// Other threads may run meanwhile, also where there is something to do. Without any the interpreter is kept.
///
/// # Errors
///
/// That of `wait`, or what the handler of a signal raises.
pub fn wait(
    py: Python<'_>,
    delay: Option<Duration>,
    wait: impl FnOnce() -> io::Result<()> + Send,
) -> PyResult<()> {
    let waited = if delay == Some(Duration::ZERO) && is_alone(py) {
        wait()
    } else {
        // A turn that has begun waits for the interpreter.
        detached(py, wait)
    };
    py.check_signals()?;
    waited.map_err(|error| io_error(py, &error))
}
