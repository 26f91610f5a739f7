//! `Failure.check` and `Failure.trap`, which errbacks start with.
//!
//! Twisted compares the names of classes, so that failures from other processes can be matched. A
//! class that is a base of the failure's has its name among those: only where none is are the names
//! compared, by Twisted's own methods.

use std::ffi::CStr;

use pyo3::{
    exceptions::{PyException, PyRuntimeError},
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyType},
};

use super::has_own;
use crate::{
    interp::{Arguments, FastMethod, attributes, fallible, is_subtype, method_descriptor, name},
    replaced,
    twisted::objects,
};

/// Twisted's own methods.
struct Original {
    check: Py<PyAny>,
    trap: Py<PyAny>,
}

static ORIGINAL: PyOnceLock<Original> = PyOnceLock::new();

fn original(py: Python<'_>) -> PyResult<&Original> {
    ORIGINAL
        .get(py)
        .ok_or_else(|| fallible::error::<PyRuntimeError>(py, "the extension was not loaded"))
}

/// The methods, for Twisted's class.
pub fn methods(py: Python<'_>) -> PyResult<[(&'static str, Bound<'_, PyAny>); 2]> {
    let class = objects(py).failure.bind(py);
    let original = Original {
        check: class.getattr(name!(py, "check")?)?.unbind(),
        trap: class.getattr(name!(py, "trap")?)?.unbind(),
    };
    let _ = ORIGINAL.set(py, original);
    Ok([
        ("check", method_descriptor::<Check>(class)?),
        ("trap", method_descriptor::<Trap>(class)?),
    ])
}

/// The first class that the exception is an instance of, if those before it cannot fit either.
fn first_base<'py>(
    attributes: &Bound<'py, PyDict>,
    arguments: Arguments<'_, 'py>,
) -> Option<Bound<'py, PyAny>> {
    let py = attributes.py();
    let first = arguments.positional().first()?;
    // Names that somebody has set count instead of the classes.
    if arguments.has_keywords() || has_own(attributes, name!(py, "_parents").ok()?) {
        return None;
    }
    let class = attributes.get_item(name!(py, "type").ok()?).ok()??;
    let (class, base) = (class.cast::<PyType>().ok()?, first.cast::<PyType>().ok()?);
    let fits = is_subtype(class, base) && is_subtype(base, &py.get_type::<PyException>());
    fits.then(|| first.clone())
}

struct Check;

impl FastMethod for Check {
    type Class = PyAny;
    const NAME: &'static CStr = c"check";
    const DOC: &'static CStr = c"check($self, /, *errorTypes)\n--\n\nThe first of the classes, or names of classes, that fits the exception, or None.";

    fn call<'py>(
        failure: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match first_base(&attributes(failure)?, arguments) {
            Some(found) if !replaced::any(failure.py()) => Ok(found),
            _ => arguments.call_after(original(failure.py())?.check.bind(failure.py()), failure),
        }
    }
}

struct Trap;

impl FastMethod for Trap {
    type Class = PyAny;
    const NAME: &'static CStr = c"trap";
    const DOC: &'static CStr =
        c"trap($self, /, *errorTypes)\n--\n\nThe same, but raise the exception if none fits.";

    fn call<'py>(
        failure: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = failure.py();
        let attributes = attributes(failure)?;
        // A subclass or the object may have a `check` of its own, which Twisted's method calls.
        let is_plain = failure.get_type().is(&objects(py).failure)
            && !replaced::any(py)
            && !has_own(&attributes, name!(py, "check")?);
        match first_base(&attributes, arguments) {
            Some(found) if is_plain => Ok(found),
            _ => arguments.call_after(original(py)?.trap.bind(py), failure),
        }
    }
}
