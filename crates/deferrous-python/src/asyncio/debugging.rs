//! asyncio's debug mode.

use pyo3::prelude::*;

use super::{
    names::names,
    state::{Call, LoopCore},
    support::support,
};
use crate::interp::fallible;

/// Notes who asks for a call.
#[cold]
pub fn note_source(py: Python<'_>, call: &Call) -> PyResult<()> {
    let stack = support(py)?.source_traceback.bind(py).call0()?;
    call.set_source_traceback(py, Some(stack));
    Ok(())
}

/// Refuses what no callback is, for a method of the loop by this name, and another thread than the loop's where
/// `in_thread` is set.
#[cold]
pub fn check(
    event_loop: &Bound<'_, LoopCore>,
    callback: &Bound<'_, PyAny>,
    method: &str,
    in_thread: bool,
) -> PyResult<()> {
    let py = event_loop.py();
    if in_thread {
        event_loop.call_method0(names(py).check_thread.bind(py))?;
    }
    let method = fallible::text(py, method)?;
    event_loop.call_method1(names(py).check_callback.bind(py), (callback, method))?;
    Ok(())
}
