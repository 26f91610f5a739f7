//! Exceptions: their tracebacks, and which of them is being handled.

use std::ptr;

use pyo3::{
    exceptions::PyBaseException,
    ffi,
    prelude::*,
    types::{PyNone, PyTraceback},
};

/// The traceback of an exception.
pub fn traceback<'py>(exception: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyTraceback>> {
    // SAFETY: the exception is alive; the interpreter hands out a reference to a traceback, or none.
    unsafe {
        let traceback = ffi::PyException_GetTraceback(exception.as_ptr());
        Bound::from_owned_ptr_or_opt(exception.py(), traceback)
            .map(|traceback| traceback.cast_into_unchecked())
    }
}

/// Gives an exception this traceback, and no other.
pub fn set_traceback(
    exception: &Bound<'_, PyBaseException>,
    traceback: Option<&Bound<'_, PyTraceback>>,
) {
    let none = PyNone::get(exception.py());
    let traceback = traceback.map_or(none.as_ptr(), Bound::as_ptr);
    // SAFETY: the exception is alive, and the other object is a traceback or `None`, which the call accepts.
    unsafe { ffi::PyException_SetTraceback(exception.as_ptr(), traceback) };
}

/// What was being handled before: class, exception and traceback, as the interpreter hands them out.
struct Outer([*mut ffi::PyObject; 3]);

impl Drop for Outer {
    fn drop(&mut self) {
        let [class, value, traceback] = self.0;
        // SAFETY: the interpreter handed these references out to whoever made this, on this attached thread, and
        // takes them back.
        unsafe { ffi::PyErr_SetExcInfo(class, value, traceback) }
    }
}

/// Runs `body` as in an `except` block that has caught `exception`.
pub fn handling<R>(exception: &Bound<'_, PyBaseException>, body: impl FnOnce() -> R) -> R {
    let [mut class, mut value, mut traceback] = [ptr::null_mut(); 3];
    // SAFETY: the exception is alive. The interpreter hands out three references and takes three over, each of
    // which may be null.
    unsafe {
        ffi::PyErr_GetExcInfo(&raw mut class, &raw mut value, &raw mut traceback);
        ffi::PyErr_SetExcInfo(
            exception.get_type().into_ptr().cast(),
            exception.clone().into_ptr(),
            ffi::PyException_GetTraceback(exception.as_ptr()),
        );
    }
    let _outer = Outer([class, value, traceback]);
    body()
}
