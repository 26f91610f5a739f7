//! Exceptions: their tracebacks, and which of them is being handled.

use std::{mem, ptr};

use pyo3::{exceptions::PyBaseException, ffi, prelude::*, types::PyTraceback};

/// The traceback of an exception.
pub fn traceback<'py>(exception: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyTraceback>> {
    // SAFETY: the exception is alive; the interpreter hands out a reference to a traceback, or none.
    unsafe {
        let traceback = ffi::PyException_GetTraceback(exception.as_ptr());
        Bound::from_owned_ptr_or_opt(exception.py(), traceback)
            .map(|traceback| traceback.cast_into_unchecked())
    }
}

/// Gives an exception this traceback, or `None`, whatever its class has in place of `with_traceback`.
///
/// # Errors
///
/// A `TypeError` for what is neither.
pub fn set_traceback(
    exception: &Bound<'_, PyBaseException>,
    traceback: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: both objects are alive, and the call takes any.
    match unsafe { ffi::PyException_SetTraceback(exception.as_ptr(), traceback.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(exception.py())),
    }
}

/// What is being handled: class, exception and traceback, as the interpreter hands them out.
type Handled<'py> = [Option<Bound<'py, PyAny>>; 3];

/// Has the interpreter see `handled` as what is being handled, and returns what that was.
fn exchange<'py>(py: Python<'py>, handled: Handled<'py>) -> Handled<'py> {
    let [mut class, mut value, mut traceback] = [ptr::null_mut(); 3];
    let [new_class, new_value, new_traceback] =
        handled.map(|part| part.map_or(ptr::null_mut(), Bound::into_ptr));
    // SAFETY: the interpreter hands out three references and takes three over, each of which may be null. The new ones
    // are those of an exception, or what an earlier call has handed out.
    unsafe {
        ffi::PyErr_GetExcInfo(&raw mut class, &raw mut value, &raw mut traceback);
        ffi::PyErr_SetExcInfo(new_class, new_value, new_traceback);
        [class, value, traceback].map(|part| Bound::from_owned_ptr_or_opt(py, part))
    }
}

/// Runs `body` as in an `except` block that has caught `exception`.
pub fn handling<R>(exception: &Bound<'_, PyBaseException>, body: impl FnOnce() -> R) -> R {
    struct Outer<'py>(Python<'py>, Handled<'py>);
    impl Drop for Outer<'_> {
        fn drop(&mut self) {
            drop(exchange(self.0, mem::take(&mut self.1)));
        }
    }

    let inner = [
        Some(exception.get_type().into_any()),
        Some(exception.clone().into_any()),
        traceback(exception).map(Bound::into_any),
    ];
    let _outer = Outer(exception.py(), exchange(exception.py(), inner));
    body()
}
