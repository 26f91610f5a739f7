//! Fields that hold objects of the interpreter without asking each time whether the thread is attached.
//!
//! PyO3's `Py` looks that up whenever one is dropped, which costs more than the drop. A `Bound` need not ask, but has
//! a lifetime. So an object keeps its parts as `Bound<'static, _>`, which nobody sees: they go in and come out with
//! the lifetime of the token.

use std::{
    mem::{self, ManuallyDrop},
    ptr,
};

use pyo3::{Bound, PyTraverseError, PyVisit, Python};

use super::field::Field;

/// What a [`Slot`] or a [`Queue`](super::Queue) holds: a type with the lifetime of the token in it.
///
/// # Safety
///
/// `At<'py>` is `Self` with another lifetime, and both hold nothing but references to objects and plain data.
pub unsafe trait Kept: 'static {
    /// The same with the lifetime of a token.
    type At<'py>;
}

// SAFETY: a `Bound` is one pointer to an object and a token, whatever its lifetime is, so only that differs.
unsafe impl<T: 'static> Kept for Bound<'static, T> {
    type At<'py> = Bound<'py, T>;
}

// SAFETY: only the lifetime differs, as that of what is in it does.
unsafe impl<H: Kept> Kept for Option<H> {
    type At<'py> = Option<H::At<'py>>;
}

/// Says that a type, which has one lifetime and holds only references to objects and plain data, can be [`Kept`].
macro_rules! kept {
    ($name:ident) => {
        // SAFETY: the two types are the same but for the lifetime.
        unsafe impl $crate::interp::Kept for $name<'static> {
            type At<'py> = $name<'py>;
        }
    };
}
pub(crate) use kept;

/// What a copy of takes only new references, and so runs no Python code.
pub trait Counted: Clone {}

impl<T> Counted for Bound<'_, T> {}
impl<T: Counted> Counted for Option<T> {}

/// What holds references to objects that the collector has to see.
pub trait Traverse {
    /// Shows the collector each reference, once.
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

impl<T> Traverse for Bound<'_, T> {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self.as_unbound())
    }
}

impl<T: Traverse> Traverse for Option<T> {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.as_ref().map_or(Ok(()), |value| value.traverse(visit))
    }
}

/// The value as it is kept.
#[inline(always)]
pub(super) fn keep<H: Kept>(value: H::At<'_>) -> H {
    // SAFETY: both are the same type but for the lifetime, and the copy is the only one that is dropped.
    unsafe { mem::transmute_copy(&ManuallyDrop::new(value)) }
}

/// A value that was kept, given out.
#[inline(always)]
pub(super) fn give<H: Kept>(_py: Python<'_>, value: H) -> H::At<'_> {
    // SAFETY: only the lifetime differs, and the copy is the only one that is dropped. The token says that the
    // thread is attached for as long as the value can be used.
    unsafe { mem::transmute_copy(&ManuallyDrop::new(value)) }
}

/// A field of a Python object that user code can reach.
///
/// It lends no reference: what is in it is taken out, put in or copied. So user code that runs in the middle of an
/// operation, and gets at the same object, finds every field whole.
pub struct Slot<H>(Field<H>);

// SAFETY: every access needs the token of the interpreter, or is made by its collector or at the end of the object,
// and the interpreter's lock, which this extension asks for (`gil_used = true`), lets one thread at a time have it.
// Objects of the interpreter may be used by any thread that is attached.
unsafe impl<H: Kept> Sync for Slot<H> {}
// SAFETY: a value comes out only with the token, and ends only on a thread that is attached: that of the collector or
// the one that drops the last reference to the object.
unsafe impl<H: Kept> Send for Slot<H> {}

impl<H: Kept> Slot<H> {
    /// A field with `value` in it.
    #[inline(always)]
    pub fn new(value: H::At<'_>) -> Self {
        Slot(Field::new(keep::<H>(value)))
    }

    /// Puts `value` in, and gives back what was there. Drop that when everything is in order: it may run Python code.
    #[inline(always)]
    pub fn replace<'py>(&self, py: Python<'py>, value: H::At<'py>) -> H::At<'py> {
        let value = keep::<H>(value);
        give(py, self.0.access(|kept| mem::replace(kept, value)))
    }

    /// Puts `value` in, and drops what was there after that.
    #[inline(always)]
    pub fn set<'py>(&self, py: Python<'py>, value: H::At<'py>) {
        drop(self.replace(py, value));
    }

    /// Takes the value out, and leaves the default there.
    #[inline(always)]
    pub fn take<'py>(&self, py: Python<'py>) -> H::At<'py>
    where
        H::At<'py>: Default,
    {
        self.replace(py, Default::default())
    }

    /// A copy, which counts for the objects in it.
    #[inline(always)]
    pub fn clone_out<'py>(&self, py: Python<'py>) -> H::At<'py>
    where
        H: Counted,
    {
        give(py, self.0.access(|kept| kept.clone()))
    }

    /// Shows the collector what is in the field, for `__traverse__`.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>
    where
        H: Traverse,
    {
        self.0.access(|kept| kept.traverse(visit))
    }
}

impl<H: Kept> Default for Slot<Option<H>> {
    fn default() -> Self {
        Slot::new(None)
    }
}

impl<H: Kept> Slot<Option<H>> {
    /// Whether there is something in the field.
    #[inline(always)]
    pub fn is_some(&self, _py: Python<'_>) -> bool {
        self.0.access(|kept| kept.is_some())
    }
}

impl<T: 'static> Slot<Option<Bound<'static, T>>> {
    /// Whether this very object is in the field.
    #[inline(always)]
    pub fn has(&self, object: &Bound<'_, T>) -> bool {
        self.0.access(|own| {
            own.as_ref()
                .is_some_and(|own| ptr::eq(own.as_ptr(), object.as_ptr()))
        })
    }
}
