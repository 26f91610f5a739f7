//! Classes of objects that programs see and never make: what drives coroutines, and what is iterated
//! over while waiting.

use std::{
    cell::UnsafeCell,
    ffi::{CStr, c_int, c_void},
    marker::PhantomData,
    ptr,
    sync::OnceLock,
};

use pyo3::ffi;

use super::class::{sealed, slot, subclass_spec};
use crate::python::{Attached, Maybe, Obj, Raw, Room, type_error};

/// What is in the objects of such a class.
pub trait Content: Sized + 'static {
    /// Their class.
    fn class() -> &'static Inner<Self>;

    /// Shows `see` every object that this one keeps alive.
    fn visit(&self, see: &mut impl FnMut(&Obj));
}

/// What an object is in memory.
#[repr(C)]
struct Layout<T> {
    base: ffi::PyObject,
    /// Gone when the object is used up, or when the collector has ended it.
    content: UnsafeCell<Option<T>>,
}

/// The class, and the memory of objects that have ended.
pub struct Inner<T> {
    class: OnceLock<Attached<Obj>>,
    room: Room,
    content: PhantomData<fn() -> T>,
}

impl<T: Content> Inner<T> {
    /// The class is not made yet.
    pub const fn new() -> Self {
        Inner {
            class: OnceLock::new(),
            room: Room::new(),
            content: PhantomData,
        }
    }

    /// Makes the class, with slots and methods that are its own.
    pub fn define(
        &self,
        name: &'static CStr,
        methods: Vec<ffi::PyMethodDef>,
        own: Vec<ffi::PyType_Slot>,
    ) -> Maybe<()> {
        let mut slots = vec![
            slot(ffi::Py_tp_dealloc, dealloc::<T> as *mut c_void),
            slot(ffi::Py_tp_traverse, traverse::<T> as *mut c_void),
            slot(ffi::Py_tp_clear, clear::<T> as *mut c_void),
            slot(ffi::Py_tp_methods, sealed(methods).cast()),
        ];
        slots.extend(own);
        let flags = ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_HAVE_GC
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
        let size = size_of::<Layout<T>>();
        let class = subclass_spec(name, size, flags, slots, ptr::null_mut())?;
        let _ = self.class.set(Attached(class));
        Ok(())
    }

    /// Whether an object is of this class.
    #[inline(always)]
    pub fn has(&self, object: &Obj) -> bool {
        self.class
            .get()
            .is_some_and(|class| class.0.is(object.class().cast()))
    }

    /// Makes an object.
    #[inline(always)]
    pub fn make(&self, content: T) -> Maybe {
        let Some(class) = self.class.get() else {
            return Err(type_error("the module was not loaded"));
        };
        // SAFETY: the class is alive, and `dealloc` gives its objects back to this room. The content
        // is all that follows the header.
        unsafe {
            self.room.make(class.0.as_ptr().cast(), |raw| {
                (&raw mut (*raw.cast::<Layout<T>>()).content).write(UnsafeCell::new(Some(content)));
            })
        }
    }
}

/// The content of an object, unless it is gone.
///
/// # Safety
///
/// `raw` is an object of the class of `T`; while the content is borrowed nothing else gets at it, and
/// no Python code runs.
#[inline(always)]
pub unsafe fn content<'a, T: Content>(raw: Raw) -> &'a mut Option<T> {
    // SAFETY: as the caller says.
    unsafe { &mut *(*raw.cast::<Layout<T>>()).content.get() }
}

/// # Safety
/// Called by the collector: `raw` is an object of the class of `T`.
unsafe extern "C" fn traverse<T: Content>(
    raw: Raw,
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: as the caller says; nothing is changed and nothing else runs.
    unsafe {
        let mut status = visit((*raw).ob_type.cast(), argument);
        if let Some(content) = content::<T>(raw) {
            content.visit(&mut |object| {
                if status == 0 {
                    status = visit(object.as_ptr(), argument);
                }
            });
        }
        status
    }
}

/// # Safety
/// Called by the collector: `raw` is an object of the class of `T`.
unsafe extern "C" fn clear<T: Content>(raw: Raw) -> c_int {
    // SAFETY: as the caller says; what is taken is dropped when nothing is borrowed any more.
    let taken = unsafe { content::<T>(raw).take() };
    drop(taken);
    0
}

/// # Safety
/// `raw` is an object of the class of `T`, and nothing refers to it any more.
unsafe extern "C" fn dealloc<T: Content>(raw: Raw) {
    // SAFETY: as the caller says; objects of this class come from this room.
    unsafe {
        ffi::PyObject_GC_UnTrack(raw.cast());
        clear::<T>(raw);
        T::class().room.give_back(raw);
    }
}
