//! Methods in Rust of classes that are made in Python, which a program may replace: whether an object still has
//! them.

use pyo3::{
    prelude::*,
    types::{PyDictMethods, PyString},
};

use crate::interp::{ClassFacts, attributes, finds};

/// Such a method.
pub struct OwnMethod {
    name: Py<PyString>,
    method: Py<PyAny>,
}

impl OwnMethod {
    /// The method that `namespace` has by this name, as the class has.
    pub fn find(namespace: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> PyResult<Self> {
        Ok(OwnMethod {
            name: name.clone().unbind(),
            method: namespace.getattr(name)?.unbind(),
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
        // A class that defines `__getattribute__` or `__getattr__` may give something else.
        ClassFacts::of(object).has_plain_attributes && finds(object, &self.name, &self.method)
    }

    /// Whether the object's `__dict__`, if it has one, has the name. Keys that are no `str` may run Python code.
    #[inline]
    fn is_in_dict_of(&self, object: &Bound<'_, PyAny>) -> bool {
        attributes(object)
            .and_then(|dict| dict.contains(&self.name))
            .unwrap_or(false)
    }
}
