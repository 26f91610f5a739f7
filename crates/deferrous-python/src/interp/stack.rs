//! The stack of this thread, which native calls that call each other by way of Python code must not use up.
//!
//! The interpreter counts calls, and allows as many as fit a stack of some megabytes. Threads may have smaller ones, and
//! programs raise its limit.

use std::cell::Cell;

use pyo3::prelude::*;

use super::too_deep;

/// The part of the stack that is kept for the interpreter and for C functions, in bytes.
const RESERVE: usize = 32 * 1024;

thread_local! {
    /// The lowest address that this thread's stack may reach, and nothing is that low before it is known.
    static LOWEST: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Refuses to go on where little of the stack is left. It is asked where Python code is about to be called that can come
/// back here.
///
/// # Errors
///
/// A `RecursionError`.
#[inline(always)]
pub fn check_stack(py: Python<'_>) -> PyResult<()> {
    let here = 0_u8;
    match (&raw const here).addr() < LOWEST.get() {
        true => find_lowest(py),
        false => Ok(()),
    }
}

/// The address is lower than allowed, or it is not known yet which one is.
#[cold]
#[inline(never)]
fn find_lowest(py: Python<'_>) -> PyResult<()> {
    let here = 0_u8;
    // Where the system does not tell, nothing is refused.
    let left = stacker::remaining_stack().unwrap_or(usize::MAX);
    LOWEST.set(
        (&raw const here)
            .addr()
            .saturating_sub(left)
            .saturating_add(RESERVE),
    );
    match left < RESERVE {
        true => Err(too_deep(py, "in nested calls")),
        false => Ok(()),
    }
}
