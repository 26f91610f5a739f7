//! Whether a clock is that of the system, which can be read without a call of Python.

use pyo3::prelude::*;

use crate::interp::BuiltinCode;

/// `time.time`, if it is the interpreter's own.
///
/// Libraries for tests replace what the function does, and not the function: time-machine exchanges the pointer
/// to its code, for as long as a test travels or for ever. So the pointer is compared each time. It only counts
/// as the interpreter's if it points into the interpreter: if a test travels while the reactor is made, or has
/// travelled before, it points into the library's module, and the function is then always called.
pub struct SystemClock {
    /// Absent if it is not known to be the interpreter's.
    code: Option<BuiltinCode>,
    function: Py<PyAny>,
}

impl SystemClock {
    /// What is known of a function that tells the time.
    pub fn of(function: &Bound<'_, PyAny>) -> Self {
        SystemClock {
            code: BuiltinCode::of(function).filter(|code| code.is_of_interpreter()),
            function: function.clone().unbind(),
        }
    }

    /// Whether a function is this one, and nobody has replaced what it does.
    #[inline]
    pub fn is(&self, function: &Bound<'_, PyAny>) -> bool {
        self.function.is(function) && self.code.is_some() && self.code == BuiltinCode::of(function)
    }
}
