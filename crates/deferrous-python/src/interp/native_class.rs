//! Classes of this module's own, whose objects hold cells of Rust. Programs cannot make any.
//!
//! What an object holds is lent for as long as the object is alive. That is sound because it is made of cells: the
//! collector, which ends cycles, empties them, and does not take them away.

use std::{
    ffi::{CStr, c_int, c_void},
    marker::PhantomData,
};

use pyo3::ffi;

use super::{Life, Maybe, Obj, OwnClass, Raw, Traverse, Visitor, sealed, slot};

/// What the objects of a class hold: cells.
pub trait Native: Traverse + Sized + 'static {
    /// Their class.
    fn class() -> &'static NativeClass<Self>;

    /// Empties the cells, so that a cycle ends here.
    fn clear(&self);
}

/// What an object is in memory.
#[repr(C)]
struct NativeLayout<N> {
    base: ffi::PyObject,
    native: N,
}

/// A class whose objects hold an `N` each.
pub struct NativeClass<N> {
    class: OwnClass,
    native: PhantomData<fn() -> N>,
}

impl<N: Native> NativeClass<N> {
    /// A class that has not been made yet.
    pub const fn new() -> Self {
        NativeClass {
            class: OwnClass::new(),
            native: PhantomData,
        }
    }

    /// Makes the class, with slots and methods that are its own.
    pub fn define(
        &self,
        name: &'static CStr,
        methods: Vec<ffi::PyMethodDef>,
        own: Vec<ffi::PyType_Slot>,
    ) -> Maybe {
        let mut slots = vec![slot(ffi::Py_tp_methods, sealed(methods).cast())];
        slots.extend(own);
        let life = Life {
            dealloc: dealloc::<N>,
            traverse: traverse::<N>,
            clear: clear::<N>,
        };
        self.class
            .define(name, size_of::<NativeLayout<N>>(), life, slots)
    }

    /// Makes an object.
    #[inline(always)]
    pub fn make(&self, native: N) -> Maybe {
        // SAFETY: what is written is all that follows the header, and `dealloc` gives the object back.
        unsafe {
            self.class.make(|raw| {
                (&raw mut (*raw.cast::<NativeLayout<N>>()).native).write(native);
            })
        }
    }

    /// What an object of this class holds.
    #[inline(always)]
    pub fn get<'a>(&self, object: &'a Obj) -> Option<&'a N> {
        // SAFETY: the object is of the class, and alive for as long as it is borrowed. Nobody has a mutable
        // reference to what it holds before its end.
        self.class
            .is_one(object)
            .then(|| unsafe { &(*object.as_ptr().cast::<NativeLayout<N>>()).native })
    }
}

/// # Safety
/// Called by the collector with an object that holds an `N`.
unsafe extern "C" fn traverse<N: Native>(
    raw: Raw,
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the interpreter calls it with an object of the class; nothing is changed and nothing else runs.
    unsafe {
        let mut visitor = Visitor::of(raw, visit, argument);
        (*raw.cast::<NativeLayout<N>>())
            .native
            .traverse(&mut visitor);
        visitor.status()
    }
}

/// # Safety
/// Called by the collector with an object that holds an `N`.
unsafe extern "C" fn clear<N: Native>(raw: Raw) -> c_int {
    // SAFETY: the interpreter calls it with an object of the class, which it keeps alive.
    unsafe { (*raw.cast::<NativeLayout<N>>()).native.clear() };
    0
}

/// # Safety
/// Called by the interpreter with an object that holds an `N`, to which nothing refers any more.
unsafe extern "C" fn dealloc<N: Native>(raw: Raw) {
    // SAFETY: nothing refers to the object, and so nothing uses it after this; the class of `N` has made it.
    unsafe {
        ffi::PyObject_GC_UnTrack(raw.cast());
        std::ptr::drop_in_place(&raw mut (*raw.cast::<NativeLayout<N>>()).native);
        N::class().class.give_back(raw);
    }
}
