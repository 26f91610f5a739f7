//! `Failure.check` and `Failure.trap`, which errbacks start with.
//!
//! Twisted compares the names of classes, so that failures from other processes can be matched. A
//! class that is a base of the failure's has its name among those: only where none is are the names
//! compared, by Twisted's own methods.

use std::{ptr, sync::OnceLock};

use pyo3::ffi;

use crate::{
    interp::{Attached, CALL_WITH_KEYWORDS, Maybe, Obj, Raw, enter, method},
    replaced,
    twisted::{names, twisted},
};

/// Twisted's own methods.
struct Original {
    check: Obj,
    trap: Obj,
}

static ORIGINAL: OnceLock<Attached<Original>> = OnceLock::new();

/// The methods, for Twisted's class.
pub fn methods() -> Maybe<[(&'static str, Obj); 2]> {
    let class = &twisted().failure;
    let original = Original {
        check: class.getattr(&names().check)?,
        trap: class.getattr(&names().trap)?,
    };
    let _ = ORIGINAL.set(Attached(original));
    let make = |definition: ffi::PyMethodDef| {
        let definition = Box::leak(Box::new(definition));
        // SAFETY: the class is alive and the definition lives for ever.
        unsafe { Obj::owned(ffi::PyDescr_NewMethod(class.as_ptr().cast(), definition)) }
    };
    Ok([
        ("check", make(method(c"check", CALL_WITH_KEYWORDS(check), c"check($self, /, *errorTypes)\n--\n\nThe first of the classes, or names of classes, that fits the exception, or None."))?),
        ("trap", make(method(c"trap", CALL_WITH_KEYWORDS(trap), c"trap($self, /, *errorTypes)\n--\n\nThe same, but raise the exception if none fits."))?),
    ])
}

/// The first class that the exception is an instance of, if those before it cannot fit either.
///
/// # Safety
/// `failure` is a Failure, and there are `count` arguments.
unsafe fn first_base(failure: Raw, arguments: *const Raw, count: ffi::Py_ssize_t) -> Option<Obj> {
    // SAFETY: as the caller says; a failure has BaseException's layout.
    unsafe {
        let dict = (*failure.cast::<ffi::PyBaseExceptionObject>()).dict;
        if count < 1 || dict.is_null() {
            return None;
        }
        // Names that somebody has set count instead of the classes.
        if !ffi::PyDict_GetItemWithError(dict, names().parents.as_ptr()).is_null() {
            return None;
        }
        let class = ffi::PyDict_GetItemWithError(dict, names().type_.as_ptr());
        let first = *arguments;
        let base: Raw = ffi::PyExc_Exception;
        if class.is_null()
            || ffi::PyType_Check(class) == 0
            || ffi::PyType_Check(first) == 0
            || ffi::PyType_IsSubtype(class.cast(), base.cast()) == 0
            || ffi::PyType_IsSubtype(class.cast(), first.cast()) == 0
            || ffi::PyType_IsSubtype(first.cast(), base.cast()) == 0
        {
            return None;
        }
        Some(Obj::borrowed(first))
    }
}

/// Calls one of Twisted's own methods with the same arguments.
///
/// # Safety
///
/// The arguments are as the interpreter gave them.
unsafe fn call_original(
    which: fn(&Original) -> &Obj,
    failure: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Maybe {
    let Some(original) = ORIGINAL.get() else {
        return Err(crate::interp::type_error("the module was not loaded"));
    };
    let keywords = if names.is_null() {
        0
    } else {
        // SAFETY: the names are a tuple.
        unsafe { ffi::PyTuple_GET_SIZE(names) }
    };
    // SAFETY: as the caller says.
    unsafe {
        let given = std::slice::from_raw_parts(arguments, (count + keywords).unsigned_abs());
        let all: Vec<Raw> = [failure].into_iter().chain(given.iter().copied()).collect();
        let count = count.unsigned_abs() + 1;
        let method = which(&original.0).as_ptr();
        Obj::owned(ffi::PyObject_Vectorcall(method, all.as_ptr(), count, names))
    }
}

/// # Safety
/// `failure` is a Failure. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn check(
    failure: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: called by the interpreter with a failure.
    enter(|| unsafe {
        match first_base(failure, arguments, count) {
            Some(found) if names.is_null() && !replaced::any() => Ok(found),
            _ => call_original(|original| &original.check, failure, arguments, count, names),
        }
    })
}

/// # Safety
/// As for `check`.
unsafe extern "C" fn trap(
    failure: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: called by the interpreter with a failure.
    enter(|| unsafe {
        // A subclass or the object may have a `check` of its own, which Twisted's method calls.
        let dict = (*failure.cast::<ffi::PyBaseExceptionObject>()).dict;
        let is_plain = ptr::eq((*failure).ob_type, twisted().failure.as_ptr().cast())
            && !replaced::any()
            && !dict.is_null()
            && !super::has_own(dict, &crate::twisted::names().check);
        match first_base(failure, arguments, count) {
            Some(found) if is_plain && names.is_null() => Ok(found),
            _ => call_original(|original| &original.trap, failure, arguments, count, names),
        }
    })
}
