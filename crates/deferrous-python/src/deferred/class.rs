//! Making classes: what the interpreter is told of a type.

use std::{
    ffi::{CStr, c_int, c_uint, c_void},
    ptr,
};

use pyo3::ffi;

use super::{attributes, making, methods, object};
use crate::{
    docs,
    python::{Maybe, Obj, Raw},
};

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

fn member(name: &'static CStr, offset: usize) -> ffi::PyMemberDef {
    ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset.cast_signed(),
        flags: ffi::Py_READONLY,
        doc: ptr::null(),
    }
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
    // SAFETY: the class is alive, and the part of the name after the last dot is, too.
    unsafe { shorten_name(class.as_ptr().cast()) };
    Ok(class)
}

/// Takes the module off the name that errors show: they do not show it of classes made in Python.
///
/// # Safety
///
/// The class is alive, and its name lives for ever.
pub unsafe fn shorten_name(class: *mut ffi::PyTypeObject) {
    // SAFETY: as the caller says.
    unsafe {
        let bytes = CStr::from_ptr((*class).tp_name).to_bytes();
        if let Some(dot) = bytes.iter().rposition(|&byte| byte == b'.') {
            (*class).tp_name = (*class).tp_name.add(dot + 1);
        }
    }
}

/// Makes the class `Deferred`.
pub fn make() -> Maybe {
    let members = vec![
        member(c"__dictoffset__", object::ATTRIBUTES),
        member(c"__weaklistoffset__", object::WEAK_REFERENCES),
    ];
    let slots = vec![
        slot(ffi::Py_tp_doc, docs::DEFERRED.as_ptr().cast_mut().cast()),
        slot(ffi::Py_tp_new, making::new as *mut c_void),
        slot(ffi::Py_tp_init, making::init as *mut c_void),
        slot(ffi::Py_tp_dealloc, object::dealloc as *mut c_void),
        slot(ffi::Py_tp_finalize, object::finalize as *mut c_void),
        slot(ffi::Py_tp_traverse, object::traverse as *mut c_void),
        slot(ffi::Py_tp_clear, object::clear as *mut c_void),
        slot(ffi::Py_tp_repr, attributes::repr as *mut c_void),
        slot(ffi::Py_tp_str, attributes::repr as *mut c_void),
        slot(ffi::Py_tp_iter, methods::iterate as *mut c_void),
        slot(ffi::Py_am_await, methods::iterate as *mut c_void),
        slot(ffi::Py_tp_methods, sealed(methods::all()).cast()),
        slot(ffi::Py_tp_getset, sealed(attributes::all()).cast()),
        slot(ffi::Py_tp_members, sealed(members).cast()),
    ];
    let flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC;
    let class = subclass_spec(
        c"twisted.internet.defer.Deferred",
        size_of::<object::Layout>(),
        flags,
        slots,
        ptr::null_mut(),
    )?;
    // SAFETY: the class is alive, and nobody else knows it yet. Calling it is calling `call_class`,
    // which does what `__new__` and `__init__` do one after the other.
    unsafe {
        (*class.as_ptr().cast::<ffi::PyTypeObject>()).tp_vectorcall = Some(making::call_class);
    }
    class.setattr(&Obj::name("debug")?, &Obj::bool(false))?;
    let off = || Some(Obj::bool(false));
    let defaults = [
        ("called", off()),
        ("paused", Some(Obj::int(0)?)),
        ("result", None),
        ("_runningCallbacks", off()),
        ("_suppressAlreadyCalled", off()),
        ("_chainedTo", Some(Obj::none())),
        ("_debugInfo", Some(Obj::none())),
    ];
    super::set_defaults(&class, &defaults)?;
    Ok(class)
}
