//! Objects that are made or refused: where memory has run out, these raise `MemoryError`.
//!
//! PyO3's own constructors of tuples, lists, dicts, numbers and texts panic then, and so do tuples of Rust that are passed
//! as one argument. `new_err` makes the text of an exception when that is raised, where a panic ends the process. A name
//! that is looked up is to be a [`name!`](super::name) or a [`text`], since a `&str` is made an object, too.

use std::{convert::Infallible, io, iter, mem::MaybeUninit, ptr, slice};

use pyo3::{
    PyTypeInfo,
    exceptions::{PyOSError, PySystemError},
    ffi,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple},
};

/// A tuple.
pub fn tuple<'py, const N: usize>(
    py: Python<'py>,
    items: [Bound<'py, PyAny>; N],
) -> PyResult<Bound<'py, PyTuple>> {
    collect(py, N, items)
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
    let items = iter::once(first).chain(rest).cloned();
    collect(first.py(), rest.len() + 1, items)
}

/// A tuple of the items of a slice.
pub fn tuple_of<'py>(
    py: Python<'py>,
    items: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyTuple>> {
    collect(py, items.len(), items.iter().cloned())
}

/// A tuple of `length` items.
#[inline(always)]
fn collect<'py>(
    py: Python<'py>,
    length: usize,
    items: impl IntoIterator<Item = Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    match fill(py, length, items, ffi::PyTuple_New, ffi::PyTuple_SET_ITEM)? {
        Some(tuple) => Ok(tuple),
        None => Err(error::<PySystemError>(py, "a tuple has too few items")),
    }
}

/// A list of the first `length` items; `None` if there are fewer. Getting them runs no code of Python.
#[inline(always)]
pub fn list_filled<'py>(
    py: Python<'py>,
    length: usize,
    items: impl IntoIterator<Item = Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyList>>> {
    fill(py, length, items, ffi::PyList_New, ffi::PyList_SET_ITEM)
}

/// A tuple or a list, which `make` makes with `length` empty places, and `set` fills; `None` if there are too few items.
#[inline(always)]
fn fill<'py, T>(
    py: Python<'py>,
    length: usize,
    items: impl IntoIterator<Item = Bound<'py, PyAny>>,
    make: unsafe extern "C" fn(ffi::Py_ssize_t) -> *mut ffi::PyObject,
    set: unsafe fn(*mut ffi::PyObject, ffi::Py_ssize_t, *mut ffi::PyObject),
) -> PyResult<Option<Bound<'py, T>>> {
    let mut items = items.into_iter();
    // SAFETY: a place of the new object, which no code has seen, takes over the reference to its item. There are as many
    // places as items are put in, and only an object without an empty place is handed out. The two callers above ask for
    // the class that they make.
    unsafe {
        let made = Bound::from_owned_ptr_or_err(py, make(length.cast_signed()))?;
        for at in 0..length {
            let Some(item) = items.next() else {
                return Ok(None);
            };
            set(made.as_ptr(), at.cast_signed(), item.into_ptr());
        }
        Ok(Some(made.cast_into_unchecked()))
    }
}

/// An empty list.
pub fn list(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    Ok(new(py, ffi::PyList_New, 0)?.cast_into()?)
}

/// An empty dict.
pub fn dict(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    Ok(py.get_type::<PyDict>().call0()?.cast_into()?)
}

/// A `str`.
pub fn text<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyString>> {
    PyString::from_bytes(py, text.as_bytes())
}

/// A `str` between two others.
pub fn text_around<'py>(
    before: &str,
    shown: &Bound<'py, PyString>,
    after: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let py = shown.py();
    text(py, before)?.add(shown)?.add(text(py, after)?)
}

/// A `bytes`.
pub fn bytes<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let copied = bytes_filled(py, data.len(), |room| {
        Ok::<_, Infallible>(room.write_copy_of_slice(data))
    });
    copied.map(|Ok(bytes)| bytes)
}

/// `b"".join(chunks)`
pub fn joined<'py>(chunks: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyBytes>> {
    let py = chunks.py();
    let joined = bytes(py, b"")?.call_method1(text(py, "join")?, (chunks,))?;
    Ok(joined.cast_into()?)
}

