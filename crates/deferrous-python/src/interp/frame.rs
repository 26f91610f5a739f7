//! Frames: those that never run, for tracebacks, and the one that runs.

use std::ptr;
#[cfg(Py_3_13)]
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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

/// Where the state of a thread has the frame that runs, in words. It is found out, since it differs from version to version.
#[cfg(Py_3_13)]
mod place {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// How many words of the state are searched: in all versions it has more.
    const SEARCHED: usize = 24;

    /// The place; 0 if it is not known, as the first word links the states.
    static KNOWN: AtomicUsize = AtomicUsize::new(0);
    /// A place that had a frame, and that frame.
    static CANDIDATE: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

    /// The place, if it is known.
    #[inline]
    pub fn known() -> Option<usize> {
        match KNOWN.load(Relaxed) {
            0 => None,
            place => Some(place),
        }
    }

    /// Looks for `frame`, which runs, in the words of a state. A place that has had two frames in turn is the one.
    #[cold]
    pub fn look_for(frame: usize, word: impl Fn(usize) -> usize) {
        let Some(place) = (1..SEARCHED).find(|&place| word(place) == frame) else {
            return;
        };
        let [before, seen] = CANDIDATE.each_ref().map(|part| part.load(Relaxed));
        if before == place && seen != frame {
            KNOWN.store(place, Relaxed);
        }
        CANDIDATE[0].store(place, Relaxed);
        CANDIDATE[1].store(frame, Relaxed);
    }
}

/// The word of a frame object that has the address of what runs.
#[cfg(Py_3_13)]
const RUNS: usize = 3;

/// The code that runs now, and its instruction as an index of bytes; `None` where no code of Python runs.
///
/// From CPython 3.13 on, no frame object is made for that, once it is known where the interpreter keeps what runs.
pub fn current_instruction(py: Python<'_>) -> Option<(Bound<'_, PyCode>, u32)> {
    // SAFETY: the thread is attached, as the token says, so its state and what runs in it stay while this runs. A place is
    // only known where two frames have been that ran, which the interpreter's own functions then read. The state has more
    // words than are searched, and a frame object more than the one that is read.
    let (frame, instruction) = unsafe {
        #[cfg(Py_3_13)]
        let state = ffi::PyThreadState_GetUnchecked();
        #[cfg(Py_3_13)]
        if let Some(place) = place::known() {
            let frame = *state.cast::<*mut ffi::_PyInterpreterFrame>().add(place);
            if !frame.is_null() {
                let code = ffi::PyUnstable_InterpreterFrame_GetCode(frame);
                // A function of C that was called by no code of Python has another object there.
                let code = Bound::from_owned_ptr_or_opt(py, code)?;
                if let Ok(code) = code.cast_into_exact::<PyCode>() {
                    let instruction = ffi::PyUnstable_InterpreterFrame_GetLasti(frame);
                    return Some((code, u32::try_from(instruction).unwrap_or_default()));
                }
            }
        }
        let raw = ffi::PyEval_GetFrame();
        let frame = Borrowed::from_ptr_or_opt(py, raw.cast())?.cast_unchecked::<PyFrame>();
        #[cfg(Py_3_13)]
        place::look_for(*raw.cast::<usize>().add(RUNS), |at| {
            AtomicUsize::from_ptr(state.cast::<usize>().add(at)).load(Relaxed)
        });
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
