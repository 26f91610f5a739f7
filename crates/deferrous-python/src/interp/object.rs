//! Objects that are made without their `__init__`, and the attributes of objects and classes as dicts.

use std::ptr;

use pyo3::{
    exceptions::PyTypeError,
    ffi,
    prelude::*,
    types::{PyDict, PyString, PyTuple, PyType},
};

use super::fallible;

/// What `__new__` makes of a class, which the object has not been initialised for.
pub fn new_object<'py>(
    class: &Bound<'py, PyType>,
    arguments: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    // SAFETY: a `Bound` refers to a class that is alive and complete; calling it begins with the same call.
    unsafe {
        let Some(new) = (*class.as_type_ptr()).tp_new else {
            return Err(fallible::error::<PyTypeError>(
                py,
                "the class makes no objects",
            ));
        };
        let object = new(class.as_type_ptr(), arguments.as_ptr(), ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, object)
    }
}

/// The attributes of an object, which code may have set. There is no look-up in its class.
///
/// # Errors
///
/// An `AttributeError` if it has no dict.
#[inline]
pub fn attributes<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: the object is alive. The interpreter hands out a reference to a dict, or raises.
    unsafe {
        let dict = ffi::PyObject_GenericGetDict(object.as_ptr(), ptr::null_mut());
        Bound::from_owned_ptr_or_err(object.py(), dict).map(|dict| dict.cast_into_unchecked())
    }
}

/// What a dict has by a name. A dict with keys that refuse to be compared has nothing.
#[inline]
pub fn item<'py>(
    dict: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: the dict and the name are alive. What is found is counted before anything else can happen. PyO3's own
    // function takes twice as many instructions, and a turn of the reactor asks often.
    unsafe {
        let found = ffi::PyDict_GetItemWithError(dict.as_ptr(), name.as_ptr());
        if found.is_null() && !ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_borrowed_ptr_or_opt(dict.py(), found)
    }
}

/// Whether all keys are of `str` itself, so that no code runs where one is looked for.
pub fn has_plain_keys(dict: &Bound<'_, PyDict>) -> bool {
    dict.iter()
        .all(|(key, _)| key.is_exact_instance_of::<PyString>())
}

/// The attributes of a class itself, without those of its bases. The dict is to be read and watched only.
pub fn class_attributes<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: the class is alive, and keeps its dict for as long as it is.
    unsafe {
        #[cfg(Py_3_12)]
        let dict =
            Bound::from_owned_ptr_or_opt(class.py(), ffi::PyType_GetDict(class.as_type_ptr()));
        #[cfg(not(Py_3_12))]
        let dict = Bound::from_borrowed_ptr_or_opt(class.py(), (*class.as_type_ptr()).tp_dict);
        match dict {
            Some(dict) => Ok(dict.cast_into_unchecked()),
            None => Err(fallible::error::<PyTypeError>(
                class.py(),
                "the class is not complete",
            )),
        }
    }
}

/// Whether `class` is `base` or one of its subclasses, by their method resolution order alone: no code of a metaclass
/// runs.
#[inline]
pub fn is_subtype(class: &Bound<'_, PyType>, base: &Bound<'_, PyType>) -> bool {
    class.mro().as_slice().iter().any(|class| class.is(base))
}

/// How many references there are to the object, this one included.
#[inline(always)]
pub fn references<T>(object: &Bound<'_, T>) -> isize {
    // SAFETY: the reference that was handed in keeps the object alive while its count is read.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }
}
