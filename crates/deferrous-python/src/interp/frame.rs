//! Frames: those that never run, for tracebacks, and the one that runs.

use std::ptr;

use pyo3::{
    Borrowed, ffi,
    prelude::*,
    types::{PyCode, PyDict, PyFrame, PyFrameMethods},
};

#[cfg(not(Py_3_11))]
use super::{name, token::forget};

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

/// The code that runs now, and its instruction as an index of bytes; `None` where no code of Python runs.
pub fn current_instruction(py: Python<'_>) -> Option<(Bound<'_, PyCode>, u32)> {
    // SAFETY: the thread is attached, as the token says. The frame is the thread's own, which runs until this returns.
    let (frame, instruction) = unsafe {
        let raw = ffi::PyEval_GetFrame();
        let frame = Borrowed::from_ptr_or_opt(py, raw.cast())?.cast_unchecked::<PyFrame>();
        #[cfg(Py_3_11)]
        let instruction = i64::from(ffi::PyFrame_GetLasti(raw));
        #[cfg(not(Py_3_11))]
        let instruction = last_instruction(&frame)?;
        (frame, instruction)
    };
    Some((frame.code(), u32::try_from(instruction).unwrap_or_default()))
}

/// `frame.f_lasti`, for which CPython 3.10 has no function.
#[cfg(not(Py_3_11))]
fn last_instruction(frame: &Bound<'_, PyFrame>) -> Option<i64> {
    let found = name!(frame.py(), "f_lasti").and_then(|name| frame.getattr(name)?.extract());
    found.map_err(|error| forget(frame.py(), error)).ok()
}
