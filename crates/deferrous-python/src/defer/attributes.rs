//! What a Deferred shows of itself: as text, and as the dict that Twisted's has.

use pyo3::{exceptions::PyAttributeError, intern, prelude::*, types::PyDict};

use super::{
    deferred::Deferred,
    parts::{DeferredParts, no_attribute},
};
use crate::interp::{fallible, own_attributes};

/// That there is no such attribute to be deleted, in the words of this Python.
#[cold]
pub fn nothing_to_delete(deferred: &Bound<'_, Deferred>, name: &'static str) -> PyErr {
    match cfg!(Py_3_11) {
        true => no_attribute(deferred, name),
        false => PyAttributeError::new_err(name),
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
    let class = deferred.get_type();
    let is_same = class
        .getattr("callbacks")?
        .is(&class.getattr("_callbacks")?);
    Ok(if is_same { "callbacks" } else { "_callbacks" })
}

/// `str` and `repr`.
pub fn show<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyAny>> {
    let py = deferred.py();
    let class = deferred.getattr(intern!(py, "__class__"))?;
    let class: String = class.getattr(intern!(py, "__name__"))?.extract()?;
    let address = deferred.as_ptr().addr();
    let waits_for = deferred.get().chained_to.clone_out(py);
    if let Some(inner) = waits_for {
        let inner = inner.as_ptr().addr();
        let text = format!("<{class} at 0x{address:x} waiting on Deferred at 0x{inner:x}>");
        return Ok(fallible::text(py, &text)?.into_any());
    }
    let Some(result) = deferred.result() else {
        return Ok(fallible::text(py, &format!("<{class} at 0x{address:x}>"))?.into_any());
    };
    // The result's text may hold what UTF-8 cannot.
    let result = result.repr()?;
    let before = fallible::text(py, &format!("<{class} at 0x{address:x} current result: "))?;
    before.add(result)?.add(intern!(py, ">"))
}
