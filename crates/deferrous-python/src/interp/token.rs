//! Running code as PyO3 runs the functions that it calls.

use std::{marker::PhantomData, ptr};

use pyo3::{
    PyErr, Python, ffi,
    impl_::trampoline::{MethodDef, noargs},
};

/// Runs `body` as PyO3 runs the functions that it calls: it notes that the thread is attached, and so an error or a
/// `Py` that is dropped ends at once.
#[inline]
pub fn as_called_by_pyo3<R>(py: Python<'_>, body: impl FnOnce() -> R) -> R {
    match called_by_pyo3(py, body) {
        Some(result) => result,
        None => panic!("a panic below a call of Rust"),
    }
}

/// The same, for code that must not panic: it gives `None` then, and the interpreter has an exception.
#[inline(always)]
pub(super) fn called_by_pyo3<R>(_py: Python<'_>, body: impl FnOnce() -> R) -> Option<R> {
    let mut call = (Some(body), None);
    start(&mut call);
    call.1
}

/// A function, and the place for its result.
type Call<F, R> = (Option<F>, Option<R>);

#[inline(always)]
fn start<F: FnOnce() -> R, R>(call: &mut Call<F, R>) {
    struct Run<F, R>(PhantomData<(F, R)>);

    impl<F: FnOnce() -> R, R> MethodDef<noargs::Func> for Run<F, R> {
        const METH: noargs::Func = |_, call| {
            // SAFETY: it is what is passed below, and nothing else uses it meanwhile.
            let (body, result) = unsafe { &mut *call.cast::<Call<F, R>>() };
            *result = body.take().map(|body| body());
            Ok(ptr::null_mut())
        };
    }

    let call: *mut ffi::PyObject = ptr::from_mut(call).cast();
    // SAFETY: the caller has the token, so the thread is attached; `Run` knows what the pointer is.
    unsafe { noargs::<Run<F, R>>(call, ptr::null_mut()) };
}

/// Drops an error at once, also where PyO3 has not called this code.
#[cold]
pub fn forget(py: Python<'_>, error: PyErr) {
    as_called_by_pyo3(py, || drop(error));
}
