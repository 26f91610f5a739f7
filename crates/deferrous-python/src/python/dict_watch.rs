//! Noticing that one of a few dicts has changed, at the cost of one comparison where none has.
//!
//! CPython 3.12 and later call a function when a watched dict is about to change. The versions before give each
//! change of any dict a number of its own, which is looked at here.

#[cfg(not(Py_3_12))]
use std::cell::Cell;
use std::sync::OnceLock;

use pyo3::ffi;

#[cfg(not(Py_3_12))]
use super::Attached;
#[cfg(Py_3_12)]
use super::Raised;
use super::{Maybe, Obj};

/// How many dicts there may be.
#[cfg(not(Py_3_12))]
const MOST_DICTS: usize = 4;

/// What is called after a change, or before it: nothing of Python may run in there.
static CHANGED: OnceLock<fn()> = OnceLock::new();

fn changed() {
    if let Some(changed) = CHANGED.get() {
        changed();
    }
}

/// Has `on_change` called whenever one of `dicts` changes. It may be called once in a process.
///
/// Returns whether that works: an interpreter has a small number of watchers, which may be used up.
#[cfg(Py_3_12)]
pub fn watch(dicts: &[Obj], on_change: fn()) -> Maybe<bool> {
    use std::ffi::c_int;

    use super::Raw;

    unsafe extern "C" {
        fn PyDict_AddWatcher(
            callback: unsafe extern "C" fn(c_int, Raw, Raw, Raw) -> c_int,
        ) -> c_int;
    }

    unsafe extern "C" fn on_event(_: c_int, _: Raw, _: Raw, _: Raw) -> c_int {
        changed();
        0
    }

    let _ = CHANGED.set(on_change);
    // SAFETY: the function lives for ever, and neither runs code of Python nor changes a dict.
    let watcher = unsafe { PyDict_AddWatcher(on_event) };
    if watcher < 0 {
        // SAFETY: the thread is attached.
        unsafe { ffi::PyErr_Clear() };
        return Ok(false);
    }
    for dict in dicts {
        // SAFETY: the dict is alive, and the watcher has just been made.
        if unsafe { ffi::PyDict_Watch(watcher, dict.as_ptr()) } < 0 {
            return Err(Raised);
        }
    }
    Ok(true)
}

/// The dicts, and the number of the last change of each that was noticed.
#[cfg(not(Py_3_12))]
static VERSIONS: Attached<[Cell<(*mut ffi::PyDictObject, u64)>; MOST_DICTS]> =
    Attached([const { Cell::new((std::ptr::null_mut(), 0)) }; MOST_DICTS]);

/// Has `on_change` called by [`notice_changes`] when one of `dicts` has changed. It may be called once in a
/// process.
#[cfg(not(Py_3_12))]
pub fn watch(dicts: &[Obj], on_change: fn()) -> Maybe<bool> {
    let _ = CHANGED.set(on_change);
    for (place, dict) in VERSIONS.0.iter().zip(dicts) {
        let raw: *mut ffi::PyDictObject = dict.clone().into_ptr().cast();
        // SAFETY: the dict is alive for ever, since this reference to it is never given back.
        place.set((raw, unsafe { (*raw).ma_version_tag }));
    }
    Ok(true)
}

/// Looks whether a dict has changed since this was last called.
#[cfg(not(Py_3_12))]
#[inline(always)]
pub fn notice_changes() {
    for place in &VERSIONS.0 {
        let (dict, version) = place.get();
        // SAFETY: what is there is a dict that is kept alive for ever.
        if !dict.is_null() && unsafe { (*dict).ma_version_tag } != version {
            note_versions();
        }
    }
}

#[cfg(not(Py_3_12))]
#[cold]
fn note_versions() {
    for place in &VERSIONS.0 {
        let (dict, _) = place.get();
        if !dict.is_null() {
            // SAFETY: as above.
            place.set((dict, unsafe { (*dict).ma_version_tag }));
        }
    }
    changed();
}
