//! The functions of `twisted.internet.defer` that make Deferreds.

use std::{ffi::CStr, ptr};

use pyo3::ffi;

use super::{
    deferred::Deferred,
    deferred_list, inline_callbacks,
    kinds::{Kind, class_debug, classes, kind},
};
use crate::{
    docs,
    failure::{self, Place},
    interp::{
        CALL_WITH_KEYWORDS, Maybe, Obj, Raised, Raw, Signature, enter, keyword_dict, method, raise,
        reraise, take_raised, type_error,
    },
    replaced,
    twisted::{none, twisted},
};

type Count = ffi::Py_ssize_t;

/// The functions, by name.
pub fn all() -> Maybe<Vec<(&'static str, Obj)>> {
    let table = vec![
        ("succeed", method(c"succeed", CALL_WITH_KEYWORDS(succeed), docs::SUCCEED)),
        ("fail", method(c"fail", CALL_WITH_KEYWORDS(fail), docs::FAIL)),
        ("execute", method(c"execute", CALL_WITH_KEYWORDS(execute), docs::EXECUTE)),
        ("maybeDeferred", method(c"maybeDeferred", CALL_WITH_KEYWORDS(maybe_deferred), docs::MAYBE_DEFERRED)),
        ("ensureDeferred", method(c"ensureDeferred", CALL_WITH_KEYWORDS(ensure_deferred), docs::ENSURE_DEFERRED)),
        ("_cancellableInlineCallbacks", method(c"_cancellableInlineCallbacks", CALL_WITH_KEYWORDS(start), c"_cancellableInlineCallbacks(gen)\n--\n\nRun a generator over Deferreds; returns a Deferred of its result.")),
        ("_start", method(c"_start", CALL_WITH_KEYWORDS(start_by_name), c"_start(gen)\n--\n\nWhat `inlineCallbacks` calls: `_cancellableInlineCallbacks`, or what a program has put in its place.")),
        ("gatherResults", method(c"gatherResults", CALL_WITH_KEYWORDS(deferred_list::gather_results), docs::GATHER_RESULTS)),
        ("_parseDeferredListResult", method(c"_parseDeferredListResult", CALL_WITH_KEYWORDS(deferred_list::parse_results), c"_parseDeferredListResult(resultList, fireOnOneErrback=False, /)\n--\n\nThe results of a DeferredList without the flags.")),
    ];
    let module = Obj::name("twisted.internet.defer")?;
    table
        .into_iter()
        .map(|(name, definition)| {
            let definition = Box::leak(Box::new(definition));
            // SAFETY: the definition lives for ever.
            let function = unsafe {
                Obj::owned(ffi::PyCFunction_NewEx(
                    definition,
                    ptr::null_mut(),
                    module.as_ptr(),
                ))
            }?;
            Ok((name, function))
        })
        .collect()
}

const SUCCEED: Signature<1> = Signature {
    function: "succeed",
    names: ["result"],
    required: 1,
};

/// # Safety
/// There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn succeed(_: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("succeed", ptr::null_mut(), arguments, count, names);
        }
        let [result] = SUCCEED.bind(arguments, count, names)?;
        Deferred::fired(Obj::borrowed(result)).map(Deferred::into_object)
    })
}

const FAIL: Signature<1> = Signature {
    function: "fail",
    names: ["result"],
    required: 0,
};

/// # Safety
/// There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn fail(_: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("fail", ptr::null_mut(), arguments, count, names);
        }
        let [result] = FAIL.bind(arguments, count, names)?;
        let given = !result.is_null() && !ptr::eq(result, none());
        let result = given.then(|| Obj::borrowed(result));
        Deferred::failed(result.as_ref()).map(Deferred::into_object)
    })
}

