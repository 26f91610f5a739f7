//! The code of functions of the interpreter.

use std::{ffi::c_void, mem::MaybeUninit};

use pyo3::{ffi, prelude::*};

/// Where the code of a builtin function without arguments is. Nothing is called there: it is only compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BuiltinCode(usize);

impl BuiltinCode {
    /// That of a function, if it is such a one.
    #[inline]
    pub fn of(function: &Bound<'_, PyAny>) -> Option<Self> {
        // SAFETY: the object is alive, and is a builtin function when its definition is read, which lives as long.
        unsafe {
            let raw = function.as_ptr();
            if ffi::PyCFunction_CheckExact(raw) == 0 {
                return None;
            }
            let definition = (*raw.cast::<ffi::PyCFunctionObject>()).m_ml;
            ((*definition).ml_flags == ffi::METH_NOARGS)
                .then(|| BuiltinCode((*definition).ml_meth.PyCFunction as usize))
        }
    }

    /// Whether it is in the same file as the interpreter's.
    pub fn is_of_interpreter(self) -> bool {
        // SAFETY: the class is alive for ever.
        let own = unsafe { ffi::PyFloat_Type.tp_repr };
        own.is_some_and(|own| {
            let file = file_of(own as usize);
            file.is_some() && file == file_of(self.0)
        })
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
