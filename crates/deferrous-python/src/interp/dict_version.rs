//! Versions of the attributes of objects: a number that is another one after each change, so that what was found out
//! about the attributes need not be found out again.
//!
//! CPython 3.12 and later call a function when a watched dict is about to change; it counts. The versions before give
//! each change of any dict a number of its own.

use std::ptr;

use pyo3::{
    ffi,
    prelude::*,
    types::{PyDict, PyString},
};

use super::{attributes, class_attribute, fallible, item, name, references};

#[cfg(Py_3_12)]
mod counted {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    };

    use pyo3::{prelude::*, types::PyDict};

    use crate::interp::dict_watcher::{OnChange, Watcher};

    /// How many counters there are. Two dicts that have the same one count each other's changes.
    const COUNTERS: usize = 1 << 16;

    /// Threads that have the interpreter read and write them.
    static CHANGES: [AtomicU64; COUNTERS] = [const { AtomicU64::new(0) }; COUNTERS];

    /// The counter of the dict at an address.
    #[inline(always)]
    pub fn counter(dict: usize) -> &'static AtomicU64 {
        // Objects start at a multiple of 16.
        &CHANGES[(dict >> 4) % COUNTERS]
    }

    struct Count;

    impl OnChange for Count {
        fn before_change(dict: usize) {
            let counter = counter(dict);
            counter.store(counter.load(Relaxed) + 1, Relaxed);
        }
    }

    /// Has the changes of a dict counted. Returns whether that works: an interpreter has a small number of watchers,
    /// which may be used up.
    pub fn watch(dict: &Bound<'_, PyDict>) -> bool {
        static WATCHER: OnceLock<Option<Watcher>> = OnceLock::new();
        let watcher = WATCHER.get_or_init(|| Watcher::new::<Count>(dict.py()));
        watcher.is_some_and(|watcher| watcher.watch(dict).is_ok())
    }
}

/// The version of a dict, which changes are counted of.
#[inline(always)]
fn version(dict: &Bound<'_, PyDict>) -> u64 {
    #[cfg(Py_3_12)]
    {
        counted::counter(dict.as_ptr().addr()).load(std::sync::atomic::Ordering::Relaxed)
    }
    #[cfg(not(Py_3_12))]
    {
        // SAFETY: the dict is alive.
        unsafe { (*dict.as_ptr().cast::<ffi::PyDictObject>()).ma_version_tag }
    }
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
    /// Takes the values that these attributes have now.
    pub fn of<'py>(Versioned(dict): &Versioned<'py>, names: [&Bound<'py, PyString>; N]) -> Self {
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
        let before = self.is_true(dict).then_some(self.version);
        dict.set_item(name, value)?;
        // The finalizer of the old value may have changed the dict as well.
        if let (Some(before), Some(place)) = (before, self.values.get_mut(at))
            && version(dict) == before + 1
        {
            *place = value.as_ptr().expose_provenance();
            self.version = before + 1;
        }
        Ok(())
    }
}

/// The attributes of an object, which have a version from now on.
pub struct Versioned<'py>(Bound<'py, PyDict>);

impl<'py> Versioned<'py> {
    /// The attributes.
    pub fn dict(&self) -> &Bound<'py, PyDict> {
        &self.0
    }
}

/// Gives the attributes of an object a version. `None` where that cannot be: also if a name is no plain `str`, as code runs
/// where that is compared.
pub fn versioned_attributes<'py>(object: &Bound<'py, PyAny>) -> Option<Versioned<'py>> {
    let dict = attributes(object).ok()?;
    if !has_plain_keys(&dict) {
        return None;
    }
    let dict = if is_part_of_object(&dict) {
        apart(object, &dict)?
    } else {
        dict
    };
    #[cfg(Py_3_12)]
    if !counted::watch(&dict) {
        return None;
    }
    Some(Versioned(dict))
}

/// Whether all keys are of `str` itself, so that no code runs where one is looked for.
pub fn has_plain_keys(dict: &Bound<'_, PyDict>) -> bool {
    dict.iter()
        .all(|(key, _)| key.is_exact_instance_of::<PyString>())
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
    let (py, class) = (object.py(), object.get_type());
    let name = name!(py, "__dict__").ok()?;
    let setter = fallible::import(py, "types", "GetSetDescriptorType").ok()?;
    let is_plain = class_attribute(&class, name).is_some_and(|found| found.get_type().is(&setter));
    if references(dict) > 2 || !is_plain {
        return None;
    }
    let own = fallible::dict(py).ok()?;
    own.update(dict.as_mapping()).ok()?;
    // As `object.__dict__ = own`: `PyObject_GenericSetDict` of 3.13 leaves the values in the object in use.
    object.setattr(name, &own).ok()?;
    attributes(object).ok().filter(|found| found.is(&own))
}
