//! Calls that PyO3 makes only with a new tuple, or not at all.

use std::ptr;

use pyo3::{
    exceptions::PyBaseException,
    ffi,
    prelude::*,
    types::{PyFunction, PyTuple, PyType},
};

use super::{
    Arguments, as_called_by_pyo3, classes::read_class_of, depth::nested_call, fallible, name,
    too_deep,
};

/// What a call comes to: an exception that is made a failure of at once need not be a `PyErr`, which costs more.
pub type Outcome<'py, T = Bound<'py, PyAny>> = Result<T, Bound<'py, PyBaseException>>;

/// The outcome of what has been returned or raised.
#[inline(always)]
pub fn outcome<T>(py: Python<'_>, result: PyResult<T>) -> Outcome<'_, T> {
    result.map_err(|error| as_called_by_pyo3(py, || error.into_value(py).into_bound(py)))
}

/// `callable(*arguments)`. The first place is for the callee, and no argument.
#[inline(always)]
pub fn call<'py, const N: usize>(
    callable: &Bound<'py, PyAny>,
    arguments: [Option<&Bound<'py, PyAny>>; N],
) -> Outcome<'py> {
    limited(callable, || vectorcall(callable, arguments))
}

/// Runs `call`, which calls `callable`.
///
/// # Errors
///
/// `RecursionError` if calls of objects that are no functions nest too deep. The interpreter limits how deep functions
/// call each other.
#[inline(always)]
pub fn limited<'py, T>(
    callable: &Bound<'py, PyAny>,
    call: impl FnOnce() -> Outcome<'py, T>,
) -> Outcome<'py, T> {
    if callable.is_exact_instance_of::<PyFunction>() {
        return call();
    }
    nested_call(call).unwrap_or_else(|| {
        let py = callable.py();
        outcome(py, Err(too_deep(py, "while calling a Python object")))
    })
}

#[inline(always)]
fn vectorcall<'py, const N: usize>(
    callable: &Bound<'py, PyAny>,
    arguments: [Option<&Bound<'py, PyAny>>; N],
) -> Outcome<'py> {
    let py = callable.py();
    let mut all = arguments.map(|argument| argument.map_or(ptr::null_mut(), Bound::as_ptr));
    // SAFETY: all are alive during the call, and there is a place before the arguments, as the flag says.
    unsafe {
        let count = (N - 1) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        let first = all.as_mut_ptr().add(1);
        let result = ffi::PyObject_Vectorcall(callable.as_ptr(), first, count, ptr::null_mut());
        match Bound::from_owned_ptr_or_opt(py, result) {
            Some(result) => Ok(result),
            None => Err(take_raised(py)),
        }
    }
}

/// The exception that has been raised, with its traceback.
#[cold]
#[inline(never)]
fn take_raised(py: Python<'_>) -> Bound<'_, PyBaseException> {
    #[cfg(Py_3_12)]
    {
        // SAFETY: the thread is attached; the interpreter hands out the exception, if one is set.
        let raised = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyErr_GetRaisedException()) };
        if let Some(Ok(exception)) = raised.map(Bound::cast_into) {
            return exception;
        }
    }
    as_called_by_pyo3(py, || fallible::raised(py).into_value(py).into_bound(py))
}

/// `callable(first, *rest)`.
pub fn call_with_tuple<'py>(
    callable: &Bound<'py, PyAny>,
    first: &Bound<'py, PyAny>,
    rest: &Bound<'py, PyTuple>,
) -> Outcome<'py> {
    match rest.as_slice() {
        [] => call(callable, [None, Some(first)]),
        [a] => call(callable, [None, Some(first), Some(a)]),
        [a, b] => call(callable, [None, Some(first), Some(a), Some(b)]),
        [a, b, c] => call(callable, [None, Some(first), Some(a), Some(b), Some(c)]),
        items => {
            let all = fallible::tuple_after(first, items);
            limited(callable, || {
                outcome(callable.py(), all.and_then(|all| callable.call1(all)))
            })
        }
    }
}

/// Calls a class as its metaclass does: by `__new__` and `__init__`.
#[cold]
pub fn call_metaclass<'py>(
    class: &Bound<'py, PyType>,
    arguments: Arguments<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let metaclass = class.get_type();
    let call = metaclass.getattr(name!(class.py(), "__call__")?)?;
    arguments.call_after(&call, class.as_any())
}

/// What a descriptor gives for an instance.
#[inline]
pub fn descriptor_get<'py>(
    descriptor: &Bound<'py, PyAny>,
    instance: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(get) = read_class_of(descriptor, |class| class.tp_descr_get) else {
        return Ok(descriptor.clone());
    };
    // SAFETY: all are alive during the call. The function is that of the class of the descriptor.
    unsafe {
        let class = instance.get_type_ptr().cast();
        let found = get(descriptor.as_ptr(), instance.as_ptr(), class);
        Bound::from_owned_ptr_or_err(descriptor.py(), found)
    }
}

/// The exception that `raise class(value)`, or `raise value`, raises here: what is being handled is its context.
pub fn raised<'py>(class: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyErr {
    // SAFETY: both are alive; the call sets an exception in any case.
    unsafe { ffi::PyErr_SetObject(class.as_ptr(), value.as_ptr()) };
    PyErr::fetch(class.py())
}
