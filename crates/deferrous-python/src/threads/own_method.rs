//! Methods in Rust of classes that are made in Python, which a program may replace: whether an object still has
//! them.

use pyo3::{
    prelude::*,
    types::{PyDictMethods, PyString},
};

use crate::interp::{ClassVersion, Field, attributes};

/// Such a method.
pub struct OwnMethod {
    name: Py<PyString>,
    method: Py<PyAny>,
    /// The class that was last seen to have it.
    seen: Field<Option<ClassVersion>>,
}

impl OwnMethod {
    /// The method that `namespace` has by this name, as the class has.
    pub fn find(namespace: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> PyResult<Self> {
        Ok(OwnMethod {
            name: name.clone().unbind(),
            method: namespace.getattr(name)?.unbind(),
            seen: Field::new(None),
        })
    }

    /// Whether `object.name` is this method.
    #[inline]
    pub fn belongs_to(&self, object: &Bound<'_, PyAny>) -> bool {
        self.is_in_class_of(object) && !self.is_in_dict_of(object)
    }

    /// Whether the class of the object has this method. The object itself may have another.
    #[inline]
    pub fn is_in_class_of(&self, object: &Bound<'_, PyAny>) -> bool {
        let seen = self.seen.get(object.py());
        (seen.is_some() && seen == ClassVersion::of(object)) || self.look_up(object)
    }

    #[cold]
    fn look_up(&self, object: &Bound<'_, PyAny>) -> bool {
        let (py, class) = (object.py(), object.get_type());
        // A class that defines `__getattribute__` or `__getattr__` has to be asked.
        let is_there = ClassVersion::has_plain_attributes(&class)
            && class
                .getattr(&self.name)
                .is_ok_and(|found| found.is(&self.method));
        if is_there {
            // Looking up an attribute has given it a version, if it may have one.
            self.seen.set(py, ClassVersion::of(object));
        }
        is_there
    }

    /// Whether the object's `__dict__`, if it has one, has the name. Keys that are no `str` may run Python code.
    #[inline]
    fn is_in_dict_of(&self, object: &Bound<'_, PyAny>) -> bool {
        attributes(object)
            .and_then(|dict| dict.contains(&self.name))
            .unwrap_or(false)
    }
}
