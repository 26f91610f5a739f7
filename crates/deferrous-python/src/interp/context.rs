//! Context variables.

use std::ffi::c_int;

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
    change(context, ffi::PyContext_Enter)?;
    let result = body();
    change(context, ffi::PyContext_Exit)?;
    result
}

/// Enters or leaves a context.
#[inline(always)]
fn change(
    context: &Bound<'_, PyAny>,
    function: unsafe extern "C" fn(*mut ffi::PyObject) -> c_int,
) -> PyResult<()> {
    // SAFETY: the object is alive, and both functions raise an exception if it is no context, if it has been entered
    // already, or if it is not the current one.
    match unsafe { function(context.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(context.py())),
    }
}
