//! Whether a class is still as it was: for that long, what was looked up on it holds.

use pyo3::{ffi, prelude::*, types::PyType};

/// A class and its version. It is equal to an earlier one if nobody has changed the class, or a base, in between.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClassVersion {
    class: usize,
    tag: u32,
}

impl ClassVersion {
    /// That of an object's class, which gets a version when an attribute is looked up on it.
    #[inline(always)]
    pub fn of(object: &Bound<'_, PyAny>) -> Option<Self> {
        Self::at(object.get_type_ptr())
    }

    /// The same, of a class.
    #[inline(always)]
    pub fn of_class(class: &Bound<'_, PyType>) -> Option<Self> {
        Self::at(class.as_type_ptr())
    }

    /// Whether instances of a class find their attributes as those of `object` do: it defines no `__getattribute__`
    /// and no `__getattr__`.
    pub fn has_plain_attributes(class: &Bound<'_, PyType>) -> bool {
        let plain: ffi::getattrofunc = ffi::PyObject_GenericGetAttr;
        // SAFETY: a `Bound` refers to a class that is alive.
        let own = unsafe { (*class.as_type_ptr()).tp_getattro };
        own.is_some_and(|own| std::ptr::fn_addr_eq(own, plain))
    }

    #[inline(always)]
    fn at(class: *mut ffi::PyTypeObject) -> Option<Self> {
        // SAFETY: both callers have a reference to the class, or to an instance of it.
        let tag = unsafe { version_tag(class) };
        (tag != 0).then_some(ClassVersion {
            class: class as usize,
            tag,
        })
    }
}

/// The version tag of `class`; 0 if it has none.
///
/// # Safety
///
/// `class` is alive.
#[inline(always)]
unsafe fn version_tag(class: *mut ffi::PyTypeObject) -> u32 {
    // Later versions set the tag to 0 where it is not valid, and do not keep the flag.
    #[cfg(not(Py_3_12))]
    // SAFETY: as the caller says.
    if unsafe { (*class).tp_flags } & ffi::Py_TPFLAGS_VALID_VERSION_TAG == 0 {
        return 0;
    }
    // SAFETY: as the caller says.
    unsafe { (*class).tp_version_tag }
}
