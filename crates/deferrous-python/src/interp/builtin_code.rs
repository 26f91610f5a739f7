//! The code of functions of the interpreter.

use std::{
    ffi::{c_int, c_void},
    mem::MaybeUninit,
    ptr,
};

use pyo3::{Borrowed, ffi, prelude::*};

/// The beginning of a builtin, `PyCFunctionObject`, which has been the same in all versions of the interpreter.
#[repr(C)]
struct Function {
    head: ffi::PyObject,
    definition: *const ffi::PyMethodDef,
    owner: *mut ffi::PyObject,
}

/// A function or method that is not written in Python.
struct Builtin<'a, 'py> {
    /// Where its code is. How that is called is told by the flags.
    code: usize,
    flags: c_int,
    /// The object that it is bound to.
    owner: Option<Borrowed<'a, 'py, PyAny>>,
}

impl<'a, 'py> Builtin<'a, 'py> {
    /// The object, if it is one.
    #[inline(always)]
    fn of(callable: &'a Bound<'py, PyAny>) -> Option<Self> {
        if !ptr::eq(callable.get_type_ptr(), &raw mut ffi::PyCFunction_Type) {
            return None;
        }
        // SAFETY: the object is alive and a builtin, which keeps its definition and its owner for as long as it is.
        unsafe {
            let function: *const Function = callable.as_ptr().cast();
            let definition = (*function).definition;
            Some(Builtin {
                code: (*definition).ml_meth.as_ptr().addr(),
                flags: (*definition).ml_flags,
                owner: Borrowed::from_ptr_or_opt(callable.py(), (*function).owner),
            })
        }
    }
}

/// The C function of a method that is not written in Python, and the object that it is bound to.
#[inline(always)]
pub fn bound_function<'a, 'py>(
    callable: &'a Bound<'py, PyAny>,
) -> Option<(usize, Borrowed<'a, 'py, PyAny>)> {
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
