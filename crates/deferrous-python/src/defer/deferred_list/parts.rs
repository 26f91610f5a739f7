//! The attributes of a `DeferredList`, and its life as the interpreter sees it.

use std::ffi::{c_int, c_void};

use pyo3::ffi;

use super::{
    super::{deferred::Deferred, life},
    members::{members, required},
};
use crate::interp::{Obj, Raised, Raw, Visitor, copied, enter, enter_status, getset, type_error};

/// The attributes of the class.
pub fn attributes() -> Vec<ffi::PyGetSetDef> {
    vec![
        getset(
            c"_deferredList",
            get_deferreds,
            Some(set_deferreds),
            c"The Deferreds.",
        ),
        getset(
            c"resultList",
            get_results,
            Some(set_results),
            c"The results so far: None, or (success, result).",
        ),
        getset(
            c"fireOnOneCallback",
            get_on_callback,
            Some(set_on_callback),
            c"Whether the first result fires the list.",
        ),
        getset(
            c"fireOnOneErrback",
            get_on_errback,
            Some(set_on_errback),
            c"Whether the first failure fires the list.",
        ),
        getset(
            c"consumeErrors",
            get_consume,
            Some(set_consume),
            c"Whether the Deferreds are left without their failures.",
        ),
        getset(
            c"finishedCount",
            get_finished,
            Some(set_finished),
            c"How many Deferreds have fired.",
        ),
    ]
}

macro_rules! attribute {
    ($get:ident, $set:ident, $field:ident) => {
        /// # Safety
        /// `raw` is an object of this class.
        unsafe extern "C" fn $get(raw: Raw, _: *mut c_void) -> Raw {
            // SAFETY: called by the interpreter with a list of this class. Before `__init__`, there
            // is what Twisted's class has.
            enter(|| unsafe {
                let found = copied(&members(Deferred::from_self(&raw)).$field);
                Ok(found.unwrap_or_else(|| Obj::bool(false)))
            })
        }

        /// # Safety
        /// `raw` is an object of this class; `value` is alive, or null to delete the attribute.
        unsafe extern "C" fn $set(raw: Raw, value: Raw, _: *mut c_void) -> c_int {
            // SAFETY: called by the interpreter with a list of this class.
            enter_status(|| unsafe {
                if value.is_null() {
                    return Err(type_error(
                        "an attribute of a DeferredList cannot be deleted",
                    ));
                }
                let list = Deferred::from_self(&raw);
                required(&members(list).$field)?;
                drop(members(list).$field.replace(Some(Obj::borrowed(value))));
                Ok(())
            })
        }
    };
}

attribute!(get_deferreds, set_deferreds, deferreds);
attribute!(get_results, set_results, results);
attribute!(get_on_callback, set_on_callback, fire_on_one_callback);
attribute!(get_on_errback, set_on_errback, fire_on_one_errback);
attribute!(get_consume, set_consume, consume_errors);

/// # Safety
/// `raw` is an object of this class.
unsafe extern "C" fn get_finished(raw: Raw, _: *mut c_void) -> Raw {
    // SAFETY: called by the interpreter with a list of this class.
    enter(|| unsafe { Obj::int(members(Deferred::from_self(&raw)).finished.get()) })
}

/// # Safety
/// `raw` is an object of this class; `value` is alive, or null to delete the attribute.
unsafe extern "C" fn set_finished(raw: Raw, value: Raw, _: *mut c_void) -> c_int {
    // SAFETY: called by the interpreter with a list of this class.
    enter_status(|| unsafe {
        let count = if value.is_null() {
            0
        } else {
            ffi::PyLong_AsSsize_t(value)
        };
        if count == -1 && !ffi::PyErr_Occurred().is_null() {
            return Err(Raised);
        }
        members(Deferred::from_self(&raw)).finished.set(count);
        Ok(())
    })
}

/// `tp_traverse`.
///
/// # Safety
///
/// Called by the collector.
pub unsafe extern "C" fn traverse(raw: Raw, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: called by the collector; nothing is changed and nothing else runs.
    unsafe {
        let status = life::traverse(raw, visit, argument);
        if status != 0 {
            return status;
        }
        let mut visitor = Visitor::continued(visit, argument);
        for member in members(Deferred::from_self(&raw)).all() {
            visitor.see_cell(member);
        }
        visitor.status()
    }
}

/// `tp_clear`.
///
/// # Safety
///
/// Called by the collector.
pub unsafe extern "C" fn clear(raw: Raw) -> c_int {
    // SAFETY: called by the collector; what is taken is dropped after.
    unsafe {
        members(Deferred::from_self(&raw)).take();
        life::clear(raw)
    }
}

/// `tp_dealloc`.
///
/// # Safety
///
/// Called by the interpreter when nothing refers to the object any more.
pub unsafe extern "C" fn dealloc(raw: Raw) {
    // SAFETY: called by the interpreter when nothing refers to the object any more; the rest of it
    // is ended as every Deferred is, which also takes it out of the collector's sight.
    unsafe {
        if life::is_revived(raw) {
            return;
        }
        ffi::PyObject_GC_UnTrack(raw.cast());
        members(Deferred::from_self(&raw)).take();
        life::dealloc(raw);
    }
}
