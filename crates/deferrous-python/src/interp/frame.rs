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
    // SAFETY: the thread is attached, and the objects are alive and of the types that the call asks for. In CPython 3.10, a
    // frame has the one that made it in the first field after the head of objects of variable size; that may be null.
    unsafe {
        let thread = ffi::PyThreadState_Get();
        let frame = ffi::PyFrame_New(thread, code.as_ptr().cast(), globals.as_ptr(), variables);
        let frame = Bound::from_owned_ptr_or_err(code.py(), frame.cast())?;
        #[cfg(not(Py_3_11))]
        {
            // It would keep that frame, with its variables, for as long as it is there itself. Later versions do not note it.
            let caller: *mut *mut ffi::PyObject =
                frame.as_ptr().cast::<ffi::PyVarObject>().add(1).cast();
            ffi::Py_XDECREF(ptr::replace(caller, ptr::null_mut()));
        }
        Ok(frame.cast_into_unchecked())
    }
}
