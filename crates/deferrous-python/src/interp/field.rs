//! Fields of Python objects that user code can reach.
//!
//! A field lends no reference: whatever is in it is taken out, put in or copied. So user code that runs in the
//! middle of an operation, and gets at the same object, finds every field whole.

use std::{cell::UnsafeCell, mem, sync::Arc};

use pyo3::{Py, PyTraverseError, PyVisit, Python};

/// A field of a Python object.
pub struct Field<T>(UnsafeCell<T>);

// SAFETY: every access needs the token of the interpreter (or is made by its collector), and the interpreter's
// lock, which this extension asks for (`gil_used = true`), lets one thread at a time have it. No access lends a
// reference that could outlive it, and none runs code of its own kind while one is held.
unsafe impl<T: Send> Sync for Field<T> {}

/// What a copy of takes only new references, and so runs no Python code.
pub trait CloneRef {
    /// A copy.
    fn clone_ref(&self, py: Python<'_>) -> Self;
}

impl<T> CloneRef for Py<T> {
    #[inline(always)]
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Py::clone_ref(self, py)
    }
}

impl<T> CloneRef for Arc<T> {
    #[inline(always)]
    fn clone_ref(&self, _py: Python<'_>) -> Self {
        self.clone()
    }
}

impl<T: CloneRef> CloneRef for Option<T> {
    #[inline(always)]
    fn clone_ref(&self, py: Python<'_>) -> Self {
        self.as_ref().map(|value| value.clone_ref(py))
    }
}

impl<T> Field<T> {
    /// A field with `value` in it.
    #[inline(always)]
    pub const fn new(value: T) -> Self {
        Field(UnsafeCell::new(value))
    }

    /// Puts `value` in, and gives back what was there. Drop that when everything is in order: it may run Python code.
    #[inline(always)]
    pub fn replace(&self, _py: Python<'_>, value: T) -> T {
        self.access(|kept| mem::replace(kept, value))
    }

    /// Puts `value` in, and drops what was there after that.
    #[inline(always)]
    pub fn set(&self, py: Python<'_>, value: T) {
        drop(self.replace(py, value));
    }

    /// Takes the value out, and leaves the default there.
    #[inline(always)]
    pub fn take(&self, py: Python<'_>) -> T
    where
        T: Default,
    {
        self.replace(py, T::default())
    }

    /// The value of a field that nobody else can reach, as in `Drop`.
    #[inline(always)]
    pub const fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// A copy of a plain value.
    #[inline(always)]
    pub fn get(&self, _py: Python<'_>) -> T
    where
        T: Copy,
    {
        self.access(|kept| *kept)
    }

    /// A copy that counts for the objects in it.
    #[inline(always)]
    pub fn clone_out(&self, py: Python<'_>) -> T
    where
        T: CloneRef,
    {
        self.access(|kept| kept.clone_ref(py))
    }

    /// Runs `body` on what is in the field. It may only move or copy values, compare pointers, take new references, or
    /// show references to the collector: nothing that runs other code.
    #[inline(always)]
    pub(super) fn access<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: only `Field`, `Slot` and `Queue` get here, with the token, or called by the collector while nothing
        // else runs. What they do runs no other code, and so none gets here again.
        body(unsafe { &mut *self.0.get() })
    }
}

impl<T: Default> Default for Field<T> {
    fn default() -> Self {
        Field::new(T::default())
    }
}

impl<T> Field<Option<Py<T>>> {
    /// Whether there is an object.
    #[inline(always)]
    pub fn is_some(&self, _py: Python<'_>) -> bool {
        self.access(|kept| kept.is_some())
    }

    /// Shows the collector the object, for `__traverse__`.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.access(|kept| visit.call(&*kept))
    }
}

impl<T> Field<Py<T>> {
    /// Shows the collector the object, for `__traverse__`.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.access(|kept| visit.call(&*kept))
    }
}

impl<T> Field<Arc<T>> {
    /// Shows the collector the objects, for `__traverse__`: `show` shows each.
    pub fn traverse_with(
        &self,
        visit: &PyVisit<'_>,
        show: impl FnOnce(&T, &PyVisit<'_>) -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        self.access(|kept| show(kept, visit))
    }
}

impl<T> Field<Vec<T>> {
    /// Shows the collector the objects, for `__traverse__`: `show` shows those of each value.
    pub fn traverse_each(
        &self,
        visit: &PyVisit<'_>,
        show: impl Fn(&T, &PyVisit<'_>) -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        self.access(|kept| kept.iter().try_for_each(|value| show(value, visit)))
    }
}

impl<T> Field<Option<Box<T>>> {
    /// Shows the collector the objects, for `__traverse__`: `show` shows each.
    pub fn traverse_with(
        &self,
        visit: &PyVisit<'_>,
        show: impl FnOnce(&T, &PyVisit<'_>) -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        self.access(|kept| kept.as_deref().map_or(Ok(()), |value| show(value, visit)))
    }
}
