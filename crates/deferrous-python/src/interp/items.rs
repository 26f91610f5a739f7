//! What a `for` statement goes through.

use pyo3::ffi;

use super::{Maybe, Obj};

/// An iterator over an object of any kind.
pub struct Items(Obj);

impl Items {
    /// Begins to go through `object`.
    pub fn of(object: &Obj) -> Maybe<Self> {
        // SAFETY: the object is alive, and the call hands out a reference or raises.
        unsafe { Obj::owned(ffi::PyObject_GetIter(object.as_ptr())) }.map(Items)
    }

    /// What comes next, which may be whatever the code of a program gives.
    pub fn next(&self) -> Maybe<Option<Obj>> {
        // SAFETY: it is an iterator, which hands out a reference, raises, or does neither at its end.
        unsafe {
            let next = ffi::PyIter_Next(self.0.as_ptr());
            if next.is_null() && ffi::PyErr_Occurred().is_null() {
                return Ok(None);
            }
            Obj::owned(next).map(Some)
        }
    }
}