/// Calls what the keyword of this name is with the others, if there is no other argument.
///
/// # Safety
///
/// The arguments are as the interpreter gave them.
#[cold]
unsafe fn call_named(
    parameter: &CStr,
    function: &str,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Maybe<Option<Maybe>> {
    let parameter = parameter.to_string_lossy();
    let key = Obj::name(&parameter)?;
    // SAFETY: the values of keywords follow the positional arguments; all are alive.
    unsafe {
        let keywords = keyword_dict(arguments.offset(count), names)?;
        let found = keywords.as_ref().and_then(|keywords| {
            let found = ffi::PyDict_GetItemWithError(keywords.as_ptr(), key.as_ptr());
            (!found.is_null()).then(|| Obj::borrowed(found))
        });
        match (found, keywords) {
            (None, _) if count == 0 => Err(type_error(&format!(
                "{function}() missing 1 required positional argument: '{parameter}'"
            ))),
            (Some(_), _) if count > 0 => Err(type_error(&format!(
                "{function}() got multiple values for argument '{parameter}'"
            ))),
            (Some(callable), Some(keywords)) => {
                ffi::PyDict_DelItem(keywords.as_ptr(), key.as_ptr());
                let empty = twisted().empty.as_ptr();
                let result = ffi::PyObject_Call(callable.as_ptr(), empty, keywords.as_ptr());
                Ok(Some(Obj::owned(result)))
            }
            _ => Ok(None),
        }
    }
}

/// Calls what the first argument is with the others.
///
/// # Safety
///
/// The arguments are as the interpreter gave them.
#[inline(always)]
unsafe fn call_first(
    parameter: &CStr,
    function: &str,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Maybe<Maybe> {
    if count == 0 || !names.is_null() {
        // SAFETY: as the caller says.
        if let Some(result) = unsafe { call_named(parameter, function, arguments, count, names) }? {
            return Ok(result);
        }
    }
    // SAFETY: there is at least one argument, which gives its place to the callee, as the flag
    // says.
    unsafe {
        let count = (count.unsigned_abs() - 1) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        let result = ffi::PyObject_Vectorcall(*arguments, arguments.add(1), count, names);
        Ok(Obj::owned(result))
    }
}

fn debug() -> bool {
    class_debug(classes().deferred.as_ptr().cast())
}

/// # Safety
/// There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn execute(_: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("execute", ptr::null_mut(), arguments, count, names);
        }
        let deferred = match call_first(c"callable", "execute", arguments, count, names)? {
            Ok(result) => Deferred::fired(result),
            Err(raised) => {
                let failure = failure::from_raised(raised, debug().then(Obj::none), Place::Execute);
                Deferred::failed(Some(&failure))
            }
        };
        deferred.map(Deferred::into_object)
    })
}

/// # Safety
/// There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn maybe_deferred(
    _: Raw,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("maybeDeferred", ptr::null_mut(), arguments, count, names);
        }
        maybe(call_first(c"f", "maybeDeferred", arguments, count, names)?)
    })
}

/// The Deferred of what a call came to.
#[inline]
pub fn maybe(result: Maybe) -> Maybe {
    let result = match result {
        Ok(result) => result,
        Err(raised) => {
            let failure =
                failure::from_raised(raised, debug().then(Obj::none), Place::MaybeDeferred);
            return Deferred::failed(Some(&failure)).map(Deferred::into_object);
        }
    };
    let deferred = match kind(&result) {
        Kind::Deferred => return Ok(result),
        Kind::Failure => Deferred::failed(Some(&result)),
        // SAFETY: the object is alive.
        _ if unsafe { ffi::PyCoro_CheckExact(result.as_ptr()) } != 0 => {
            inline_callbacks::start(result)
        }
        _ => Deferred::fired(result),
    };
    deferred.map(Deferred::into_object)
}

const ENSURE: Signature<1> = Signature {
    function: "ensureDeferred",
    names: ["coro"],
    required: 1,
};

/// # Safety
/// There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn ensure_deferred(
    _: Raw,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("ensureDeferred", ptr::null_mut(), arguments, count, names);
        }
        let [coro] = ENSURE.bind(arguments, count, names)?;
        let coro = Obj::borrowed(coro);
        if kind(&coro) == Kind::Deferred {
            return Ok(coro);
        }
        match inline_callbacks::from_coroutine(&coro) {
            Ok(deferred) => Ok(deferred.into_object()),
            Err(raised) => Err(not_even_a_deferred(&coro, raised)),
        }
    })
}

/// Says that the object is no Deferred either, if what was raised is that it is no coroutine.
#[cold]
fn not_even_a_deferred(coro: &Obj, raised: Raised) -> Raised {
    let error = twisted().not_a_coroutine.as_ptr();
    // SAFETY: an exception is set, and the class is alive.
    if unsafe { ffi::PyErr_ExceptionMatches(error) } == 0 {
        return raised;
    }
    let first = take_raised(raised);
    // SAFETY: the object is alive.
    let shown = unsafe { Obj::owned(ffi::PyObject_Repr(coro.as_ptr())) };
    let raised = match shown.and_then(|text| text.to_text()) {
        Ok(shown) => raise(error, &format!("{shown} is not a coroutine or a Deferred")),
        Err(raised) => raised,
    };
    let second = take_raised(raised);
    // SAFETY: both are exceptions and alive; the reference to the first is handed over.
    unsafe { ffi::PyException_SetContext(second.as_ptr(), first.into_ptr()) };
    reraise(second)
}

const START: Signature<1> = Signature {
    function: "_cancellableInlineCallbacks",
    names: ["gen"],
    required: 1,
};

/// # Safety
/// There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn start(_: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call(
                "_cancellableInlineCallbacks",
                ptr::null_mut(),
                arguments,
                count,
                names,
            );
        }
        let [generator] = START.bind(arguments, count, names)?;
        inline_callbacks::start(Obj::borrowed(generator)).map(Deferred::into_object)
    })
}

/// What `inlineCallbacks` calls: [`start`], unless a program has replaced that.
///
/// # Safety
/// There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn start_by_name(
    own: Raw,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Raw {
    if !replaced::any() {
        // SAFETY: as the caller says.
        return unsafe { start(own, arguments, count, names) };
    }
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let [generator] = START.bind(arguments, count, names)?;
        replaced::value("_cancellableInlineCallbacks")?.call(&[generator])
    })
}
