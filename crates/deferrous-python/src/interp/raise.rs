//! Exceptions: raising them, taking those that were raised, and keeping panics from Python.

use std::{
    any::Any,
    ffi::CString,
    panic::{AssertUnwindSafe, catch_unwind},
};

use pyo3::ffi;

use super::{Maybe, Obj, Raised, Raw, answer};

/// Raises `class(message)`.
#[cold]
pub fn raise(class: Raw, message: &str) -> Raised {
    let text = CString::new(message.replace('\0', "?")).unwrap_or_default();
    // SAFETY: the class is alive and the text ends with a zero.
    unsafe { ffi::PyErr_SetString(class, text.as_ptr()) };
    Raised
}

/// Raises a `TypeError`.
#[cold]
pub fn type_error(message: &str) -> Raised {
    // SAFETY: reading a static of the interpreter.
    raise(unsafe { ffi::PyExc_TypeError }, message)
}

/// Raises what an `assert` without a text does.
#[cold]
pub fn assertion_failed() -> Raised {
    // SAFETY: reading a static of the interpreter, which is a class and alive.
    unsafe { ffi::PyErr_SetNone(ffi::PyExc_AssertionError) };
    Raised
}

/// Raises `exception`, an instance, with the traceback that it has.
pub fn reraise(exception: Obj) -> Raised {
    #[cfg(Py_3_12)]
    // SAFETY: the exception is alive; the call takes over the reference.
    unsafe {
        ffi::PyErr_SetRaisedException(exception.into_ptr());
    }
    #[cfg(not(Py_3_12))]
    // SAFETY: the exception is alive; the call takes over the three references.
    unsafe {
        let class = Obj::borrowed(exception.class().cast());
        let traceback = ffi::PyException_GetTraceback(exception.as_ptr());
        ffi::PyErr_Restore(class.into_ptr(), exception.into_ptr(), traceback);
    }
    Raised
}

/// Takes the exception that was raised, with its traceback in place.
pub fn take_raised(_: Raised) -> Obj {
    #[cfg(Py_3_12)]
    // SAFETY: `Raised` says that one is set.
    let taken = unsafe { Obj::owned(ffi::PyErr_GetRaisedException()) };
    #[cfg(not(Py_3_12))]
    // SAFETY: `Raised` says that one is set; normalising makes `value` an instance.
    let taken = unsafe {
        let (mut class, mut value, mut traceback) = (
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
        ffi::PyErr_Fetch(&raw mut class, &raw mut value, &raw mut traceback);
        ffi::PyErr_NormalizeException(&raw mut class, &raw mut value, &raw mut traceback);
        if !traceback.is_null() {
            ffi::PyException_SetTraceback(value, traceback);
        }
        drop((Obj::owned(class), Obj::owned(traceback)));
        Obj::owned(value)
    };
    taken.unwrap_or_else(|Raised| Obj::none())
}

/// Puts an exception that is on its way aside, while something else is asked.
pub fn set_aside() -> Option<Obj> {
    // SAFETY: the thread is attached.
    if unsafe { ffi::PyErr_Occurred() }.is_null() {
        return None;
    }
    Some(take_raised(Raised))
}

/// Sets an exception on its way again.
pub fn put_back(pending: Option<Obj>) {
    if let Some(exception) = pending {
        let Raised = reraise(exception);
    }
}

/// Reports the exception that was raised where there is nobody to raise it to.
#[cold]
pub fn write_unraisable(_: Raised, about: Raw) {
    // SAFETY: an exception is set, and `about` is null or alive.
    unsafe { ffi::PyErr_WriteUnraisable(about) }
}

/// Runs the body of a function that the interpreter calls. A panic becomes an exception.
#[inline(always)]
pub fn enter(body: impl FnOnce() -> Maybe) -> Raw {
    answer(guarded(body))
}

/// As [`enter`], for functions that answer with a status.
#[inline(always)]
pub fn enter_status(body: impl FnOnce() -> Maybe<()>) -> std::ffi::c_int {
    match guarded(body) {
        Ok(()) => 0,
        Err(Raised) => -1,
    }
}

/// Runs `body`, and raises a panic as an exception.
#[inline(always)]
pub fn guarded<T>(body: impl FnOnce() -> Maybe<T>) -> Maybe<T> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(panic) => Err(raise_panic(&*panic)),
    }
}

/// As [`guarded`], with PyO3's results.
#[inline]
pub fn without_panic<T>(body: impl FnOnce() -> pyo3::PyResult<T>) -> pyo3::PyResult<T> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(panic) => Err(pyo3::exceptions::PySystemError::new_err(describe(&*panic))),
    }
}

#[cold]
#[inline(never)]
fn raise_panic(panic: &(dyn Any + Send)) -> Raised {
    // SAFETY: reading a static of the interpreter.
    raise(unsafe { ffi::PyExc_SystemError }, &describe(panic))
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
