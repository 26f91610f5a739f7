//! The code of functions of the interpreter.

use std::{
    ffi::{c_int, c_void},
    mem::MaybeUninit,
    ptr,
};

use pyo3::{ffi, prelude::*};

/// A function or method that is not written in Python.
struct Builtin<'py> {
    /// Where its code is. How that is called is told by the flags.
    code: usize,
    flags: c_int,
    /// The object that it is bound to.
    owner: Option<Bound<'py, PyAny>>,
}

impl<'py> Builtin<'py> {
    /// The object, if it is one.
    #[inline(always)]
    fn of(callable: &Bound<'py, PyAny>) -> Option<Self> {
        if !ptr::eq(callable.get_type_ptr(), &raw mut ffi::PyCFunction_Type) {
            return None;
        }
        let (py, raw) = (callable.py(), callable.as_ptr());
        // SAFETY: the object is alive and a builtin. The reference to its owner is counted at once.
        unsafe {
            Some(Builtin {
                code: ffi::PyCFunction_GetFunction(raw)? as usize,
                flags: ffi::PyCFunction_GetFlags(raw),
                owner: Bound::from_borrowed_ptr_or_opt(py, ffi::PyCFunction_GetSelf(raw)),
            })
        }
    }
}

/// The C function of a method that is not written in Python, and the object that it is bound to.
#[inline(always)]
pub fn bound_function<'py>(callable: &Bound<'py, PyAny>) -> Option<(usize, Bound<'py, PyAny>)> {
    let method = Builtin::of(callable)?;
    Some((method.code, method.owner?))
}

/// Where the code of a builtin function without arguments is. Nothing is called there: it is only compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BuiltinCode(usize);

impl BuiltinCode {
    /// That of a function, if it is such a one.
    #[inline]
    pub fn of(function: &Bound<'_, PyAny>) -> Option<Self> {
        let function = Builtin::of(function)?;
        (function.flags == ffi::METH_NOARGS).then_some(BuiltinCode(function.code))
    }

    /// Whether it is in the same file as the interpreter's.
    pub fn is_of_interpreter(self) -> bool {
        let own = file_of(ffi::PyFloat_FromDouble as *const () as usize);
        own.is_some() && own == file_of(self.0)
    }
}

/// Where the file is in memory that some code was loaded from.
fn file_of(code: usize) -> Option<*mut c_void> {
    let mut found = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address may be asked for, and what is written is read only if there was an answer.
    unsafe {
        if libc::dladdr(code as *const c_void, found.as_mut_ptr()) == 0 {
            return None;
        }
        Some(found.assume_init().dli_fbase)
    }
}
