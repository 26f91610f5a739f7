//! From PyO3's types to [`Obj`] and back, while some modules still use the latter.

use std::{marker::PhantomData, ptr};

use pyo3::{
    Bound, Py, PyAny, PyErr, PyResult, Python, ffi,
    impl_::trampoline::{self, MethodDef},
};

use super::{Maybe, Obj, Raised, reraise};

impl Obj {
    /// A new reference to the object.
    #[inline]
    pub fn from_bound(object: &Bound<'_, PyAny>) -> Self {
        // SAFETY: a `Bound` refers to an object that is alive.
        unsafe { Self::borrowed(object.as_ptr()) }
    }

    /// The same reference, as PyO3 has it.
    #[inline]
    pub fn into_bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: `into_ptr` hands over a reference, which nobody else counts on.
        unsafe { Bound::from_owned_ptr(py, self.into_ptr()) }
    }

    /// The same object, as PyO3 has it.
    #[inline(always)]
    pub const fn bind<'py>(&self, _py: Python<'py>) -> &Bound<'py, PyAny> {
        // SAFETY: both are one pointer to an object in memory, and this thread has the interpreter.
        unsafe { &*ptr::from_ref(self).cast() }
    }

    /// An object that PyO3 has, seen as one of these.
    #[inline(always)]
    pub const fn view<T>(object: &Py<T>) -> &Self {
        // SAFETY: both are one pointer to an object in memory. Modules that have one run only in attached threads.
        unsafe { &*ptr::from_ref(object).cast() }
    }

    /// The same object, as PyO3 has it.
    #[inline]
    pub const fn as_py(&self) -> &Py<PyAny> {
        // SAFETY: both are one pointer to an object, and count one reference.
        unsafe { &*ptr::from_ref(self).cast() }
    }

    /// The interpreter.
    #[inline]
    pub fn py(&self) -> Python<'_> {
        // SAFETY: an `Obj` only exists while its thread is attached.
        unsafe { Python::assume_attached() }
    }
}

/// Runs `body` with the token of the interpreter, where PyO3 has not called this code. The thread is attached.
#[inline]
pub fn attached<R>(body: impl FnOnce(Python<'_>) -> R) -> R {
    let mut call = (Some(body), None);
    // SAFETY: the thread is attached, and `call` is of the type that `Call` expects.
    unsafe { start(&mut call) };
    match call.1 {
        Some(result) => result,
        // PyO3 has made an exception of it.
        None => panic!("a panic below a call of Rust"),
    }
}

/// # Safety
///
/// The thread is attached.
unsafe fn start<F: FnOnce(Python<'_>) -> R, R>(call: &mut (Option<F>, Option<R>)) {
    struct Call<F, R>(PhantomData<(F, R)>);

    impl<F: FnOnce(Python<'_>) -> R, R> MethodDef<trampoline::noargs::Func> for Call<F, R> {
        const METH: trampoline::noargs::Func = run::<F, R>;
    }

    /// # Safety
    ///
    /// `call` points to a function and a place for its result, which nothing else uses meanwhile.
    unsafe fn run<F: FnOnce(Python<'_>) -> R, R>(
        py: Python<'_>,
        call: *mut ffi::PyObject,
    ) -> PyResult<*mut ffi::PyObject> {
        // SAFETY: as the caller says: it is what is passed below.
        let (body, result) = unsafe { &mut *call.cast::<(Option<F>, Option<R>)>() };
        *result = body.take().map(|body| body(py));
        Ok(ptr::null_mut())
    }

    // SAFETY: the thread is attached.
    unsafe { trampoline::noargs::<Call<F, R>>(ptr::from_mut(call).cast(), ptr::null_mut()) };
}

/// The exception that was raised, as PyO3 has it.
#[inline]
pub fn to_result<T>(py: Python<'_>, result: Maybe<T>) -> PyResult<T> {
    result.map_err(|Raised| PyErr::fetch(py))
}

/// The exception that PyO3 has, raised in the interpreter.
#[inline]
pub fn from_result<T>(py: Python<'_>, result: PyResult<T>) -> Maybe<T> {
    result.map_err(|error| {
        // SAFETY: a `Bound` refers to an object that is alive.
        reraise(unsafe { Obj::borrowed(error.value(py).as_ptr()) })
    })
}
