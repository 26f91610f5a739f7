//! Frames that never run, for tracebacks.

use std::ptr;

use pyo3::{
    ffi,
    prelude::*,
    types::{PyCode, PyDict, PyFrame},
};

/// A frame that never runs. It has `variables` if its code keeps them in a dict.
pub fn frame<'py>(
    code: &Bound<'py, PyCode>,
    globals: &Bound<'py, PyDict>,
    variables: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyFrame>> {
    let variables = variables.map_or(ptr::null_mut(), Bound::as_ptr);
    // SAFETY: the thread is attached, and the objects are alive and of the types that the call asks for.
    let frame: Bound<'py, PyFrame> = unsafe {
        let thread = ffi::PyThreadState_Get();
        let frame = ffi::PyFrame_New(thread, code.as_ptr().cast(), globals.as_ptr(), variables);
        Bound::from_owned_ptr_or_err(code.py(), frame.cast())?.cast_into_unchecked()
    };
    #[cfg(not(Py_3_11))]
    forget_caller(&frame);
    Ok(frame)
}

/// Lets go of the frame that made this one. It would otherwise be kept, with its variables, as long as this one is.
/// CPython 3.11 and later do not note it for a frame that does not run.
#[cfg(not(Py_3_11))]
fn forget_caller(frame: &Bound<'_, PyFrame>) {
    // SAFETY: in CPython 3.10, `f_back` is the first field of a frame after the head that all objects of variable
    // size have. It may be null, and is null before what was there is let go of.
    unsafe {
        let back = frame.as_ptr().cast::<ffi::PyVarObject>().add(1);
        let back = back.cast::<*mut ffi::PyObject>();
        let caller = std::mem::replace(&mut *back, ptr::null_mut());
        ffi::Py_XDECREF(caller);
    }
}
