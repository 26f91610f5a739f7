//! Classes whose objects only this module makes, and the memory of those that have ended.

use std::{
    ffi::{CStr, c_void},
    ptr,
    sync::OnceLock,
};

use pyo3::ffi;

use super::{Attached, Maybe, Obj, Raw, Room, slot, subclass_spec, type_error};

/// Such a class.
pub struct OwnClass {
    class: OnceLock<Attached<Obj>>,
    room: Room,
}

impl OwnClass {
    /// A class that has not been made yet.
    pub const fn new() -> Self {
        OwnClass {
            class: OnceLock::new(),
            room: Room::new(),
        }
    }

    /// Makes the class, and returns it. Its objects have `size` bytes, with the header, and the collector
    /// looks at them.
    pub fn define(
        &self,
        name: &'static CStr,
        size: usize,
        life: Life,
        own: Vec<ffi::PyType_Slot>,
    ) -> Maybe {
        let mut slots = vec![
            slot(ffi::Py_tp_dealloc, life.dealloc as *mut c_void),
            slot(ffi::Py_tp_traverse, life.traverse as *mut c_void),
            slot(ffi::Py_tp_clear, life.clear as *mut c_void),
        ];
        slots.extend(own);
        let flags = ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_HAVE_GC
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
        let class = subclass_spec(name, size, flags, slots, ptr::null_mut())?;
        let _ = self.class.set(Attached(class.clone()));
        Ok(class)
    }

    /// Whether an object is of this class.
    #[inline(always)]
    pub fn is_one(&self, object: &Obj) -> bool {
        self.class
            .get()
            .is_some_and(|class| class.0.is(object.class().cast()))
    }

    /// Makes an object.
    ///
    /// # Safety
    ///
    /// `fill` writes all that follows the header, and runs no Python code. The end of the object gives it
    /// [back](Self::give_back).
    #[inline(always)]
    pub unsafe fn make(&self, fill: impl FnOnce(Raw)) -> Maybe {
        let Some(class) = self.class.get() else {
            return Err(type_error("the module was not loaded"));
        };
        // SAFETY: the class is alive; the rest is as the caller says.
        unsafe { self.room.make(class.0.as_ptr().cast(), fill) }
    }

    /// Takes the memory of an object that has ended.
    ///
    /// # Safety
    ///
    /// As for [`Room::give_back`], of an object that was made here.
    #[inline(always)]
    pub unsafe fn give_back(&self, raw: Raw) {
        // SAFETY: as the caller says.
        unsafe { self.room.give_back(raw) }
    }
}

/// What the interpreter calls in the life of an object.
pub struct Life {
    pub dealloc: unsafe extern "C" fn(Raw),
    pub traverse: unsafe extern "C" fn(Raw, ffi::visitproc, *mut c_void) -> std::ffi::c_int,
    pub clear: unsafe extern "C" fn(Raw) -> std::ffi::c_int,
}
