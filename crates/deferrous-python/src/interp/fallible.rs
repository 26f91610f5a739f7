//! Objects that are made or refused: where memory has run out, these raise `MemoryError`.
//!
//! PyO3's own constructors of tuples, lists and numbers panic then, and so do tuples of Rust that are passed as one
//! argument. A name that is looked up is to be `intern!`ed, since a new `str` is such an object, too.

use pyo3::{
    ffi,
    prelude::*,
    types::{PyDict, PyList, PyString, PyTuple},
};

/// A tuple.
pub fn tuple<'py, const N: usize>(
    py: Python<'py>,
    items: [Bound<'py, PyAny>; N],
) -> PyResult<Bound<'py, PyTuple>> {
    // SAFETY: the new tuple has as many places as there are items, and takes over one reference for each.
    unsafe {
        let tuple = Bound::from_owned_ptr_or_err(py, ffi::PyTuple_New(N.cast_signed()))?;
        for (at, item) in (0..).zip(items) {
            ffi::PyTuple_SET_ITEM(tuple.as_ptr(), at, item.into_ptr());
        }
        Ok(tuple.cast_into_unchecked())
    }
}

/// An empty list.
pub fn list(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    // SAFETY: the call hands out a reference to a new list, or raises.
    unsafe {
        Bound::from_owned_ptr_or_err(py, ffi::PyList_New(0)).map(|list| list.cast_into_unchecked())
    }
}

/// A tuple of `first` and the items of a slice.
pub fn tuple_after<'py>(
    first: &Bound<'py, PyAny>,
    rest: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyTuple>> {
    let py = first.py();
    let length = rest.len() + 1;
    // SAFETY: the new tuple has as many places as there are items, and takes over one reference for each.
    unsafe {
        let tuple = Bound::from_owned_ptr_or_err(py, ffi::PyTuple_New(length.cast_signed()))?;
        for (at, item) in (0..).zip([first].into_iter().chain(rest)) {
            ffi::PyTuple_SET_ITEM(tuple.as_ptr(), at, item.clone().into_ptr());
        }
        Ok(tuple.cast_into_unchecked())
    }
}

/// An empty dict.
pub fn dict(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    // SAFETY: the call hands out a reference to a new dict, or raises.
    unsafe {
        Bound::from_owned_ptr_or_err(py, ffi::PyDict_New()).map(|dict| dict.cast_into_unchecked())
    }
}

/// A `str`.
pub fn text<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyString>> {
    let length = text.len().cast_signed();
    // SAFETY: the bytes are UTF-8 and their number is given; the call hands out a reference, or raises.
    unsafe {
        let text = ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), length);
        Bound::from_owned_ptr_or_err(py, text).map(|text| text.cast_into_unchecked())
    }
}

/// An `int`.
pub fn int(py: Python<'_>, value: usize) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the call hands out a reference to a number, or raises.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromSize_t(value)) }
}

/// A `float`.
pub fn float(py: Python<'_>, value: f64) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the call hands out a reference to a number, or raises.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyFloat_FromDouble(value)) }
}
