//! Making Deferreds: `__new__`, `__init__`, and both at once where the class is called.

use std::{ffi::c_int, ptr};

use pyo3::ffi;

use super::{
    callback::Canceller,
    callback_queue, debug_info,
    deferred::{Deferred, Parts},
    kinds::classes,
};
use crate::{
    interp::{
        Maybe, Obj, Raw, Signature, bind_tuple, enter, enter_status, keyword_dict, type_error,
    },
    replaced,
    twisted::twisted,
};

type Count = ffi::Py_ssize_t;

/// `__new__`: leaves the arguments to `__init__`, which a subclass may have another of.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn new(class: *mut ffi::PyTypeObject, _: Raw, _: Raw) -> Raw {
    // SAFETY: the class is that of Deferreds or a subclass. What makes plain objects knows what to say
    // of an abstract one.
    enter(|| unsafe {
        if (*class).tp_flags & ffi::Py_TPFLAGS_IS_ABSTRACT != 0
            && let Some(new) = ffi::PyBaseObject_Type.tp_new
        {
            return Obj::owned(new(class, twisted().empty.as_ptr(), ptr::null_mut()));
        }
        let deferred = Deferred::allocate(class, Parts::new(None))?;
        deferred.parts().is_initialised.set(false);
        Ok(deferred.into_object())
    })
}

const INIT: Signature<1> = Signature {
    function: "Deferred.__init__",
    names: ["canceller"],
    required: 0,
};

/// `__init__(canceller=None)`, of subclasses: the class itself is called by [`call_class`].
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn init(raw: Raw, arguments: Raw, keywords: Raw) -> c_int {
    // SAFETY: as said.
    enter_status(|| unsafe {
        if replaced::any() {
            replaced::call_tuple("Deferred.__init__", raw, arguments, keywords)?;
            return Ok(());
        }
        let deferred = Deferred::from_self(&raw);
        let ([canceller], _keep) = bind_tuple(&INIT, arguments, keywords)?;
        initialise(deferred, canceller)
    })
}

/// Sets what `__init__` sets.
///
/// # Safety
///
/// `canceller` is null or alive.
pub unsafe fn initialise(deferred: &Deferred, canceller: Raw) -> Maybe<()> {
    let given = !canceller.is_null() && !ptr::eq(canceller, crate::twisted::none());
    // SAFETY: as the caller says.
    let canceller = given.then(|| unsafe { Obj::borrowed(canceller) });
    deferred.parts().is_initialised.set(true);
    callback_queue::clear(deferred);
    let canceller = canceller.map(Canceller::callable);
    drop(deferred.parts().canceller.replace(canceller));
    if deferred.debug() {
        debug_info::note_creator(deferred)?;
    }
    Ok(())
}

/// Whether calling the class does what this file says: a program may have replaced `__init__`, or what that
/// looks up.
#[inline(always)]
pub fn is_original() -> bool {
    let class = classes().deferred.as_ptr().cast::<ffi::PyTypeObject>();
    let (own_init, own_new): (ffi::initproc, ffi::newfunc) = (init, new);
    // SAFETY: the class is alive.
    !replaced::any()
        && unsafe {
            (*class)
                .tp_init
                .is_some_and(|found| ptr::fn_addr_eq(found, own_init))
                && (*class)
                    .tp_new
                    .is_some_and(|found| ptr::fn_addr_eq(found, own_new))
        }
}

/// Calls the class as the interpreter calls classes.
///
/// # Safety
///
/// The arguments are as the interpreter gave them.
#[cold]
unsafe fn call_class_slowly(class: Raw, arguments: *const Raw, count: Count, names: Raw) -> Maybe {
    // SAFETY: as the caller says; the call is given a tuple and a dict of its own.
    unsafe {
        let positional = Obj::owned(ffi::PyTuple_New(count))?;
        for at in 0..count {
            let item = Obj::borrowed(*arguments.offset(at)).into_ptr();
            ffi::PyTuple_SET_ITEM(positional.as_ptr(), at, item);
        }
        let keywords = keyword_dict(arguments.offset(count), names)?;
        let keywords = keywords.as_ref().map_or(ptr::null_mut(), Obj::as_ptr);
        match (*(*class).ob_type).tp_call {
            Some(call) => Obj::owned(call(class, positional.as_ptr(), keywords)),
            None => Err(type_error("the class of Deferreds cannot be called")),
        }
    }
}

/// `Deferred(canceller=None)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn call_class(
    class: Raw,
    arguments: *const Raw,
    count: usize,
    names: Raw,
) -> Raw {
    // SAFETY: as said.
    enter(|| unsafe {
        let count = ffi::PyVectorcall_NARGS(count);
        if !is_original() {
            return call_class_slowly(class, arguments, count, names);
        }
        if count == 0 && names.is_null() {
            return Deferred::unfired(None).map(Deferred::into_object);
        }
        let [canceller] = INIT.bind(arguments, count, names)?;
        let given = !canceller.is_null() && !ptr::eq(canceller, ffi::Py_None());
        let canceller = given.then(|| Obj::borrowed(canceller));
        Deferred::unfired(canceller).map(Deferred::into_object)
    })
}
