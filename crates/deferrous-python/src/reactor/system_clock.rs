//! Whether a clock is that of the system, which can be read without a call of Python.

use std::{ffi::c_void, mem::MaybeUninit, ptr};

use pyo3::ffi;

use crate::interp::Obj;

/// `time.time`, if it is the interpreter's own.
///
/// Libraries for tests replace what the function does, and not the function: time-machine exchanges the pointer
/// to its code, for as long as a test travels or for ever. So the pointer is compared each time. It only counts
/// as the interpreter's if it points into the interpreter: if a test travels while the reactor is made, or has
/// travelled before, it points into the library's module, and the function is then always called.
pub struct SystemClock {
    /// Null if it is not known to be the interpreter's.
    code: *const c_void,
    function: Obj,
}

impl SystemClock {
    /// What is known of a function that tells the time.
    pub fn of(function: &Obj) -> Self {
        let code = code(function).filter(|&code| is_of_interpreter(code));
        SystemClock {
            code: code.unwrap_or(ptr::null()),
            function: function.clone(),
        }
    }

    /// Whether a function is this one, and nobody has replaced what it does.
    #[inline]
    pub fn is(&self, function: &Obj) -> bool {
        // SAFETY: it is the function that is kept here, and one whose code is known is a builtin without arguments.
        self.function.is(function.as_ptr())
            && !self.code.is_null()
            && ptr::eq(unsafe { code_of_builtin(function) }, self.code)
    }
}

/// The code of a builtin function without arguments.
fn code(function: &Obj) -> Option<*const c_void> {
    // SAFETY: the object is alive, and is a builtin function when its definition is read.
    unsafe {
        if ffi::PyCFunction_CheckExact(function.as_ptr()) == 0
            || ffi::PyCFunction_GetFlags(function.as_ptr()) != ffi::METH_NOARGS
        {
            return None;
        }
        Some(code_of_builtin(function))
    }
}

/// # Safety
///
/// `function` is a builtin function without arguments.
#[inline]
unsafe fn code_of_builtin(function: &Obj) -> *const c_void {
    // SAFETY: as the caller says. Its definition lives as long as the function.
    unsafe {
        let function = function.as_ptr().cast::<ffi::PyCFunctionObject>();
        (*(*function).m_ml).ml_meth.PyCFunction as *const c_void
    }
}

/// Whether code is in the same file as the interpreter's.
fn is_of_interpreter(code: *const c_void) -> bool {
    // SAFETY: the class is alive for ever.
    let own = unsafe { ffi::PyFloat_Type.tp_repr };
    own.is_some_and(|own| {
        let file = file_of(own as *const c_void);
        file.is_some() && file == file_of(code)
    })
}

/// Where the file is in memory that some code was loaded from.
fn file_of(code: *const c_void) -> Option<*mut c_void> {
    let mut found = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address may be asked for, and what is written is read only if there was an answer.
    unsafe {
        if libc::dladdr(code, found.as_mut_ptr()) == 0 {
            return None;
        }
        Some(found.assume_init().dli_fbase)
    }
}
