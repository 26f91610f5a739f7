//! Making classes: what the interpreter is told of a type.

use std::{
    ffi::{CStr, c_int, c_uint, c_void},
    ptr,
};

use pyo3::{ffi, prelude::*, types::PyType};

use super::{Maybe, Obj, Raw};

pub type Getter = unsafe extern "C" fn(Raw, *mut c_void) -> Raw;
pub type Setter = unsafe extern "C" fn(Raw, Raw, *mut c_void) -> c_int;

/// How a method is called.
pub struct Method(ffi::PyMethodDefPointer, c_int);

/// With positional arguments and keywords, without a tuple or a dict being made.
#[allow(non_snake_case)]
pub const fn CALL_WITH_KEYWORDS(
    function: unsafe extern "C" fn(Raw, *const Raw, ffi::Py_ssize_t, Raw) -> Raw,
) -> Method {
    Method(
        ffi::PyMethodDefPointer {
            PyCFunctionFastWithKeywords: function,
        },
        ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
    )
}

/// The same, on the class.
#[allow(non_snake_case)]
pub const fn CLASS_METHOD(
    function: unsafe extern "C" fn(Raw, *const Raw, ffi::Py_ssize_t, Raw) -> Raw,
) -> Method {
    let Method(pointer, flags) = CALL_WITH_KEYWORDS(function);
    Method(pointer, flags | ffi::METH_CLASS)
}

/// Without arguments.
#[allow(non_snake_case)]
pub const fn NO_ARGUMENTS(function: unsafe extern "C" fn(Raw, Raw) -> Raw) -> Method {
    Method(
        ffi::PyMethodDefPointer {
            PyCFunction: function,
        },
        ffi::METH_NOARGS,
    )
}

/// With one argument.
#[allow(non_snake_case)]
pub const fn ONE_ARGUMENT(function: unsafe extern "C" fn(Raw, Raw) -> Raw) -> Method {
    Method(
        ffi::PyMethodDefPointer {
            PyCFunction: function,
        },
        ffi::METH_O,
    )
}

/// One entry of a table of methods.
pub const fn method(name: &'static CStr, method: Method, doc: &'static CStr) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: method.0,
        ml_flags: method.1,
        ml_doc: doc.as_ptr(),
    }
}

/// One entry of a table of attributes.
pub fn getset(
    name: &'static CStr,
    get: Getter,
    set: Option<Setter>,
    doc: &'static CStr,
) -> ffi::PyGetSetDef {
    ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        set,
        doc: doc.as_ptr(),
        closure: ptr::null_mut(),
    }
}

/// The end of a table: an entry of zeros.
pub fn sealed<T>(mut table: Vec<T>) -> *mut T {
    // SAFETY: the tables are of plain structs of the interpreter, for which zeros mean the end.
    table.push(unsafe { std::mem::zeroed() });
    Box::leak(table.into_boxed_slice()).as_mut_ptr()
}

/// A slot of a type.
pub const fn slot(slot: c_int, pfunc: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc }
}

/// The docstring of a class.
pub const fn doc(text: &'static CStr) -> ffi::PyType_Slot {
    slot(ffi::Py_tp_doc, text.as_ptr().cast_mut().cast())
}

/// Where an object keeps the attributes that programs set, and its weak references, as offsets.
pub fn members(attributes: usize, weak_references: usize) -> Vec<ffi::PyMemberDef> {
    let member = |name: &'static CStr, offset: usize| ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset.cast_signed(),
        flags: ffi::Py_READONLY,
        doc: ptr::null(),
    };
    vec![
        member(c"__dictoffset__", attributes),
        member(c"__weaklistoffset__", weak_references),
    ]
}

/// The attribute `__dict__`, with the attributes that programs set.
pub fn dict_attribute() -> ffi::PyGetSetDef {
    getset(
        c"__dict__",
        ffi::PyObject_GenericGetDict,
        Some(ffi::PyObject_GenericSetDict),
        c"The attributes that programs have set.",
    )
}

/// Makes a type; `bases` is null or a tuple of classes.
pub fn subclass_spec(
    name: &'static CStr,
    size: usize,
    flags: u64,
    slots: Vec<ffi::PyType_Slot>,
    bases: Raw,
) -> Maybe {
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: c_int::try_from(size).unwrap_or(c_int::MAX),
        itemsize: 0,
        flags: c_uint::try_from(flags).unwrap_or_default(),
        slots: sealed(slots),
    };
    // SAFETY: the spec and all it points to are right for the type and live for ever.
    let class = unsafe { Obj::owned(ffi::PyType_FromSpecWithBases(&raw mut spec, bases)) }?;
    // SAFETY: it is a class, and alive for as long as this is used.
    unsafe { take_module_off(class.as_ptr().cast()) };
    Ok(class)
}

/// Takes the module off the name that errors show: they do not show it of classes made in Python.
pub fn shorten_name(class: &Bound<'_, PyType>) {
    // SAFETY: a `Bound` refers to a class that is alive.
    unsafe { take_module_off(class.as_type_ptr()) }
}

/// # Safety
///
/// The class is alive.
unsafe fn take_module_off(class: *mut ffi::PyTypeObject) {
    // SAFETY: as the caller says; the part of the name after the last dot is alive for as long as all of it.
    unsafe {
        let bytes = CStr::from_ptr((*class).tp_name).to_bytes();
        if let Some(dot) = bytes.iter().rposition(|&byte| byte == b'.') {
            (*class).tp_name = (*class).tp_name.add(dot + 1);
        }
    }
}
