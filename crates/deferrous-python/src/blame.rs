//! Whom Twisted's warning blames for a Deferred that its own callback has returned.

use std::ptr;

use pyo3::{ffi, prelude::*};

use crate::{
    defer::classes,
    failure,
    interp::{Maybe, Obj, Raised, enter_py, set_aside},
    replaced, sync,
    twisted::{names, twisted},
};

/// Warns that `callable`, a callback, has returned the Deferred it was added to.
#[cold]
pub fn warn_of_itself(callable: &Obj) -> Maybe<()> {
    let text = Obj::name(
        "Callback returned the Deferred it was attached to; this breaks the callback chain and \
         will raise an exception in the future.",
    )?;
    let callable = blamed(callable.clone())?;
    let arguments = [ptr::null_mut(), callable.as_ptr(), text.as_ptr()];
    replaced::named("warnAboutFunction", &twisted().warn_about_function)?
        .call_with_room(arguments)?;
    Ok(())
}

/// Twisted's function in the place of one of ours, which has no lines that a warning could name.
#[pyfunction(name = "_blamed")]
pub fn blamed_function<'py>(callable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    enter_py(callable.py(), || {
        // SAFETY: the object is alive.
        blamed(unsafe { Obj::borrowed(callable.as_ptr()) })
    })
}

/// As [`blamed_function`], for callers in Rust.
fn blamed(callable: Obj) -> Maybe {
    if sync::is_execute(&callable) {
        return Ok(failure::execute_of_run());
    }
    let Some(owner) = owner_of_builtin(&callable) else {
        return Ok(callable);
    };
    let (ours, twisted) = (classes(), twisted());
    let class = if owner.is_instance(&ours.deferred_list)? {
        &twisted.deferred_list
    } else if owner.is_instance(&ours.deferred)? {
        &twisted.deferred
    } else if sync::is_primitive(&owner) {
        &twisted.primitive
    } else {
        return Ok(callable);
    };
    class
        .getattr(&callable.getattr(&names().name)?)
        .or_else(|Raised| {
            drop(set_aside());
            Ok(callable)
        })
}

/// What a builtin method is bound to.
fn owner_of_builtin(callable: &Obj) -> Option<Obj> {
    // SAFETY: the object is alive, and looked at as a builtin function only if it is one.
    unsafe {
        if ffi::PyCFunction_Check(callable.as_ptr()) == 0 {
            return None;
        }
        let owner = ffi::PyCFunction_GetSelf(callable.as_ptr());
        (!owner.is_null()).then(|| Obj::borrowed(owner))
    }
}
