//! Making Twisted's `Failure` objects: the same class, with the state that its `__init__` leaves.
//!
//! `__init__` in Python is most of what a failing callback costs. What is made here differs in no
//! attribute; where somebody has replaced `__init__`, it is called.

mod check;
mod frames;

use std::ptr;

use pyo3::ffi;

use crate::{
    interp::{Maybe, Obj, Raised, Raw, take_raised, write_unraisable},
    replaced,
    twisted::{names, twisted},
};

pub use check::methods;
use frames::pass_with;
pub use frames::{Place, Trail, execute_of_run, load, pass, pass_raised};

/// The failure of the exception that has been raised; Twisted's `Failure(captureVars=...)` in an
/// exception handler. `place` is the function of Twisted that handles it.
///
/// In debug mode, the variables of frames are captured; `owner` is what that function has as `self`.
pub fn from_raised(raised: Raised, owner: Option<Obj>, place: Place) -> Obj {
    from_exception(&take_raised(raised), owner, place)
}

/// As [`from_raised`], of an exception that was taken.
pub fn from_exception(exception: &Obj, owner: Option<Obj>, place: Place) -> Obj {
    let capture = owner.is_some();
    match owner {
        Some(owner) => pass_with(exception, place, &owner),
        None => pass(exception, place),
    }
    caught(exception, capture)
}

/// As [`from_exception`], where no function of Twisted is added to the traceback.
pub fn from_exception_here(exception: &Obj) -> Obj {
    caught(exception, false)
}

/// The failure of an exception that is being handled.
fn caught(exception: &Obj, capture: bool) -> Obj {
    if !replaced::any()
        && !is_failure(exception)
        && let Ok(failure) = build(exception, None, capture)
    {
        return failure;
    }
    handling(exception, || current(capture)).unwrap_or_else(|raised| {
        write_unraisable(raised, exception.as_ptr());
        exception.clone()
    })
}

/// The failure of the exception that is being handled; Twisted's `Failure(captureVars=...)`.
///
/// # Errors
///
/// `NoCurrentExceptionError` if none is.
pub fn current(capture: bool) -> Maybe {
    let capture = Obj::bool(capture);
    let keywords = Obj::tuple([names().capture_vars.clone()])?;
    let arguments = [capture.as_ptr()];
    let class = replaced::named("Failure", &twisted().failure)?;
    // SAFETY: the class, the value and the name are alive during the call.
    unsafe {
        Obj::owned(ffi::PyObject_Vectorcall(
            class.as_ptr(),
            arguments.as_ptr(),
            0,
            keywords.as_ptr(),
        ))
    }
}

/// Twisted's `Failure(value)`.
pub fn from_value(value: &Obj) -> Maybe {
    // SAFETY: the object is alive.
    let is_exception = unsafe { ffi::PyExceptionInstance_Check(value.as_ptr()) } != 0;
    if is_exception && !replaced::any() && !is_failure(value) {
        return build(value, Some(value), false);
    }
    replaced::named("Failure", &twisted().failure)?.call(&[value.as_ptr()])
}

fn is_failure(exception: &Obj) -> bool {
    // SAFETY: both are classes and alive.
    unsafe { ffi::PyType_IsSubtype(exception.class(), twisted().failure.as_ptr().cast()) != 0 }
}

/// Makes a failure with the attributes that `__init__` sets, in the same order.
fn build(exception: &Obj, argument: Option<&Obj>, capture: bool) -> Maybe {
    let arguments = match argument {
        Some(argument) => Obj::tuple([argument.clone()])?,
        None => twisted().empty.clone(),
    };
    let class = twisted().failure.as_ptr().cast::<ffi::PyTypeObject>();
    // SAFETY: the class is alive and has BaseException's layout, whose dict is null in a new one.
    unsafe {
        let new = (*class).tp_new.ok_or(Raised)?;
        let failure = Obj::owned(new(class, arguments.as_ptr(), ptr::null_mut()))?;
        let attributes = Obj::owned(ffi::PyDict_New())?;
        let traceback = Obj::owned(ffi::PyException_GetTraceback(exception.as_ptr()))
            .unwrap_or_else(|Raised| Obj::none());
        let names = names();
        let set = |name: &Obj, value: &Obj| match ffi::PyDict_SetItem(
            attributes.as_ptr(),
            name.as_ptr(),
            value.as_ptr(),
        ) {
            0 => Ok(()),
            _ => Err(Raised),
        };
        set(&names.count, &next_count()?)?;
        set(&names.type_, &Obj::borrowed(exception.class().cast()))?;
        set(&names.value, exception)?;
        set(&names.capture_vars, &Obj::bool(capture))?;
        set(&names.tb, &traceback)?;
        let place = &raw mut (*failure.as_ptr().cast::<ffi::PyBaseExceptionObject>()).dict;
        let before = place.replace(attributes.into_ptr());
        ffi::Py_XDECREF(before);
        Ok(failure)
    }
}

