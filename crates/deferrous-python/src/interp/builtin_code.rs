//! The code of functions of the interpreter.

use std::{ffi::c_void, mem::MaybeUninit, ptr};

use pyo3::{ffi, prelude::*};

/// Where the code of a builtin function without arguments is. Nothing is called there: it is only compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BuiltinCode(usize);

impl BuiltinCode {
    /// That of a function, if it is such a one.
    #[inline]
    pub fn of(function: &Bound<'_, PyAny>) -> Option<Self> {
        if !ptr::eq(function.get_type_ptr(), &raw mut ffi::PyCFunction_Type) {
            return None;
        }
        // SAFETY: it is a builtin function, which keeps its definition alive; the flag says that its code takes no
        // arguments, and so which pointer is there.
        unsafe {
            let function = function.as_ptr().cast::<ffi::PyCFunctionObject>();
            let definition = &*(*function).m_ml;
            (definition.ml_flags == ffi::METH_NOARGS)
                .then_some(BuiltinCode(definition.ml_meth.PyCFunction as usize))
        }
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
