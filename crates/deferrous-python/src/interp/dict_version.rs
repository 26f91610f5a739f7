//! Versions of dicts: CPython before 3.13 gives each change of any dict a number of its own, so that what was found out about
//! a dict need not be found out again.

use std::ptr;

use pyo3::{
    ffi,
    prelude::*,
    types::{PyDict, PyString},
};

use super::item;

/// The number of the last change of a dict.
#[inline(always)]
#[allow(
    deprecated,
    reason = "the versions of CPython for which this is compiled have it"
)]
pub(super) fn version(dict: &Bound<'_, PyDict>) -> u64 {
    // SAFETY: a `Bound` counts as a reference, so the dict is alive while its field is copied.
    unsafe { (*dict.as_ptr().cast::<ffi::PyDictObject>()).ma_version_tag }
}

/// The values of some keys of a dict. They are valid, and need no look-up, for as long as the dict is unchanged.
#[derive(Clone, Copy)]
pub struct Snapshot<const N: usize> {
    dict: usize,
    version: u64,
    /// The addresses of the values; 0 where there was none.
    values: [usize; N],
}

impl<const N: usize> Snapshot<N> {
    /// Takes the values that these attributes have now. All keys of the dict are of `str` itself.
    pub fn of<'py>(dict: &Bound<'py, PyDict>, names: [&Bound<'py, PyString>; N]) -> Self {
        let value = |name| item(dict, name).map_or(0, |value| value.as_ptr().expose_provenance());
        Snapshot {
            dict: dict.as_ptr().addr(),
            values: names.map(value),
            version: version(dict),
        }
    }

    /// Whether this is the dict, and as it was.
    #[inline(always)]
    pub fn is_true(&self, dict: &Bound<'_, PyDict>) -> bool {
        self.dict == dict.as_ptr().addr() && self.version == version(dict)
    }

    /// The value of one of the keys. `None` if it has none, or the dict has been changed.
    #[inline(always)]
    pub fn value<'py>(&self, dict: &Bound<'py, PyDict>, at: usize) -> Option<Bound<'py, PyAny>> {
        let value = *self.values.get(at)?;
        if value == 0 || !self.is_true(dict) {
            return None;
        }
        // SAFETY: the dict had this object when the snapshot was made, and has not been changed since. So it has it now,
        // and keeps it alive until the new reference is counted.
        Some(unsafe {
            Bound::from_borrowed_ptr(dict.py(), ptr::with_exposed_provenance_mut(value))
        })
    }

    /// Sets what the dict has by one of the names, `name`, and keeps everything else as it is.
    #[inline]
    pub fn set_value<'py>(
        &mut self,
        dict: &Bound<'py, PyDict>,
        at: usize,
        name: &Bound<'py, PyString>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let before = self.is_true(dict).then(|| self.value(dict, at));
        dict.set_item(name, value)?;
        // A finalizer of the old value may have changed the dict as well. It has not run yet, as the value is held here.
        if let (Some(before), Some(place)) = (before, self.values.get_mut(at)) {
            *place = value.as_ptr().expose_provenance();
            self.version = version(dict);
            drop(before);
        }
        Ok(())
    }
}
