//! Classes whose objects hold Rust values: what the interpreter has to know of them.

use std::{
    cell::UnsafeCell,
    ffi::{CStr, c_int, c_void},
    ptr,
    sync::OnceLock,
};

use pyo3::ffi;

use super::{Attached, Maybe, Obj, Raised, Raw, raise, type_error};

/// What the objects of a class hold.
pub trait Held: Sized + 'static {
    /// Shows every object that it refers to. It runs no Python code.
    fn each(&self, see: &mut dyn FnMut(&Obj));
}

#[repr(C)]
struct Layout<H> {
    base: ffi::PyObject,
    /// Gone when the collector has ended it.
    held: UnsafeCell<Option<H>>,
}

/// A class whose objects hold an `H` each. Programs cannot make any.
pub struct Holder<H> {
    class: OnceLock<Attached<Obj>>,
    held: std::marker::PhantomData<fn() -> H>,
}

impl<H: Held> Holder<H> {
    /// A class that has not been made yet.
    pub const fn new() -> Self {
        Holder {
            class: OnceLock::new(),
            held: std::marker::PhantomData,
        }
    }

    /// Makes the class, and returns it. `methods` is a table that ends with zeros and is kept for ever.
    pub fn make_class(
        &self,
        name: &'static CStr,
        doc: &'static CStr,
        methods: *mut ffi::PyMethodDef,
    ) -> Maybe {
        let slot = |slot: c_int, pfunc: *mut c_void| ffi::PyType_Slot { slot, pfunc };
        let slots = vec![
            slot(ffi::Py_tp_doc, doc.as_ptr().cast_mut().cast()),
            slot(ffi::Py_tp_dealloc, dealloc::<H> as *mut c_void),
            slot(ffi::Py_tp_traverse, traverse::<H> as *mut c_void),
            slot(ffi::Py_tp_clear, clear::<H> as *mut c_void),
            slot(ffi::Py_tp_methods, methods.cast()),
            slot(0, ptr::null_mut()),
        ];
        let flags = ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_HAVE_GC
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
        let mut spec = ffi::PyType_Spec {
            name: name.as_ptr(),
            basicsize: c_int::try_from(size_of::<Layout<H>>()).unwrap_or(c_int::MAX),
            itemsize: 0,
            flags: u32::try_from(flags).unwrap_or_default(),
            slots: Box::leak(slots.into_boxed_slice()).as_mut_ptr(),
        };
        // SAFETY: the spec and all it points to are right for the type and live for ever.
        let class = unsafe { Obj::owned(ffi::PyType_FromSpec(&raw mut spec)) }?;
        let _ = self.class.set(Attached(class.clone()));
        Ok(class)
    }

    /// Makes an object.
    pub fn make(&self, held: H) -> Maybe {
        let Some(class) = self.class.get() else {
            return Err(type_error("the module was not loaded"));
        };
        // SAFETY: the class is alive. What the allocation leaves is zeros, and nothing runs before the
        // value is in place.
        unsafe {
            let raw = ffi::PyType_GenericAlloc(class.0.as_ptr().cast(), 0);
            let object = Obj::owned(raw)?;
            (&raw mut (*raw.cast::<Layout<H>>()).held).write(UnsafeCell::new(Some(held)));
            Ok(object)
        }
    }

    /// Whether the object is of this class.
    #[inline(always)]
    pub fn is_one(&self, object: &Obj) -> bool {
        self.class
            .get()
            .is_some_and(|class| class.0.is(object.class().cast()))
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
        match unsafe { &mut *(*object.as_ptr().cast::<Layout<H>>()).held.get() } {
            Some(held) => Ok(body(held)),
            None => Err(ended()),
        }
    }
}

#[cold]
fn ended() -> Raised {
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
    // SAFETY: called by the collector; nothing is changed and nothing else runs.
    unsafe {
        let mut status = visit((*raw).ob_type.cast(), argument);
        if let Some(held) = &*(*raw.cast::<Layout<H>>()).held.get() {
            held.each(&mut |object| {
                if status == 0 {
                    status = visit(object.as_ptr(), argument);
                }
            });
        }
        status
    }
}

/// # Safety
/// Called by the collector: `raw` is an object that holds an `H`.
unsafe extern "C" fn clear<H: Held>(raw: Raw) -> c_int {
    // SAFETY: called by the collector; what is taken is dropped after.
    drop(unsafe { (*(*raw.cast::<Layout<H>>()).held.get()).take() });
    0
}

/// # Safety
/// `raw` is an object that holds an `H`, and nothing refers to it any more.
unsafe extern "C" fn dealloc<H: Held>(raw: Raw) {
    // SAFETY: called by the interpreter when nothing refers to the object any more.
    unsafe {
        ffi::PyObject_GC_UnTrack(raw.cast());
        clear::<H>(raw);
        let class = (*raw).ob_type;
        if let Some(free) = (*class).tp_free {
            free(raw.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}