/// Counts one more failure in Twisted's module.
fn next_count() -> Maybe {
    let (module, name) = (&twisted().failure_globals, &names().count);
    // SAFETY: the module's dict and the key are alive; the number is looked at as one only if it is.
    unsafe {
        let count = ffi::PyDict_GetItemWithError(module.as_ptr(), name.as_ptr());
        if count.is_null() {
            return Err(Raised);
        }
        let count = ffi::PyLong_AsLong(count);
        if count == -1 && !ffi::PyErr_Occurred().is_null() {
            return Err(Raised);
        }
        let count = Obj::owned(ffi::PyLong_FromLong(count + 1))?;
        if ffi::PyDict_SetItem(module.as_ptr(), name.as_ptr(), count.as_ptr()) < 0 {
            return Err(Raised);
        }
        Ok(count)
    }
}

/// Runs `body` as in an `except` block that has caught `exception`.
pub fn handling<T>(exception: &Obj, body: impl FnOnce() -> Maybe<T>) -> Maybe<T> {
    let (mut class, mut value, mut traceback) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: the interpreter hands out three references and takes three over; what was there
    // before is put back.
    unsafe {
        ffi::PyErr_GetExcInfo(&raw mut class, &raw mut value, &raw mut traceback);
        ffi::PyErr_SetExcInfo(
            Obj::borrowed(exception.class().cast()).into_ptr(),
            exception.clone().into_ptr(),
            ffi::PyException_GetTraceback(exception.as_ptr()),
        );
        let result = body();
        ffi::PyErr_SetExcInfo(class, value, traceback);
        result
    }
}

/// How many attributes [`build`] sets.
const ATTRIBUTES: ffi::Py_ssize_t = 5;

/// Whether a program has set an attribute of this name on a failure, which has `dict`.
///
/// # Safety
///
/// `dict` is a dict and alive.
#[inline]
unsafe fn has_own(dict: Raw, name: &Obj) -> bool {
    // SAFETY: as the caller says. There are no more attributes in most of them, which is seen at once.
    unsafe {
        if ffi::PyDict_Size(dict) <= ATTRIBUTES {
            return false;
        }
        let found = ffi::PyDict_Contains(dict, name.as_ptr());
        if found < 0 {
            ffi::PyErr_Clear();
        }
        found != 0
    }
}

/// The exception of a failure, with the failure's traceback in place, if it is a failure whose
/// class has not been tampered with; Twisted's `failure.value.with_traceback(failure.tb)`. `method` is the name of
/// the method that does this, which a program may have replaced.
#[inline]
pub fn exception_of(failure: &Obj, method: &Obj) -> Option<Obj> {
    if !twisted().failure.is(failure.class().cast()) || replaced::any() {
        return None;
    }
    let names = names();
    // SAFETY: the class has BaseException's layout; the dict's values are borrowed while nothing
    // runs. A traceback is set only where the value is an exception.
    unsafe {
        let dict = (*failure.as_ptr().cast::<ffi::PyBaseExceptionObject>()).dict;
        if dict.is_null() || has_own(dict, method) {
            return None;
        }
        let find = |name: &Obj| {
            let found = ffi::PyDict_GetItemWithError(dict, name.as_ptr());
            (!found.is_null()).then(|| Obj::borrowed(found))
        };
        let (value, traceback) = (find(&names.value)?, find(&names.tb)?);
        if ffi::PyExceptionInstance_Check(value.as_ptr()) == 0
            || ffi::PyException_SetTraceback(value.as_ptr(), traceback.as_ptr()) < 0
        {
            ffi::PyErr_Clear();
            return None;
        }
        Some(value)
    }
}
