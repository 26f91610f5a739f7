//! Classes whose objects hold Rust values: what the interpreter has to know of them.

use std::{
    cell::UnsafeCell,
    ffi::{CStr, c_int, c_void},
    marker::PhantomData,
};

use pyo3::ffi;

use super::own_class::{Life, OwnClass};
use super::{Maybe, Obj, Raised, Raw, Visitor, raise, sealed, slot, type_error};

/// What the objects of a class hold.
pub trait Held: Sized + 'static {
    /// Their class.
    fn holder() -> &'static Holder<Self>;

    /// Shows `see` every object that it refers to. It runs no Python code.
    fn each(&self, see: &mut impl FnMut(&Obj));
}

/// What an object is in memory.
#[repr(C)]
struct Layout<H> {
    base: ffi::PyObject,
    /// Gone when the object is used up, or when the collector has ended it.
    held: UnsafeCell<Option<H>>,
}

/// A class whose objects hold an `H` each. Programs cannot make any.
pub struct Holder<H> {
    class: OwnClass,
    held: PhantomData<fn() -> H>,
}

impl<H: Held> Holder<H> {
    /// A class that has not been made yet.
    pub const fn new() -> Self {
        Holder {
            class: OwnClass::new(),
            held: PhantomData,
        }
    }

    /// Makes the class, with slots and methods that are its own, and returns it.
    pub fn define(
        &self,
        name: &'static CStr,
        methods: Vec<ffi::PyMethodDef>,
        own: Vec<ffi::PyType_Slot>,
    ) -> Maybe {
        let mut slots = vec![slot(ffi::Py_tp_methods, sealed(methods).cast())];
        slots.extend(own);
        let life = Life {
            dealloc: dealloc::<H>,
            traverse: traverse::<H>,
            clear: clear::<H>,
        };
        self.class.define(name, size_of::<Layout<H>>(), life, slots)
    }

    /// Whether an object is of this class.
    #[inline(always)]
    pub fn is_one(&self, object: &Obj) -> bool {
        self.class.is_one(object)
    }

    /// Makes an object.
    #[inline(always)]
    pub fn make(&self, held: H) -> Maybe {
        // SAFETY: what is held is all that follows the header, and `dealloc` gives the object back.
        unsafe {
            self.class.make(|raw| {
                (&raw mut (*raw.cast::<Layout<H>>()).held).write(UnsafeCell::new(Some(held)));
            })
        }
    }

    /// Looks at what an object holds. `body` must run no Python code.
    ///
    /// # Errors
    ///
    /// A `TypeError` if it is of another class, and a `RuntimeError` if the collector has ended it.
    #[inline]
    pub fn with<R>(&self, object: &Obj, body: impl FnOnce(&mut H) -> R) -> Maybe<R> {
        if !self.is_one(object) {
            return Err(type_error(
                "this object is of another class than it should be",
            ));
        }
        // SAFETY: it is of the class, and `body` does not get here again: only attached threads do.
        match unsafe { held::<H>(object.as_ptr()) } {
            Some(held) => Ok(body(held)),
            None => Err(collected()),
        }
    }
}

/// What an object holds, unless that is gone; for what is called too often to ask for the class.
///
/// # Safety
///
/// `raw` is an object that holds an `H`; while that is borrowed nothing else gets at it, and no Python
/// code runs.
#[inline(always)]
pub unsafe fn held<'a, H: Held>(raw: Raw) -> &'a mut Option<H> {
    // SAFETY: as the caller says.
    unsafe { &mut *(*raw.cast::<Layout<H>>()).held.get() }
}

/// Raises a `RuntimeError`: what an object held is gone.
#[cold]
pub fn collected() -> Raised {
    // SAFETY: reading a static of the interpreter.
    let class = unsafe { ffi::PyExc_RuntimeError };
    raise(class, "this object was collected as garbage")
}

/// # Safety
/// Called by the collector: `raw` is an object that holds an `H`.
unsafe extern "C" fn traverse<H: Held>(
    raw: Raw,
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: as the caller says; nothing is changed and nothing else runs.
    unsafe {
        let mut visitor = Visitor::of(raw, visit, argument);
        if let Some(held) = held::<H>(raw) {
            held.each(&mut |object| visitor.see(object));
        }
        visitor.status()
    }
}

/// # Safety
/// Called by the collector: `raw` is an object that holds an `H`.
unsafe extern "C" fn clear<H: Held>(raw: Raw) -> c_int {
    // SAFETY: as the caller says; what is taken is dropped when nothing is borrowed any more.
    let taken = unsafe { held::<H>(raw).take() };
    drop(taken);
    0
}

/// # Safety
/// `raw` is an object that holds an `H`, and nothing refers to it any more.
unsafe extern "C" fn dealloc<H: Held>(raw: Raw) {
    // SAFETY: as the caller says; the object was made by the class of `H`.
    unsafe {
        ffi::PyObject_GC_UnTrack(raw.cast());
        clear::<H>(raw);
        H::holder().class.give_back(raw);
    }
}
