//! The same for modules that do not use PyO3 yet.

use pyo3::{ffi, prelude::*};

use super::{any, look_up, table};
use crate::interp::{Maybe, Obj, Raw, attached, fallible, from_result};

/// What Twisted's functions find by this name.
#[cold]
pub fn value(name: &str) -> Maybe {
    attached(|py| {
        let found = fallible::text(py, name).and_then(|name| look_up(py, &name));
        from_result(py, found.map(|found| Obj::from_bound(&found)))
    })
}

/// The same, where `original` is what they find if nothing is replaced.
#[inline]
pub fn named(name: &str, original: &Obj) -> Maybe {
    if any() {
        return value(name);
    }
    Ok(original.clone())
}

/// Twisted's own function.
fn function(name: &str) -> Maybe {
    attached(|py| {
        let functions = table(py).map(|table| table.functions.bind(py).as_any());
        let found = functions.and_then(|all| all.get_item(fallible::text(py, name)?));
        from_result(py, found.map(|found| Obj::from_bound(&found)))
    })
}

/// Calls Twisted's own function with the arguments of ours. `owner` is the `self` of a method, or null.
///
/// # Safety
///
/// `owner` is null or alive; the arguments are as the interpreter gave them.
#[cold]
pub unsafe fn call(
    name: &str,
    owner: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Maybe {
    let function = function(name)?;
    // SAFETY: as the caller says: the values of keywords follow the positional arguments.
    unsafe {
        let keywords = match names.is_null() {
            true => 0,
            false => ffi::PyTuple_GET_SIZE(names),
        };
        let mut all = Vec::with_capacity((1 + count + keywords).unsigned_abs());
        if !owner.is_null() {
            all.push(owner);
        }
        all.extend((0..count + keywords).map(|at| *arguments.offset(at)));
        let count = all.len() - keywords.unsigned_abs();
        let result = ffi::PyObject_Vectorcall(function.as_ptr(), all.as_ptr(), count, names);
        Obj::owned(result)
    }
}

/// The same, of a method that is called with a tuple and a dict.
///
/// # Safety
///
/// `owner` is alive, `arguments` is a tuple, and `keywords` a dict or null.
#[cold]
pub unsafe fn call_tuple(name: &str, owner: Raw, arguments: Raw, keywords: Raw) -> Maybe {
    let function = function(name)?;
    // SAFETY: as the caller says.
    unsafe {
        let first = Obj::tuple([Obj::borrowed(owner)])?;
        let all = Obj::owned(ffi::PySequence_Concat(first.as_ptr(), arguments))?;
        Obj::owned(ffi::PyObject_Call(
            function.as_ptr(),
            all.as_ptr(),
            keywords,
        ))
    }
}
