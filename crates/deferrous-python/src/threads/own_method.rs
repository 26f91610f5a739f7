//! Methods in Rust of classes that are made in Python, which a program may replace: whether an object still has
//! them.

use std::{cell::Cell, ptr};

use pyo3::ffi;

use crate::interp::{Obj, Raised, version_tag};

/// Such a method.
pub struct OwnMethod {
    name: Obj,
    method: Obj,
    /// The class that was last seen to have it, and the version tag that the class had.
    seen: Cell<(*mut ffi::PyTypeObject, u32)>,
}

impl OwnMethod {
    /// `method`, which the class has by this name.
    pub fn new(name: &Obj, method: Obj) -> Self {
        OwnMethod {
            name: name.clone(),
            method,
            seen: Cell::new((ptr::null_mut(), 0)),
        }
    }

    /// Whether `object.name` is this method.
    #[inline]
    pub fn belongs_to(&self, object: &Obj) -> bool {
        self.is_in_class_of(object) && !is_in_dict_of(object, &self.name)
    }

    /// Whether the class of the object has this method. The object itself may have another.
    #[inline]
    pub fn is_in_class_of(&self, object: &Obj) -> bool {
        let class = object.class();
        // SAFETY: the class is alive.
        let tag = unsafe { version_tag(class) };
        (tag != 0 && self.seen.get() == (class, tag)) || self.look_up(object)
    }

    #[cold]
    fn look_up(&self, object: &Obj) -> bool {
        let class = object.class();
        let plain_getattr: ffi::getattrofunc = ffi::PyObject_GenericGetAttr;
        // SAFETY: the class is alive.
        let getattr = unsafe { (*class).tp_getattro };
        // A class that defines `__getattribute__` or `__getattr__` has to be asked.
        let is_there = getattr.is_some_and(|getattr| ptr::fn_addr_eq(getattr, plain_getattr))
            && object.class_has(&self.name, &self.method);
        if is_there {
            // SAFETY: the class is alive. Looking up an attribute has given it a tag, if it may have one.
            self.seen.set((class, unsafe { version_tag(class) }));
        }
        is_there
    }
}

/// Whether the object's `__dict__`, if it has one, has a name.
#[inline]
fn is_in_dict_of(object: &Obj, name: &Obj) -> bool {
    // SAFETY: the object and the name are alive, and the dict is kept. Keys that are no `str` may run Python code.
    unsafe {
        let dict = ffi::PyObject_GenericGetDict(object.as_ptr(), ptr::null_mut());
        let found = match Obj::owned(dict) {
            Ok(dict) => ffi::PyDict_Contains(dict.as_ptr(), name.as_ptr()),
            Err(Raised) => -1,
        };
        if found < 0 {
            ffi::PyErr_Clear();
        }
        found > 0
    }
}
