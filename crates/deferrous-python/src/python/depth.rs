//! How deep native code may call itself: what Python code does is counted by the interpreter.

use std::cell::Cell;

use pyo3::ffi;

use super::{Maybe, raise};

/// The interpreter's own limit is about as much, and a thread's stack has room for many times that.
const DEEPEST: u32 = 1000;

/// How deep Twisted's own functions come before they reach that limit: each level is several calls.
const DEEPEST_AS_PYTHON: u32 = 300;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `body` one level deeper.
///
/// # Errors
///
/// `RecursionError` if that is too deep.
pub fn deeper<T>(body: impl FnOnce() -> Maybe<T>) -> Maybe<T> {
    let depth = DEPTH.get();
    if depth >= DEEPEST {
        // SAFETY: reading a static of the interpreter.
        let class = unsafe { ffi::PyExc_RecursionError };
        return Err(raise(
            class,
            "maximum recursion depth exceeded in a chain of Deferreds",
        ));
    }
    DEPTH.set(depth + 1);
    let result = body();
    DEPTH.set(depth);
    result
}

/// Runs `body` one level deeper, unless that is deeper than Python code could be.
pub fn deeper_as_python<T>(body: impl FnOnce() -> T) -> Option<T> {
    let depth = DEPTH.get();
    if depth >= DEEPEST_AS_PYTHON {
        return None;
    }
    DEPTH.set(depth + 1);
    let result = body();
    DEPTH.set(depth);
    Some(result)
}
