//! `returnValue`, which ends a generator by an exception, and the warning where it ends another
//! generator than the one that called it.

use pyo3::{
    exceptions::{PyAssertionError, PyDeprecationWarning},
    prelude::*,
    types::PyString,
};

use crate::interp::{fallible, name};

/// The value that the exception carries.
///
/// The traceback starts in the generator, and `returnValue` and the wrapper that marks it as
/// deprecated are two more frames. If there are still more, somebody else called it.
pub fn value_of<'py>(exception: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = exception.py();
    let generator = exception.getattr(name!(py, "__traceback__")?)?;
    let mut entries = Vec::new();
    let mut entry = generator.clone();
    while !entry.is_none() {
        let next = entry.getattr(name!(py, "tb_next")?)?;
        entries.push(entry);
        entry = next;
    }
    match entries.len() {
        // It was not raised by `returnValue`.
        ..3 => return Err(assertion_failed(exception)),
        3 => {}
        count => warn(&entries[count - 3], &generator)?,
    }
    exception.getattr(name!(py, "value")?)
}

/// What Twisted's assertions raise, while the exception is being handled.
#[cold]
fn assertion_failed(exception: &Bound<'_, PyAny>) -> PyErr {
    let py = exception.py();
    let error = PyErr::from_type(py.get_type::<PyAssertionError>(), ());
    error.set_context(py, Some(PyErr::from_value(exception.clone())));
    error
}

/// The code of an entry of a traceback.
fn code<'py>(entry: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = entry.py();
    let frame = entry.getattr(name!(py, "tb_frame")?)?;
    frame.getattr(name!(py, "f_code")?)
}

/// The name of that code, as Python shows it.
fn name<'py>(entry: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    code(entry)?.getattr(name!(entry.py(), "co_name")?)?.repr()
}

fn warn(caller: &Bound<'_, PyAny>, generator: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = caller.py();
    let text = format!(
        "returnValue() in {} causing {} to exit: returnValue should only be invoked by functions \
         decorated with inlineCallbacks",
        name(caller)?.to_str()?,
        name(generator)?.to_str()?,
    );
    py.import(name!(py, "warnings")?)?.call_method1(
        name!(py, "warn_explicit")?,
        (
            fallible::text(py, &text)?,
            py.get_type::<PyDeprecationWarning>(),
            code(caller)?.getattr(name!(py, "co_filename")?)?,
            caller.getattr(name!(py, "tb_lineno")?)?,
        ),
    )?;
    Ok(())
}
