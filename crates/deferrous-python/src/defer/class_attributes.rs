//! Attributes that a class has, too: an instance's own value, or, asked of the class, the default that
//! Twisted's class has.

use std::{
    cell::UnsafeCell,
    ffi::{c_int, c_void},
    ptr,
    sync::OnceLock,
};

use pyo3::ffi;

use crate::interp::{
    Attached, Maybe, Obj, Raw, enter, enter_status, getset, raise, sealed, slot, subclass_spec,
    type_error,
};

#[repr(C)]
struct Layout {
    base: ffi::PyObject,
    /// The descriptor of instances, and the default, if the class has the attribute.
    parts: UnsafeCell<Option<(Obj, Option<Obj>)>>,
}

static CLASS: OnceLock<Attached<Obj>> = OnceLock::new();

/// Makes the class of such descriptors.
pub fn make_class() -> Maybe<()> {
    let documentation = getset(c"__doc__", doc, None, c"What the attribute is.");
    let slots = vec![
        slot(ffi::Py_tp_dealloc, dealloc as *mut c_void),
        slot(ffi::Py_tp_descr_get, get as *mut c_void),
        slot(ffi::Py_tp_descr_set, set as *mut c_void),
        slot(ffi::Py_tp_getset, sealed(vec![documentation]).cast()),
    ];
    let flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
    let name = c"twisted.internet.defer._Attribute";
    let class = subclass_spec(name, size_of::<Layout>(), flags, slots, ptr::null_mut())?;
    let _ = CLASS.set(Attached(class));
    Ok(())
}

/// Gives `class` defaults for attributes that its instances have.
pub fn set_defaults(class: &Obj, defaults: &[(&str, Option<Obj>)]) -> Maybe<()> {
    for (name, default) in defaults {
        let name = Obj::name(name)?;
        let attribute = new(class.getattr(&name)?, default.clone())?;
        class.setattr(&name, &attribute)?;
    }
    Ok(())
}

fn new(descriptor: Obj, default: Option<Obj>) -> Maybe {
    let Some(class) = CLASS.get() else {
        return Err(type_error("the module was not loaded"));
    };
    // SAFETY: the class is alive, and the part is written before anything can look at it.
    unsafe {
        let raw = ffi::PyType_GenericAlloc(class.0.as_ptr().cast(), 0);
        let attribute = Obj::owned(raw)?;
        (&raw mut (*raw.cast::<Layout>()).parts)
            .write(UnsafeCell::new(Some((descriptor, default))));
        Ok(attribute)
    }
}

/// # Safety
/// `raw` is an object of this class; `object` and `class` are alive or null.
unsafe extern "C" fn get(raw: Raw, object: Raw, class: Raw) -> Raw {
    // SAFETY: called by the interpreter with one of these; the descriptor is one of getters.
    enter(|| unsafe {
        let Some((descriptor, default)) = &*(*raw.cast::<Layout>()).parts.get() else {
            return Err(type_error("the attribute is gone"));
        };
        if object.is_null() {
            return default
                .clone()
                .ok_or_else(|| raise(ffi::PyExc_AttributeError, "result"));
        }
        match (*descriptor.class()).tp_descr_get {
            Some(get) => Obj::owned(get(descriptor.as_ptr(), object, class)),
            None => Ok(descriptor.clone()),
        }
    })
}

/// # Safety
/// `raw` is an object of this class.
unsafe extern "C" fn doc(raw: Raw, _: *mut c_void) -> Raw {
    // SAFETY: called by the interpreter with one of these.
    enter(|| unsafe {
        match &*(*raw.cast::<Layout>()).parts.get() {
            Some((descriptor, _)) => descriptor.get("__doc__"),
            None => Ok(Obj::none()),
        }
    })
}

/// # Safety
/// `raw` is an object of this class; `object` is alive, and `value` is alive or null.
unsafe extern "C" fn set(raw: Raw, object: Raw, value: Raw) -> c_int {
    // SAFETY: called by the interpreter with one of these; the descriptor is one of setters.
    enter_status(|| unsafe {
        let parts = &*(*raw.cast::<Layout>()).parts.get();
        let set = parts.as_ref().and_then(|(descriptor, _)| {
            (*descriptor.class())
                .tp_descr_set
                .map(|set| (set, descriptor))
        });
        match set {
            Some((set, descriptor)) if set(descriptor.as_ptr(), object, value) == 0 => Ok(()),
            Some(_) => Err(crate::interp::Raised),
            None => Err(type_error("the attribute cannot be set")),
        }
    })
}

/// # Safety
/// `raw` is an object of this class, and nothing refers to it any more.
unsafe extern "C" fn dealloc(raw: Raw) {
    // SAFETY: called by the interpreter when nothing refers to the object any more.
    unsafe {
        drop((*(*raw.cast::<Layout>()).parts.get()).take());
        let class = (*raw).ob_type;
        if let Some(free) = (*class).tp_free {
            free(raw.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}
