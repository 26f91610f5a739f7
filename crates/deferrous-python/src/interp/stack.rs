//! The stack of this thread, which native calls that call each other by way of Python code must not use up.
//!
//! The interpreter counts calls, and allows as many as fit a stack of some megabytes. Threads may have smaller ones, and
//! programs raise its limit.

use pyo3::prelude::*;

use super::too_deep;

/// The part of the stack that is kept for the interpreter and for C functions, in bytes.
const RESERVE: usize = 32 * 1024;

/// Refuses to go on where little of the stack is left. It is asked where Python code is about to be called that can come
/// back here.
///
/// # Errors
///
/// A `RecursionError`.
#[inline(always)]
pub fn check_stack(py: Python<'_>) -> PyResult<()> {
    match stacker::remaining_stack() {
        Some(left) if left < RESERVE => Err(too_deep(py, "in nested calls")),
        _ => Ok(()),
    }
}
