//! Versions of the attributes of objects: a number that is another one after each change, so that what was found out
//! about the attributes need not be found out again.
//!
//! CPython 3.12 and later call a function when a watched dict is about to change; it counts. The versions before give
//! each change of any dict a number of its own.

use std::ptr;

use pyo3::{ffi, prelude::*, types::PyDict};

use super::{attributes, fallible, references, set_attributes};

#[cfg(Py_3_12)]
mod counted {
    use std::{
        ffi::c_int,
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering::Relaxed},
        },
    };

    use pyo3::{Python, ffi};

    use crate::interp::dict_watch::add_watcher;

    type Raw = *mut ffi::PyObject;

    /// How many counters there are. Two dicts that have the same one count each other's changes.
    const COUNTERS: usize = 4096;

    /// Threads that have the interpreter read and write them.
    static CHANGES: [AtomicU64; COUNTERS] = [const { AtomicU64::new(0) }; COUNTERS];

    /// The counter of a dict.
    #[inline(always)]
    pub fn counter(dict: Raw) -> &'static AtomicU64 {
        // Objects start at a multiple of 16.
        &CHANGES[(dict.addr() >> 4) % COUNTERS]
    }

    /// # Safety
    /// The thread is attached.
    unsafe extern "C" fn on_event(_: c_int, dict: Raw, _: Raw, _: Raw) -> c_int {
        let counter = counter(dict);
        counter.store(counter.load(Relaxed) + 1, Relaxed);
        0
    }

    /// Has the changes of a dict counted. Returns whether that works: an interpreter has a small number of watchers,
    /// which may be used up.
    pub fn watch(py: Python<'_>, dict: Raw) -> bool {
        static WATCHER: OnceLock<Option<c_int>> = OnceLock::new();
        let Some(watcher) = *WATCHER.get_or_init(|| add_watcher(py, on_event)) else {
            return false;
        };
        // SAFETY: the watcher is there, and the callers' dict is alive.
        let watched = unsafe { ffi::PyDict_Watch(watcher, dict) } >= 0;
        if !watched {
            // SAFETY: the thread is attached.
            unsafe { ffi::PyErr_Clear() };
        }
        watched
    }
}

/// The version of a dict that [`versioned_attributes`] has returned.
#[inline(always)]
pub fn dict_version(dict: &Bound<'_, PyDict>) -> u64 {
    #[cfg(Py_3_12)]
    {
        counted::counter(dict.as_ptr()).load(std::sync::atomic::Ordering::Relaxed)
    }
    #[cfg(not(Py_3_12))]
    {
        // SAFETY: the dict is alive.
        unsafe { (*dict.as_ptr().cast::<ffi::PyDictObject>()).ma_version_tag }
    }
}

/// The attributes of an object, which have a version from now on. `None` where that cannot be.
pub fn versioned_attributes<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    let dict = attributes(object).ok()?;
    let dict = if is_part_of_object(&dict) {
        apart(object, &dict)?
    } else {
        dict
    };
    #[cfg(Py_3_12)]
    if !counted::watch(dict.py(), dict.as_ptr()) {
        return None;
    }
    Some(dict)
}

/// Whether the values of the dict may be in the object itself, where CPython 3.13 and later change them without telling
/// anybody.
fn is_part_of_object(dict: &Bound<'_, PyDict>) -> bool {
    // SAFETY: the dict is alive.
    let values = unsafe { (*dict.as_ptr().cast::<ffi::PyDictObject>()).ma_values };
    cfg!(Py_3_13) && !ptr::eq(values, ptr::null())
}

/// Gives the object a dict of its own, unless somebody has the one that it has.
fn apart<'py>(object: &Bound<'py, PyAny>, dict: &Bound<'py, PyDict>) -> Option<Bound<'py, PyDict>> {
    if references(dict) > 2 {
        return None;
    }
    let own = fallible::dict(object.py()).ok()?;
    own.update(dict.as_mapping()).ok()?;
    set_attributes(object, &own).ok()?;
    Some(own)
}
