//! Objects that are made or refused: where memory has run out, these raise `MemoryError`.
//!
//! PyO3's own constructors of tuples, lists and numbers panic then, and so do tuples of Rust that are passed as one
//! argument. A name that is looked up is to be a [`name!`](super::name), since a new `str` is such an object, too.

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

/// A `list` of objects.
pub fn list_of<'py, T>(
    py: Python<'py>,
    objects: impl IntoIterator<Item = Bound<'py, T>>,
) -> PyResult<Bound<'py, PyList>> {
    let list = list(py)?;
    for object in objects {
        list.append(object.into_any())?;
    }
    Ok(list)
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

/// A tuple of the items of a slice.
pub fn tuple_of<'py>(
    py: Python<'py>,
    items: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyTuple>> {
    // SAFETY: the new tuple has as many places as there are items, and takes over one reference for each.
    unsafe {
        let length = items.len().cast_signed();
        let tuple = Bound::from_owned_ptr_or_err(py, ffi::PyTuple_New(length))?;
        for (at, item) in (0..).zip(items) {
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

/// An interned `str`.
pub fn interned<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyString>> {
    let mut raw = self::text(py, text)?.into_ptr();
    // SAFETY: the call takes over the reference to the `str` and hands out one to an equal `str`.
    unsafe {
        ffi::PyUnicode_InternInPlace(&raw mut raw);
        Ok(Bound::from_owned_ptr(py, raw).cast_into_unchecked())
    }
}

/// An `int`; the largest for a number that no object can be as long as.
pub fn int(py: Python<'_>, value: impl TryInto<isize>) -> PyResult<Bound<'_, PyAny>> {
    let value = value.try_into().unwrap_or(isize::MAX);
    // SAFETY: the call hands out a reference to a number, or raises.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromSsize_t(value)) }
}

/// `tuple(object)`.
pub fn to_tuple<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    // SAFETY: the object is alive; the call hands out a reference to a tuple, or raises.
    unsafe {
        let tuple = ffi::PySequence_Tuple(object.as_ptr());
        Bound::from_owned_ptr_or_err(object.py(), tuple).map(|tuple| tuple.cast_into_unchecked())
    }
}

/// `list(object)`.
pub fn to_list<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    // SAFETY: the object is alive; the call hands out a reference to a list, or raises.
    unsafe {
        let list = ffi::PySequence_List(object.as_ptr());
        Bound::from_owned_ptr_or_err(object.py(), list).map(|list| list.cast_into_unchecked())
    }
}

/// `{**object}`.
///
/// # Errors
///
/// An `AttributeError` if it is no mapping.
pub fn to_dict<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let dict = dict(object.py())?;
    // SAFETY: both are alive.
    match unsafe { ffi::PyDict_Update(dict.as_ptr(), object.as_ptr()) } {
        0 => Ok(dict),
        _ => Err(PyErr::fetch(object.py())),
    }
}

/// `[None] * count`.
pub fn list_of_none(py: Python<'_>, count: usize) -> PyResult<Bound<'_, PyList>> {
    // SAFETY: each place of the new list is filled before anything can look at it.
    unsafe {
        let list = Bound::from_owned_ptr_or_err(py, ffi::PyList_New(count.cast_signed()))?;
        for at in 0..count {
            ffi::PyList_SET_ITEM(list.as_ptr(), at.cast_signed(), py.None().into_ptr());
        }
        Ok(list.cast_into_unchecked())
    }
}

/// `sequence[at] = item`.
pub fn set_sequence_item(
    sequence: &Bound<'_, PyAny>,
    at: isize,
    item: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: both are alive.
    match unsafe { ffi::PySequence_SetItem(sequence.as_ptr(), at, item.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(sequence.py())),
    }
}

/// A `float`.
pub fn float(py: Python<'_>, value: f64) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the call hands out a reference to a number, or raises.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyFloat_FromDouble(value)) }
}
