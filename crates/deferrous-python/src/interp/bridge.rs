//! From PyO3's types to [`Obj`] and back, while some modules still use the latter.

use std::ptr;

use pyo3::{Bound, Py, PyAny, PyErr, PyResult, Python};

use super::{Maybe, Obj, Raised, reraise};

impl Obj {
    /// A new reference to the object.
    #[inline]
    pub fn from_bound(object: &Bound<'_, PyAny>) -> Self {
        // SAFETY: a `Bound` refers to an object that is alive.
        unsafe { Self::borrowed(object.as_ptr()) }
    }

    /// The same reference, as PyO3 has it.
    #[inline]
    pub fn into_bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: `into_ptr` hands over a reference, which nobody else counts on.
        unsafe { Bound::from_owned_ptr(py, self.into_ptr()) }
    }

    /// The same object, as PyO3 has it.
    #[inline(always)]
    pub const fn bind<'py>(&self, _py: Python<'py>) -> &Bound<'py, PyAny> {
        // SAFETY: both are one pointer to an object in memory, and this thread has the interpreter.
        unsafe { &*ptr::from_ref(self).cast() }
    }

    /// An object that PyO3 has, seen as one of these.
    #[inline(always)]
    pub const fn view<T>(object: &Py<T>) -> &Self {
        // SAFETY: both are one pointer to an object in memory. Modules that have one run only in attached threads.
        unsafe { &*ptr::from_ref(object).cast() }
    }

    /// The same object, as PyO3 has it.
    #[inline]
    pub const fn as_py(&self) -> &Py<PyAny> {
        // SAFETY: both are one pointer to an object, and count one reference.
        unsafe { &*ptr::from_ref(self).cast() }
    }

    /// The interpreter.
    #[inline]
    pub fn py(&self) -> Python<'_> {
        // SAFETY: an `Obj` only exists while its thread is attached.
        unsafe { Python::assume_attached() }
    }
}

/// The exception that was raised, as PyO3 has it.
#[inline]
pub fn to_result<T>(py: Python<'_>, result: Maybe<T>) -> PyResult<T> {
    result.map_err(|Raised| PyErr::fetch(py))
}

/// The exception that PyO3 has, raised in the interpreter.
#[inline]
pub fn from_result<T>(py: Python<'_>, result: PyResult<T>) -> Maybe<T> {
    result.map_err(|error| {
        // SAFETY: a `Bound` refers to an object that is alive.
        reraise(unsafe { Obj::borrowed(error.value(py).as_ptr()) })
    })
}
