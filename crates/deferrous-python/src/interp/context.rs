//! Context variables.

use pyo3::{ffi, prelude::*};

/// A copy of the current `contextvars.Context`.
pub fn copy_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the call hands out a reference to a new context, or raises.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }
}

/// Runs `body` in a context, as `Context.run` does.
///
/// # Errors
///
/// What `body` returns; a `RuntimeError` if the context has been entered already.
#[inline]
pub fn run_in_context<T>(
    context: &Bound<'_, PyAny>,
    body: impl FnOnce() -> PyResult<T>,
) -> PyResult<T> {
    // SAFETY: the context is alive, and the call raises if it is none; what was entered is left again below.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 {
        return Err(PyErr::fetch(context.py()));
    }
    let result = body();
    // SAFETY: the context is alive and the current one, unless `body` left it.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } < 0 {
        return Err(PyErr::fetch(context.py()));
    }
    result
}
