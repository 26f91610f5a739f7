//! Making the class `Deferred`.

use std::{ffi::c_void, ptr};

use pyo3::ffi;

use super::{attributes, class_attributes::set_defaults, deferred, life, making, methods};
use crate::{
    docs,
    interp::{Maybe, Obj, doc, members, sealed, slot, subclass_spec},
};

/// Makes the class `Deferred`.
pub fn make(more_methods: Vec<ffi::PyMethodDef>) -> Maybe {
    let members = members(deferred::ATTRIBUTES, deferred::WEAK_REFERENCES);
    let mut all_methods = methods::all();
    all_methods.extend(more_methods);
    let slots = vec![
        doc(docs::DEFERRED),
        slot(ffi::Py_tp_new, making::new as *mut c_void),
        slot(ffi::Py_tp_init, making::init as *mut c_void),
        slot(ffi::Py_tp_dealloc, life::dealloc as *mut c_void),
        slot(ffi::Py_tp_finalize, life::finalize as *mut c_void),
        slot(ffi::Py_tp_traverse, life::traverse as *mut c_void),
        slot(ffi::Py_tp_clear, life::clear as *mut c_void),
        slot(ffi::Py_tp_repr, attributes::repr as *mut c_void),
        slot(ffi::Py_tp_str, attributes::repr as *mut c_void),
        slot(ffi::Py_tp_iter, methods::iterate as *mut c_void),
        slot(ffi::Py_am_await, methods::iterate as *mut c_void),
        slot(ffi::Py_tp_methods, sealed(all_methods).cast()),
        slot(ffi::Py_tp_getset, sealed(attributes::all()).cast()),
        slot(ffi::Py_tp_members, sealed(members).cast()),
    ];
    let flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC;
    let class = subclass_spec(
        c"twisted.internet.defer.Deferred",
        size_of::<deferred::Layout>(),
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
    set_defaults(&class, &defaults)?;
    Ok(class)
}
