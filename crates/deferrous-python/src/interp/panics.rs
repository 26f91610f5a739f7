//! Keeping panics from ending what they have nothing to do with.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use pyo3::{exceptions::PySystemError, prelude::*};

use super::fallible;

/// Runs `body`, and raises a panic as an exception.
#[inline]
pub fn without_panic<T>(py: Python<'_>, body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(panic) => Err(fallible::error::<PySystemError>(py, &describe(&*panic))),
    }
}

#[cold]
fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a value that is not text");
    format!("deferrous has an error of its own, please report it: {text}")
}
