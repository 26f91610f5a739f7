//! Making Twisted's `Failure` objects: the same class, with the state that its `__init__` leaves.
//!
//! `__init__` in Python is most of what a failing callback costs. What is made here differs in no
//! attribute; where somebody has replaced `__init__`, it is called.

mod check;
mod frames;

use pyo3::{
    exceptions::{PyBaseException, PyKeyError},
    prelude::*,
    types::{PyBool, PyDict, PyString, PyTuple},
};

use crate::{
    interp::{
        as_called_by_pyo3, attributes, fallible, is_subtype, item, name, new_object, set_traceback,
        traceback,
    },
    replaced,
    twisted::objects,
};

pub use crate::interp::handling as while_handling;
pub use check::methods;
pub use frames::{Place, Trail, add_frames, execute_of_run, load};

/// The failure of an exception that a function of Twisted handles; `Failure(captureVars=...)` there. `place` is that
/// function.
///
/// In debug mode, the variables of frames are captured; `owner` is what that function has as `self`.
pub fn caught<'py>(
    exception: &Bound<'py, PyBaseException>,
    owner: Option<&Bound<'py, PyAny>>,
    place: Place,
) -> Bound<'py, PyAny> {
    match owner {
        Some(owner) => frames::add_frames_with(exception, place, owner),
        None => add_frames(exception, place),
    }
    made_of(exception, owner.is_some())
}

/// The exception that has been raised, with its traceback in place: before CPython 3.12, that is apart until then.
#[cold]
pub fn exception_of(py: Python<'_>, error: PyErr) -> Bound<'_, PyBaseException> {
    as_called_by_pyo3(py, || error.into_value(py).into_bound(py))
}

/// The error, with the frames of a function of Twisted that it has come through in its traceback.
#[cold]
pub fn through(py: Python<'_>, error: PyErr, place: Place) -> PyErr {
    let exception = exception_of(py, error);
    add_frames(&exception, place);
    PyErr::from_value(exception.into_any())
}

/// The same, of an exception that has been raised.
#[cold]
pub fn caught_error<'py>(
    py: Python<'py>,
    error: PyErr,
    owner: Option<&Bound<'py, PyAny>>,
    place: Place,
) -> Bound<'py, PyAny> {
    as_called_by_pyo3(py, || {
        caught(&error.into_value(py).into_bound(py), owner, place)
    })
}

/// As [`caught`], where no function of Twisted is added to the traceback.
pub fn caught_here<'py>(exception: &Bound<'py, PyBaseException>) -> Bound<'py, PyAny> {
    made_of(exception, false)
}

fn made_of<'py>(exception: &Bound<'py, PyBaseException>, capture: bool) -> Bound<'py, PyAny> {
    let py = exception.py();
    if !replaced::any(py)
        && !is_failure(exception)
        && let Ok(failure) = build(exception, &PyTuple::empty(py), capture)
    {
        return failure;
    }
    while_handling(exception, || current_failure(py, capture)).unwrap_or_else(|error| {
        error.write_unraisable(py, Some(exception));
        exception.clone().into_any()
    })
}

/// The failure of the exception that is being handled; Twisted's `Failure(captureVars=...)`.
///
/// # Errors
///
/// `NoCurrentExceptionError` if none is.
pub fn current_failure(py: Python<'_>, capture: bool) -> PyResult<Bound<'_, PyAny>> {
    let keywords = fallible::dict(py)?;
    keywords.set_item(name!(py, "captureVars")?, PyBool::new(py, capture))?;
    let class = replaced::current(py, name!(py, "Failure")?, &objects(py).failure)?;
    class.call((), Some(&keywords))
}

/// Twisted's `Failure(value)`.
pub fn failure_of<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if let Ok(exception) = value.cast::<PyBaseException>()
        && !replaced::any(py)
        && !is_failure(exception)
    {
        return build(exception, &fallible::tuple(py, [value.clone()])?, false);
    }
    replaced::current(py, name!(py, "Failure")?, &objects(py).failure)?.call1((value,))
}

fn is_failure(exception: &Bound<'_, PyAny>) -> bool {
    let class = objects(exception.py()).failure.bind(exception.py());
    is_subtype(&exception.get_type(), class)
}

/// Makes a failure with the attributes that `__init__` sets, in the same order. `arguments` are those of the class.
fn build<'py>(
    exception: &Bound<'py, PyBaseException>,
    arguments: &Bound<'py, PyTuple>,
    capture: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = exception.py();
    let failure = new_object(objects(py).failure.bind(py), arguments)?;
    let all = attributes(&failure)?;
    all.set_item(name!(py, "count")?, next_count(py)?)?;
    all.set_item(name!(py, "type")?, exception.get_type())?;
    all.set_item(name!(py, "value")?, exception)?;
    all.set_item(name!(py, "captureVars")?, PyBool::new(py, capture))?;
    all.set_item(name!(py, "tb")?, traceback(exception))?;
    Ok(failure)
}

/// Counts one more failure in Twisted's module.
fn next_count(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let (globals, name) = (objects(py).failure_globals.bind(py), name!(py, "count")?);
    let count = item(globals, name).ok_or_else(|| fallible::error::<PyKeyError>(py, "count"))?;
    let count = fallible::int(py, count.extract::<isize>()?.saturating_add(1))?;
    globals.set_item(name, &count)?;
    Ok(count)
}

/// How many attributes [`build`] sets.
const ATTRIBUTES: usize = 5;

/// Whether a program has set an attribute of this name on a failure, which has these.
#[inline]
fn has_own(attributes: &Bound<'_, PyDict>, name: &Bound<'_, PyString>) -> bool {
    // There are no more attributes in most failures, which is seen at once.
    attributes.len() > ATTRIBUTES && attributes.contains(name).unwrap_or(true)
}

/// The exception of a failure, with the failure's traceback in place, if it is a failure whose
/// class has not been tampered with; Twisted's `failure.value.with_traceback(failure.tb)`. `method` is the name of
/// the method that does this, which a program may have replaced.
#[inline]
pub fn exception_in<'py>(
    failure: &Bound<'py, PyAny>,
    method: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyBaseException>> {
    let py = failure.py();
    if !failure.is_exact_instance(objects(py).failure.bind(py)) || replaced::any(py) {
        return None;
    }
    let attributes = attributes(failure).ok()?;
    if has_own(&attributes, method) {
        return None;
    }
    let value = attributes.get_item(name!(py, "value").ok()?).ok()??;
    let value = value.cast_into::<PyBaseException>().ok()?;
    let tb = attributes.get_item(name!(py, "tb").ok()?).ok()??;
    set_traceback(&value, &tb).ok()?;
    Some(value)
}
