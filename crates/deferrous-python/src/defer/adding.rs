//! `addCallback`, `addErrback`, `addBoth` and `addCallbacks`, as the interpreter calls them.

use std::{ptr, slice};

use pyo3::ffi;

use super::{
    callback::{Callback, Side},
    deferred::Deferred,
};
use crate::{
    interp::{Maybe, Obj, Raw, Signature, enter, keyword_dict, type_error},
    replaced,
    twisted::twisted,
};

type Count = ffi::Py_ssize_t;

/// `addCallback`, `addErrback` and `addBoth`.
///
/// # Safety
///
/// `raw` is a Deferred; the rest is as the interpreter gave it.
#[inline(always)]
unsafe fn add_side(raw: Raw, arguments: *const Raw, count: Count, names: Raw, side: Side) -> Maybe {
    // SAFETY: as the caller says: there are `count` arguments and as many more as names.
    unsafe {
        let deferred = Deferred::from_self(&raw);
        if count == 0 || !names.is_null() {
            return add_with_keywords(deferred, arguments, count, names, side);
        }
        let callable = Obj::borrowed(*arguments);
        let rest = slice::from_raw_parts(arguments.add(1), count.unsigned_abs() - 1);
        deferred.add(Callback::with_arguments(side, callable, rest, None)?)?;
        Ok(deferred.object().clone())
    }
}

/// The same with keyword arguments, one of which may be the callable.
///
/// # Safety
///
/// As for [`add_side`].
#[cold]
unsafe fn add_with_keywords(
    deferred: &Deferred,
    arguments: *const Raw,
    count: Count,
    names: Raw,
    side: Side,
) -> Maybe {
    let (function, parameter) = match side {
        Side::Callback => ("addCallback", "callback"),
        Side::Errback => ("addErrback", "errback"),
        Side::Both => ("addBoth", "callback"),
    };
    // SAFETY: as the caller says; the values of keywords follow the positional arguments.
    unsafe {
        let keywords = keyword_dict(arguments.offset(count), names)?;
        let key = Obj::name(parameter)?;
        let own = Obj::name("self")?;
        if let Some(keywords) = &keywords
            && ffi::PyDict_Contains(keywords.as_ptr(), own.as_ptr()) != 0
        {
            return Err(type_error(&format!(
                "Deferred.{function}() got multiple values for argument 'self'"
            )));
        }
        let named = keywords.as_ref().and_then(|dict| {
            let found = ffi::PyDict_GetItemWithError(dict.as_ptr(), key.as_ptr());
            (!found.is_null()).then(|| Obj::borrowed(found))
        });
        if let (Some(_), Some(dict)) = (&named, &keywords) {
            ffi::PyDict_DelItem(dict.as_ptr(), key.as_ptr());
        }
        let (callable, rest) = match (count, named) {
            (0, None) => {
                return Err(type_error(&format!(
                    "Deferred.{function}() missing 1 required positional argument: '{parameter}'"
                )));
            }
            (0, Some(named)) => (named, 0),
            (_, Some(_)) => {
                return Err(type_error(&format!(
                    "Deferred.{function}() got multiple values for argument '{parameter}'"
                )));
            }
            (_, None) => (Obj::borrowed(*arguments), count.unsigned_abs() - 1),
        };
        let keywords = keywords.filter(|dict| ffi::PyDict_Size(dict.as_ptr()) > 0);
        let rest = slice::from_raw_parts(arguments.add(usize::from(count > 0)), rest);
        deferred.add(Callback::with_arguments(side, callable, rest, keywords)?)?;
        Ok(deferred.object().clone())
    }
}

/// `addCallback`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn add_callback(
    raw: Raw,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("Deferred.addCallback", raw, arguments, count, names);
        }
        add_side(raw, arguments, count, names, Side::Callback)
    })
}

/// `addErrback`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn add_errback(
    raw: Raw,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("Deferred.addErrback", raw, arguments, count, names);
        }
        add_side(raw, arguments, count, names, Side::Errback)
    })
}

/// `addBoth`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn add_both(
    raw: Raw,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("Deferred.addBoth", raw, arguments, count, names);
        }
        add_side(raw, arguments, count, names, Side::Both)
    })
}

const ADD_CALLBACKS: Signature<6> = Signature {
    function: "Deferred.addCallbacks",
    names: [
        "callback",
        "errback",
        "callbackArgs",
        "callbackKeywords",
        "errbackArgs",
        "errbackKeywords",
    ],
    required: 1,
};

/// `addCallbacks`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn add_callbacks(
    raw: Raw,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("Deferred.addCallbacks", raw, arguments, count, names);
        }
        let deferred = Deferred::from_self(&raw);
        let bound = ADD_CALLBACKS.bind(arguments, count, names)?;
        deferred.add(pair(bound)?)?;
        Ok(deferred.object().clone())
    })
}

/// The callback of `addCallbacks`.
///
/// # Safety
///
/// The arguments are null or alive.
unsafe fn pair(bound: [Raw; 6]) -> Maybe<Callback> {
    // SAFETY: as the caller says.
    unsafe {
        let given = |raw: Raw| !raw.is_null() && !ptr::eq(raw, ffi::Py_None());
        let [callback, errback, rest @ ..] = bound;
        let callback = Obj::borrowed(callback);
        let has_errback = given(errback);
        let failthru = || twisted().failthru.clone();
        if !rest.iter().any(|&raw| given(raw)) {
            return Ok(if has_errback {
                let errback = Obj::borrowed(errback);
                Callback::Pair { callback, errback }
            } else {
                let side = Side::Callback;
                Callback::Plain {
                    side,
                    callable: callback,
                }
            });
        }
        let errback = if has_errback {
            Obj::borrowed(errback)
        } else {
            failthru()
        };
        let arguments = |raw: Raw| {
            if given(raw) {
                Obj::borrowed(raw)
            } else {
                twisted().empty.clone()
            }
        };
        let keywords = |raw: Raw| {
            if given(raw) {
                Ok(Obj::borrowed(raw))
            } else {
                Obj::owned(ffi::PyDict_New())
            }
        };
        let callback = Obj::tuple([callback, arguments(rest[0]), keywords(rest[1])?])?;
        let errback = Obj::tuple([errback, arguments(rest[2]), keywords(rest[3])?])?;
        let entry = Obj::tuple([callback, errback])?;
        Ok(Callback::Entry { entry })
    }
}
