//! How deep native code may call itself: what Python code does is counted by the interpreter.

use std::{cell::Cell, thread::LocalKey};

use pyo3::{exceptions::PyRecursionError, prelude::*};

use super::fallible;

/// Twisted's own functions come about as deep before they reach the interpreter's limit, and the
/// stack of a small thread has room for twice that.
const DEEPEST: u32 = 250;

/// How deep it may come where it can go on without a stack.
const DEEPEST_AS_PYTHON: u32 = 200;

/// How deep calls of objects that are no functions may nest. Twisted has three functions of Python for each, of which
/// the interpreter allows a thousand by default. Its own limit for calls of C is ten times as high, and each of ours
/// needs more of the stack than that is made for.
const DEEPEST_CALL: u32 = 333;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static CALL_DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `body` one level deeper, unless that is deeper than `deepest`.
#[inline(always)]
fn nest<T>(
    depth: &'static LocalKey<Cell<u32>>,
    deepest: u32,
    body: impl FnOnce() -> T,
) -> Option<T> {
    let before = depth.get();
    if before >= deepest {
        return None;
    }
    depth.set(before + 1);
    let result = body();
    depth.set(before);
    Some(result)
}

/// Runs `body` one level deeper.
///
/// # Errors
///
/// `RecursionError` if that is too deep.
pub fn deeper<T>(py: Python<'_>, body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    nest(&DEPTH, DEEPEST, body).unwrap_or_else(|| Err(too_deep(py, "in a chain of Deferreds")))
}

/// Runs `body` one level deeper, unless that is deeper than Python code could be.
pub fn deeper_as_python<T>(body: impl FnOnce() -> T) -> Option<T> {
    nest(&DEPTH, DEEPEST_AS_PYTHON, body)
}

/// Calls an object of a program that is no function, unless such calls nest too deep.
#[inline(always)]
pub fn nested_call<T>(call: impl FnOnce() -> T) -> Option<T> {
    nest(&CALL_DEPTH, DEEPEST_CALL, call)
}

/// A `RecursionError`.
#[cold]
pub fn too_deep(py: Python<'_>, doing: &str) -> PyErr {
    fallible::error::<PyRecursionError>(py, &format!("maximum recursion depth exceeded {doing}"))
}
