//! Watchers of dicts, which CPython 3.12 and later have.

use std::ffi::c_int;

use pyo3::{ffi, prelude::*, types::PyDict};

type Raw = *mut ffi::PyObject;

unsafe extern "C" {
    fn PyDict_AddWatcher(callback: unsafe extern "C" fn(c_int, Raw, Raw, Raw) -> c_int) -> c_int;
}

/// A reaction to a watched dict that is about to change.
pub(super) trait OnChange {
    /// The dict at this address is about to change. There is no token here: nothing of Python may run, and no dict may
    /// be changed.
    fn before_change(dict: usize);
}

/// One of the few watchers that an interpreter has.
#[derive(Clone, Copy)]
pub(super) struct Watcher(c_int);

impl Watcher {
    /// `None` if the interpreter has no more.
    pub(super) fn new<C: OnChange>(py: Python<'_>) -> Option<Self> {
        /// # Safety
        ///
        /// Called by the interpreter.
        unsafe extern "C" fn on_event<C: OnChange>(_: c_int, dict: Raw, _: Raw, _: Raw) -> c_int {
            C::before_change(dict.addr());
            0
        }

        // SAFETY: the token says that the thread is attached. The function lives for ever, runs no code of Python and changes
        // no dict, as `OnChange` asks for.
        let watcher = unsafe { PyDict_AddWatcher(on_event::<C>) };
        if watcher < 0 {
            drop(PyErr::take(py));
        }
        (watcher >= 0).then_some(Watcher(watcher))
    }

    /// Watches a dict, too, until that ends.
    pub(super) fn watch(self, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        // SAFETY: the interpreter has this watcher, and a `Bound` keeps the dict alive.
        match unsafe { ffi::PyDict_Watch(self.0, dict.as_ptr()) } {
            0 => Ok(()),
            _ => Err(PyErr::fetch(dict.py())),
        }
    }
}
