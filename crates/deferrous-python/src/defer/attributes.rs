//! What a Deferred shows of itself: as text, and as the dict that Twisted's has.

use pyo3::{
    exceptions::PyAttributeError,
    prelude::*,
    types::{PyDict, PyString},
};

use super::{
    deferred::Deferred,
    parts::{DeferredParts, no_attribute},
};
use crate::interp::{fallible, name, own_attributes};

/// That there is no such attribute to be deleted, in the words of this Python.
#[cold]
pub fn nothing_to_delete(deferred: &Bound<'_, Deferred>, name: &'static str) -> PyErr {
    match cfg!(Py_3_11) {
        true => no_attribute(deferred, name),
        false => fallible::error::<PyAttributeError>(deferred.py(), name),
    }
}

/// What an instance of Twisted's class has in its `__dict__`, for pickling and copying.
pub fn as_dict<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyDict>> {
    let py = deferred.py();
    let dict = fallible::dict(py)?;
    let names = [
        queue_name(deferred)?,
        "_canceller",
        "called",
        "paused",
        "_chainedTo",
        "_debugInfo",
        "_suppressAlreadyCalled",
        "result",
    ];
    for name in names {
        let name = fallible::text(py, name)?;
        if let Ok(value) = deferred.getattr(&name) {
            dict.set_item(name, value)?;
        }
    }
    if let Some(own) = own_attributes(deferred) {
        dict.update(own.as_mapping())?;
    }
    Ok(dict)
}

/// What the list of callbacks is called: before Twisted 25.5 its name had no underscore.
fn queue_name(deferred: &Bound<'_, Deferred>) -> PyResult<&'static str> {
    let (py, class) = (deferred.py(), deferred.get_type());
    let is_same = class
        .getattr(name!(py, "callbacks")?)?
        .is(&class.getattr(name!(py, "_callbacks")?)?);
    Ok(if is_same { "callbacks" } else { "_callbacks" })
}

/// `str` and `repr`. Where results contain each other, this nests to the interpreter's limit: the texts are made in
/// functions of their own, so that a level takes little of the stack.
pub fn show<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyAny>> {
    let heading = heading(deferred)?;
    let waits_for = deferred.get().chained_to.clone_out(deferred.py());
    if let Some(inner) = waits_for {
        return show_waiting(&heading, &inner);
    }
    match deferred.result() {
        Some(result) => show_result(&heading, &result.repr()?),
        None => show_unfired(deferred.py(), &heading),
    }
}

/// What each text begins with: the class and the address.
#[inline(never)]
fn heading(deferred: &Bound<'_, Deferred>) -> PyResult<String> {
    let py = deferred.py();
    let class = deferred.getattr(name!(py, "__class__")?)?;
    let class: String = class.getattr(name!(py, "__name__")?)?.extract()?;
    Ok(format!("<{class} at 0x{:x}", deferred.as_ptr().addr()))
}

#[inline(never)]
fn show_waiting<'py>(heading: &str, inner: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyAny>> {
    let address = inner.as_ptr().addr();
    let text = format!("{heading} waiting on Deferred at 0x{address:x}>");
    Ok(fallible::text(inner.py(), &text)?.into_any())
}

#[inline(never)]
fn show_unfired<'py>(py: Python<'py>, heading: &str) -> PyResult<Bound<'py, PyAny>> {
    Ok(fallible::text(py, &format!("{heading}>"))?.into_any())
}

/// The result's text may hold what UTF-8 cannot.
#[inline(never)]
fn show_result<'py>(heading: &str, result: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    fallible::text_around(&format!("{heading} current result: "), result, ">")
}
