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
        // SAFETY: this thread has the interpreter, and moving values in memory runs no other code.
        unsafe { mem::replace(&mut *self.0.get(), value) }
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
    pub const fn get(&self, _py: Python<'_>) -> T
    where
        T: Copy,
    {
        // SAFETY: this thread has the interpreter, and copying bytes runs no other code.
        unsafe { *self.0.get() }
    }

    /// A copy that counts for the objects in it.
    #[inline(always)]
    pub fn clone_out(&self, py: Python<'_>) -> T
    where
        T: CloneRef,
    {
        // SAFETY: this thread has the interpreter, and new references run no Python code.
        unsafe { (*self.0.get()).clone_ref(py) }
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
    pub const fn is_some(&self, _py: Python<'_>) -> bool {
        // SAFETY: this thread has the interpreter, and looking at a pointer runs no other code.
        unsafe { (*self.0.get()).is_some() }
    }

    /// Shows the collector the object, for `__traverse__`.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: the collector looks at objects while nothing else runs, and changes nothing.
        unsafe { visit.call(&*self.0.get()) }
    }
}

impl<T> Field<Py<T>> {
    /// Shows the collector the object, for `__traverse__`.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: the collector looks at objects while nothing else runs, and changes nothing.
        unsafe { visit.call(&*self.0.get()) }
    }
}

impl<T> Field<Arc<T>> {
    /// Shows the collector the objects, for `__traverse__`: `show` shows each.
    pub fn traverse_with(
        &self,
        visit: &PyVisit<'_>,
        show: impl FnOnce(&T, &PyVisit<'_>) -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        // SAFETY: the collector looks at objects while nothing else runs, and changes nothing.
        show(unsafe { &*self.0.get() }, visit)
    }
}

impl<T> Field<Option<Box<T>>> {
    /// Shows the collector the objects, for `__traverse__`: `show` shows each.
    pub fn traverse_with(
        &self,
        visit: &PyVisit<'_>,
        show: impl FnOnce(&T, &PyVisit<'_>) -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        // SAFETY: the collector looks at objects while nothing else runs, and changes nothing.
        let value = unsafe { (*self.0.get()).as_deref() };
        value.map_or(Ok(()), |value| show(value, visit))
    }
}
