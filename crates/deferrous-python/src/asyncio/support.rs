//! The parts of the standard library and of the package that loops use. Python hands them over before it makes a loop.

use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyString, PyType},
};

use super::{names::names, state::LoopCore};
use crate::interp::{class_attribute, fallible};

/// The objects of Python.
pub struct Support {
    /// `contextvars.Context`.
    pub context_class: Py<PyType>,
    /// Tells the loop's exception handler what a callback has raised.
    pub callback_failed: Py<PyAny>,
    /// Logs that a callback took long.
    pub was_slow: Py<PyAny>,
    /// The stack of whoever calls a method of the loop.
    pub source_traceback: Py<PyAny>,
    /// The descriptor of a file object.
    pub descriptor: Py<PyAny>,
    /// The standard library's methods, for what is unusual.
    pub call_later: Py<PyAny>,
    pub add_reader: Py<PyAny>,
    pub add_writer: Py<PyAny>,
    pub remove_reader: Py<PyAny>,
    pub remove_writer: Py<PyAny>,
    pub write_to_self: Py<PyAny>,
    /// The standard library's classes of handles, which ours pass for.
    pub handle: Py<PyAny>,
    pub timer_handle: Py<PyAny>,
    /// The methods that a turn calls, by their names, as they are unless a program replaces them.
    pub called: [(&'static Py<PyString>, Py<PyAny>); 6],
}

static SUPPORT: PyOnceLock<Support> = PyOnceLock::new();

/// Finds what is used.
pub fn load(functions: &Bound<'_, PyAny>, stock: &Bound<'_, PyType>) -> PyResult<()> {
    let py = stock.py();
    let function = |name| {
        functions
            .getattr(fallible::text(py, name)?)
            .map(Bound::unbind)
    };
    let method = |name| stock.getattr(fallible::text(py, name)?).map(Bound::unbind);
    let (own, names) = (py.get_type::<LoopCore>(), names(py));
    let called = |name: &'static Py<PyString>, class: &Bound<'_, PyType>| {
        let found = class_attribute(class, name.bind(py));
        let found = found.ok_or_else(|| missing(py))?;
        PyResult::Ok((name, found.unbind()))
    };
    let support = Support {
        context_class: fallible::import(py, "contextvars", "Context")?
            .cast_into()?
            .unbind(),
        callback_failed: function("callback_failed")?,
        was_slow: function("was_slow")?,
        source_traceback: function("source_traceback")?,
        descriptor: function("descriptor")?,
        call_later: method("call_later")?,
        add_reader: method("_add_reader")?,
        add_writer: method("_add_writer")?,
        remove_reader: method("_remove_reader")?,
        remove_writer: method("_remove_writer")?,
        write_to_self: method("_write_to_self")?,
        handle: fallible::import(py, "asyncio", "Handle")?.unbind(),
        timer_handle: fallible::import(py, "asyncio", "TimerHandle")?.unbind(),
        called: [
            called(&names.run_once, &own)?,
            called(&names.time, &own)?,
            called(&names.call_at, &own)?,
            called(&names.write_to_self, &own)?,
            called(&names.process_events, stock)?,
            called(&names.add_callback, stock)?,
        ],
    };
    let _ = SUPPORT.set(py, support);
    Ok(())
}

/// The objects of Python.
///
/// # Errors
///
/// A `RuntimeError` if nobody has handed them over.
#[inline(always)]
pub fn support(py: Python<'_>) -> PyResult<&'static Support> {
    SUPPORT.get(py).ok_or_else(|| missing(py))
}

#[cold]
fn missing(py: Python<'_>) -> PyErr {
    fallible::error::<PyRuntimeError>(py, "import deferrous.asyncio before a loop is made")
}
