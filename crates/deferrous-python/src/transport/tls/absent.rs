//! Attributes that objects do not have, without a look-up of each.

#[cfg(Py_3_13)]
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use pyo3::{prelude::*, types::PyString};

#[cfg(Py_3_13)]
use crate::interp::{Place, count_places, place};
use crate::interp::{attributes, item};

/// Some names, of which objects of a class usually have none as an attribute of their own.
///
/// CPython 3.13 and later have places for the attributes of most objects, by name: what has no place in a class is in none
/// of its objects that have their attributes there.
pub struct Absent {
    /// The class without places for the names, and how many other names had places.
    #[cfg(Py_3_13)]
    class: AtomicUsize,
    #[cfg(Py_3_13)]
    count: AtomicUsize,
}

impl Absent {
    pub const fn new() -> Self {
        Absent {
            #[cfg(Py_3_13)]
            class: AtomicUsize::new(0),
            #[cfg(Py_3_13)]
            count: AtomicUsize::new(0),
        }
    }

    /// Whether an object has none of the names. `lives` says that its class lives for ever.
    #[inline]
    pub fn are_absent<'a>(
        &self,
        object: &Bound<'_, PyAny>,
        lives: bool,
        mut names: impl Iterator<Item = &'a Py<PyString>> + Clone,
    ) -> bool {
        #[cfg(Py_3_13)]
        if let Some(count) = count_places(object).filter(|_| lives) {
            let class = object.get_type_ptr().addr();
            if self.class.load(Relaxed) == class && self.count.load(Relaxed) == count {
                return true;
            }
            let has_place =
                |name: &Py<PyString>| place(object, name.bind(object.py())) != Place::NONE;
            if !names.clone().any(has_place) {
                self.class.store(class, Relaxed);
                self.count.store(count, Relaxed);
                return true;
            }
        }
        #[cfg(not(Py_3_13))]
        let _ = (object, lives);
        attributes(object)
            .is_ok_and(|own| names.all(|name| item(&own, name.bind(own.py())).is_none()))
    }
}
