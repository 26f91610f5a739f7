//! What callables of the interpreter call.

use std::{
    ffi::{c_int, c_void},
    mem::MaybeUninit,
    ptr,
};

use pyo3::{Borrowed, ffi, prelude::*};

unsafe extern "C" {
    /// The class of methods that are functions of Python, bound to an object.
    static mut PyMethod_Type: ffi::PyTypeObject;
}

/// The beginning of a builtin, `PyCFunctionObject`, and of a bound method of Python, `PyMethodObject`, which has been the
/// same in all versions of the interpreter.
#[repr(C)]
struct Callable {
    head: ffi::PyObject,
    /// The definition of a builtin, or the function of a method.
    called: *const c_void,
    owner: *mut ffi::PyObject,
}

/// The code of a builtin or the function of a bound method, and the owner of either.
struct Called<'a, 'py> {
    /// Where the code of a builtin is, or the function of a method. It is only compared.
    code: usize,
    /// How the code of a builtin is called; 0 for a method.
    flags: c_int,
    /// The object that it is bound to.
    owner: Option<Borrowed<'a, 'py, PyAny>>,
}

impl<'a, 'py> Called<'a, 'py> {
    /// The same of an object of a class, which is either that of builtins or that of methods; of no other object.
    #[inline(always)]
    fn by(callable: &'a Bound<'py, PyAny>, is_builtin: bool) -> Option<Self> {
        let class = match is_builtin {
            true => &raw mut ffi::PyCFunction_Type,
            false => &raw mut PyMethod_Type,
        };
        if !ptr::eq(callable.get_type_ptr(), class) {
            return None;
        }
        // SAFETY: the object is alive and of one of the two classes, whose objects keep what they call and their owner for
        // as long as they are. A builtin refers to a definition.
        unsafe {
            let fields: *const Callable = callable.as_ptr().cast();
            let called = (*fields).called;
            let (code, flags) = match is_builtin {
                true => {
                    let definition = called.cast::<ffi::PyMethodDef>();
                    let code = (*definition).ml_meth.as_ptr().addr();
                    (code, (*definition).ml_flags)
                }
                false => (called.addr(), 0),
            };
            Some(Called {
                code,
                flags,
                owner: Borrowed::from_ptr_or_opt(callable.py(), (*fields).owner),
            })
        }
    }
}

/// The C function of a method that is not written in Python, and the object that it is bound to.
#[inline(always)]
pub fn bound_function<'a, 'py>(
    callable: &'a Bound<'py, PyAny>,
) -> Option<(usize, Borrowed<'a, 'py, PyAny>)> {
    let called = Called::by(callable, true)?;
    Some((called.code, called.owner?))
}

/// The address of the function of a method in Python, and the object that it is bound to.
#[inline(always)]
pub fn bound_method<'a, 'py>(
    callable: &'a Bound<'py, PyAny>,
) -> Option<(usize, Borrowed<'a, 'py, PyAny>)> {
    let called = Called::by(callable, false)?;
    Some((called.code, called.owner?))
}

/// Where the code of a builtin function without arguments is. Nothing is called there: it is only compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BuiltinCode(usize);

impl BuiltinCode {
    /// That of a function, if it is such a one.
    #[inline]
    pub fn of(function: &Bound<'_, PyAny>) -> Option<Self> {
        let function = Called::by(function, true)?;
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
