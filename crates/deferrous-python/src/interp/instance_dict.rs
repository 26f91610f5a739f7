//! The `__dict__` of an object.

use std::ptr;

use pyo3::{ffi, prelude::*, types::PyDict};

/// The dict with the attributes of an object itself; whatever its class has made of the name `__dict__`.
///
/// # Errors
///
/// An `AttributeError` if it has none.
#[inline]
pub fn instance_dict<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: the object is alive. The interpreter puts nothing but dicts there.
    unsafe {
        let dict = ffi::PyObject_GenericGetDict(object.as_ptr(), ptr::null_mut());
        Bound::from_owned_ptr_or_err(object.py(), dict).map(|dict| dict.cast_into_unchecked())
    }
}
