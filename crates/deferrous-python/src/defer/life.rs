//! The life of a Deferred as the interpreter sees it: walked by the collector, and ended.

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use pyo3::ffi;

use super::{
    debug_info,
    deferred::{Deferred, Layout, ROOM},
    kinds::classes,
};
use crate::interp::{Obj, Raw, Traverse, Visitor, end, guarded};

/// `tp_traverse`: every object that the Deferred refers to.
///
/// # Safety
///
/// Called by the interpreter's collector.
pub unsafe extern "C" fn traverse(raw: Raw, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: the object is a Deferred. Nothing here changes it or runs code of Python: what is copied is counted
    // for a moment, and the object's own reference outlives that.
    unsafe {
        let deferred = Deferred::from_self(&raw);
        let parts = deferred.parts();
        let mut visitor = Visitor::of(raw, visit, argument);
        visitor.see_raw(deferred.attributes());
        for part in [
            &parts.debug_info,
            &parts.unhandled,
            &parts.result,
            &parts.listed,
        ] {
            visitor.see_cell(part);
        }
        visitor.see_cell(&parts.chained_to);
        visitor.see_cell(&parts.canceller);
        parts.callbacks.traverse(&mut visitor);
        visitor.status()
    }
}

/// `tp_clear`: lets go of every object.
///
/// # Safety
///
/// Called by the interpreter's collector.
pub unsafe extern "C" fn clear(raw: Raw) -> c_int {
    // SAFETY: the object is a Deferred, and stays alive during the call.
    unsafe {
        let parts = Deferred::from_self(&raw).parts();
        let attributes = (*raw.cast::<Layout>()).attributes.replace(ptr::null_mut());
        let info = (parts.debug_info.take(), parts.unhandled.take());
        let rest = (
            parts.result.take(),
            parts.canceller.take(),
            parts.chained_to.take(),
            parts.listed.take(),
            parts.callbacks.take(),
        );
        drop((info, rest));
        ffi::Py_XDECREF(attributes);
    }
    0
}

/// `tp_finalize`: reports a failure that nobody handled, of a Deferred that the collector has found.
///
/// # Safety
///
/// Called by the interpreter, before anything of the object is taken away.
pub unsafe extern "C" fn finalize(raw: Raw) {
    // SAFETY: the object is a Deferred, and stays alive during the call.
    unsafe {
        // One that nothing else refers to is not the collector's, but at its end: what it holds
        // comes to its end before the report, as with Twisted's.
        if ffi::Py_REFCNT(raw) > 1 {
            report(debug_info::unreported(Deferred::from_self(&raw)));
        }
    }
}

/// Calls the `__del__` that a program has set on the class, as the interpreter does for classes made in Python.
/// Returns whether the object is alive again.
///
/// # Safety
///
/// `raw` is a Deferred that nothing refers to, before anything of it is taken away.
#[inline(always)]
pub unsafe fn is_revived(raw: Raw) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        !debug_info::reports_itself(Deferred::from_self(&raw))
            && ffi::PyObject_CallFinalizerFromDealloc(raw) < 0
    }
}

/// Reports the failure, if there is one.
fn report(failure: Option<Obj>) {
    let Some(failure) = failure else {
        return;
    };
    let pending = crate::interp::set_aside();
    if let Err(raised) = guarded(|| debug_info::report(&failure)) {
        crate::interp::write_unraisable(raised, failure.as_ptr());
    }
    crate::interp::put_back(pending);
}

/// `tp_dealloc`.
///
/// # Safety
///
/// Called by the interpreter when nothing refers to the object any more.
pub unsafe extern "C" fn dealloc(raw: Raw) {
    // SAFETY: the object is a Deferred that nothing refers to. It is out of the collector's sight
    // before anything of it is taken away, and its memory is given back last.
    unsafe {
        if is_revived(raw) {
            return;
        }
        let layout = raw.cast::<Layout>();
        ffi::PyObject_GC_UnTrack(raw.cast());
        let parts = Deferred::from_self(&raw).parts();
        let failure = match parts.had_failure.get() {
            true => debug_info::unreported(Deferred::from_self(&raw)),
            false => None,
        };
        if !(*layout).weak_references.get().is_null() {
            ffi::PyObject_ClearWeakRefs(raw);
        }
        ffi::Py_XDECREF((*layout).attributes.get());
        drop(parts.debug_info.take());
        end(&mut *(*layout).parts.get());
        report(failure);
        let class = (*raw).ob_type;
        if classes().deferred.is(class.cast()) {
            return ROOM.give_back(raw);
        }
        if let Some(free) = (*class).tp_free {
            free(raw.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}
