//! Context variables.

use pyo3::ffi;

use super::{Counted, Maybe, Obj, Raised, Traverse, Visitor};

/// A `contextvars.Context`.
#[derive(Clone)]
pub struct Context(Obj);

impl Counted for Context {}

impl Traverse for Context {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.see(&self.0);
    }
}

impl Context {
    /// A copy of the current one.
    pub fn copy_current() -> Maybe<Self> {
        // SAFETY: the thread is attached.
        unsafe { Obj::owned(ffi::PyContext_CopyCurrent()).map(Context) }
    }

    /// The object.
    pub const fn object(&self) -> &Obj {
        &self.0
    }

    /// Runs `body` in this context, as `Context.run` does.
    #[inline]
    pub fn run<T>(&self, body: impl FnOnce() -> Maybe<T>) -> Maybe<T> {
        // SAFETY: the context is alive; what was entered is left again below.
        if unsafe { ffi::PyContext_Enter(self.0.as_ptr()) } < 0 {
            return Err(Raised);
        }
        let result = body();
        // SAFETY: the context is alive and the current one, unless `body` left it.
        if unsafe { ffi::PyContext_Exit(self.0.as_ptr()) } < 0 {
            return Err(Raised);
        }
        result
    }
}
