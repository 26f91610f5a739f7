//! Memory of objects that have ended, kept for the next of their class.
//!
//! The interpreter does the same for its own small objects. Deferreds are made and ended all the time,
//! and asking the allocator each time is a third of what that costs.

use std::{cell::UnsafeCell, mem::MaybeUninit, ptr};

use pyo3::ffi;

use super::{Maybe, Obj, Raw};

/// How many are kept of a class.
const KEPT: usize = 64;

/// The kept memory of one class, of which all objects have the same size.
pub struct Room {
    kept: UnsafeCell<([MaybeUninit<Raw>; KEPT], usize)>,
}

// SAFETY: only threads that are attached to the interpreter get here, one at a time, and nothing
// else runs meanwhile.
unsafe impl Sync for Room {}

impl Room {
    /// Nothing is kept yet.
    pub const fn new() -> Self {
        Room {
            kept: UnsafeCell::new(([MaybeUninit::uninit(); KEPT], 0)),
        }
    }

    /// Makes an object of `class`, and lets `fill` write what follows its header before the collector
    /// may look at it.
    ///
    /// # Safety
    ///
    /// `class` is a class whose objects are given back to this room and to no other; `fill` writes all
    /// that follows the header, and runs no Python code.
    #[inline(always)]
    pub unsafe fn make(&self, class: *mut ffi::PyTypeObject, fill: impl FnOnce(Raw)) -> Maybe {
        // SAFETY: as the caller says; only the filled part of the array is read.
        unsafe {
            let (kept, count) = &mut *self.kept.get();
            let Some(last) = count.checked_sub(1) else {
                return Self::allocate(class, fill);
            };
            *count = last;
            let raw = kept[last].assume_init();
            // What the collector notes of an object is in two words before it, and one of the notes is
            // that it has been finalized.
            raw.cast::<usize>().sub(2).write_bytes(0, 2);
            let raw = ffi::PyObject_Init(raw, class);
            fill(raw);
            ffi::PyObject_GC_Track(raw.cast());
            Obj::owned(raw)
        }
    }

    /// Makes an object without a room, as [`make`](Room::make) does.
    ///
    /// # Safety
    ///
    /// `class` is a class of objects that the collector looks at; `fill` is as there.
    pub unsafe fn allocate(class: *mut ffi::PyTypeObject, fill: impl FnOnce(Raw)) -> Maybe {
        // SAFETY: as the caller says. What the allocation leaves is zeros, and tracked: nothing runs
        // before it is filled.
        unsafe {
            let raw = ffi::PyType_GenericAlloc(class, 0);
            if raw.is_null() {
                return Obj::owned(raw);
            }
            fill(raw);
            Obj::owned(raw)
        }
    }

    /// Takes the memory of an object that has ended, and the object's reference to its class.
    ///
    /// # Safety
    ///
    /// The object was made by [`make`](Room::make) of this room, its parts are ended, and the collector
    /// does not know it any more.
    #[inline(always)]
    pub unsafe fn give_back(&self, raw: Raw) {
        // SAFETY: as the caller says.
        unsafe {
            let class = ptr::replace(&raw mut (*raw).ob_type, ptr::null_mut());
            let (kept, count) = &mut *self.kept.get();
            if *count < KEPT {
                kept[*count] = MaybeUninit::new(raw);
                *count += 1;
            } else {
                (*raw).ob_type = class;
                ffi::PyObject_GC_Del(raw.cast());
            }
            ffi::Py_DECREF(class.cast());
        }
    }
}