/// A `bytes` of at most `most` bytes, which `fill` writes into memory that nobody has written to yet. It returns the part
/// that it has written, which begins with the first byte: otherwise nothing is taken.
pub fn bytes_filled<'py, E>(
    py: Python<'py>,
    most: usize,
    fill: impl for<'a> FnOnce(&'a mut [MaybeUninit<u8>]) -> Result<&'a mut [u8], E>,
) -> PyResult<Result<Bound<'py, PyBytes>, E>> {
    unsafe extern "C" {
        fn _PyBytes_Resize(
            bytes: *mut *mut ffi::PyObject,
            length: ffi::Py_ssize_t,
        ) -> std::ffi::c_int;
    }

    // SAFETY: without bytes to copy, the call hands out a reference to a new object with so many bytes, which nobody else
    // has and which are not written yet. As nobody has it, it may be given another length, no longer than it is; the call
    // takes over the reference, and hands out another one, or raises.
    unsafe {
        let raw = ffi::PyBytes_FromStringAndSize(ptr::null(), most.cast_signed());
        let bytes = Bound::from_owned_ptr_or_err(py, raw)?;
        let first: *mut MaybeUninit<u8> = ffi::PyBytes_AS_STRING(raw).cast_mut().cast();
        let length = match fill(slice::from_raw_parts_mut(first, most)) {
            Ok(filled) if ptr::eq(filled.as_ptr(), first.cast()) => filled.len().min(most),
            Ok(_) => 0,
            Err(error) => return Ok(Err(error)),
        };
        let mut raw = bytes.into_ptr();
        if length < most && _PyBytes_Resize(&raw mut raw, length.cast_signed()) != 0 {
            return Err(raised(py));
        }
        Ok(Ok(Bound::from_owned_ptr(py, raw).cast_into_unchecked()))
    }
}

/// An exception with a text, or the `MemoryError` where there is no memory for the text.
#[cold]
#[inline(never)]
pub fn error<E: PyTypeInfo>(py: Python<'_>, message: &str) -> PyErr {
    error_with::<E, _>(py, text(py, message))
}

/// The same, with a text that has a `str` in it.
#[cold]
#[inline(never)]
pub fn error_around<E: PyTypeInfo>(
    before: &str,
    shown: &Bound<'_, PyString>,
    after: &str,
) -> PyErr {
    error_with::<E, _>(shown.py(), text_around(before, shown, after))
}

/// An exception with an argument, or with several if that is a tuple, or the error of making that.
pub fn error_with<E: PyTypeInfo, A>(py: Python<'_>, argument: PyResult<Bound<'_, A>>) -> PyErr {
    match argument {
        Ok(argument) => PyErr::from_type(py.get_type::<E>(), argument.into_any().unbind()),
        Err(error) => error,
    }
}

/// An `OSError`.
#[cold]
pub fn io_error(py: Python<'_>, error: &io::Error) -> PyErr {
    // Rust adds the number to what the system calls the error.
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let number = error.raw_os_error().unwrap_or(0) as isize;
    let arguments = || {
        let text = self::text(py, text)?.into_any();
        tuple(py, [int(py, number)?, text])
    };
    error_with::<PyOSError, _>(py, arguments())
}

/// The error of a call that has failed. Functions of Python sometimes raise nothing when they fail without memory.
#[cold]
#[inline(never)]
pub fn raised(py: Python<'_>) -> PyErr {
    PyErr::take(py)
        .unwrap_or_else(|| error::<PySystemError>(py, "error return without exception set"))
}

/// `from module import name`.
pub fn import<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(text(py, module)?)?.getattr(text(py, name)?)
}

/// An interned `str`.
pub fn interned<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyString>> {
    static INTERN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let intern = INTERN.get_or_try_init(py, || import(py, "sys", "intern").map(Bound::unbind))?;
    let interned = intern.bind(py).call1((self::text(py, text)?,))?;
    Ok(interned.cast_into()?)
}

/// An `int`; the largest for a number that no object can be as long as.
pub fn int(py: Python<'_>, value: impl TryInto<isize>) -> PyResult<Bound<'_, PyAny>> {
    let value = value.try_into().unwrap_or(isize::MAX);
    new(py, ffi::PyLong_FromSsize_t, value)
}

/// `tuple(object)`.
pub fn to_tuple<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let tuple = object.py().get_type::<PyTuple>().call1((object,))?;
    Ok(tuple.cast_into()?)
}

/// `list(object)`.
pub fn to_list<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    if let Ok(list) = object.cast_exact::<PyList>() {
        return list.as_sequence().to_list();
    }
    let list = object.py().get_type::<PyList>().call1((object,))?;
    Ok(list.cast_into()?)
}

/// `{**object}`.
///
/// # Errors
///
/// An `AttributeError` if it is no mapping.
pub fn to_dict<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let py = object.py();
    // Without this method, `dict` would take pairs.
    object.getattr(text(py, "keys")?)?;
    let dict = py.get_type::<PyDict>().call1((object,))?;
    Ok(dict.cast_into()?)
}

/// A `float`.
pub fn float(py: Python<'_>, value: f64) -> PyResult<Bound<'_, PyAny>> {
    new(py, ffi::PyFloat_FromDouble, value)
}

/// What `make` makes of a number.
fn new<N>(
    py: Python<'_>,
    make: unsafe extern "C" fn(N) -> *mut ffi::PyObject,
    value: N,
) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the functions that are given take any number, and hand out a reference to a new object, or raise.
    unsafe { Bound::from_owned_ptr_or_err(py, make(value)) }
}
