//! Exceptions: their tracebacks, and which of them is being handled.

use std::{mem, ptr};

use pyo3::{exceptions::PyBaseException, ffi, prelude::*, types::PyTraceback};

use super::{class_attribute, descriptor_get, name};

/// The traceback of an exception.
pub fn traceback<'py>(exception: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyTraceback>> {
    let py = exception.py();
    let class = py.get_type::<PyBaseException>();
    let descriptor = class_attribute(&class, name!(py, "__traceback__").ok()?)?;
    descriptor_get(&descriptor, exception)
        .ok()?
        .cast_into()
        .ok()
}

/// Gives an exception this traceback, or `None`, whatever its class has in place of `with_traceback`.
pub fn set_traceback(
    exception: &Bound<'_, PyBaseException>,
    traceback: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = exception.py();
    let class = py.get_type::<PyBaseException>();
    let method = class.getattr(name!(py, "with_traceback")?)?;
    method.call1((exception, traceback)).map(drop)
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
