//! Records of what has made Deferreds and delayed calls, as Python code gets at them.

use pyo3::{
    prelude::*,
    types::{PyList, PyTuple},
};

use crate::{
    defer::{Deferred, make_debug_info_by},
    interp::Record,
    reactor::DelayedCall,
};

/// Keep a record of each Deferred and delayed call that is made from now on, or no longer.
///
/// Args:
///     make_debug_info: what makes the DebugInfo of a Deferred that ends with a failure, and has a record:
///         it is called with what `record` returns. None keeps no records; those that are there stay.
///
/// Any thread may call it.
#[pyfunction]
#[pyo3(signature = (make_debug_info, /))]
pub fn keep_records(py: Python<'_>, make_debug_info: Option<Py<PyAny>>) {
    Record::keep(make_debug_info.is_some());
    make_debug_info_by(py, make_debug_info);
}

/// The record of a Deferred or a delayed call.
///
/// Returns:
///     a tuple, or None if there is no record: the time, in seconds by `time.monotonic()`; the code object
///     that has made it; the instruction, as an index of bytes of that; and what was called last, if that has
///     failed, or None: a code object, the name of a built-in function, or another callable's class.
///
/// Any thread may call it.
#[pyfunction]
#[pyo3(signature = (thing, /))]
pub fn record<'py>(thing: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let py = thing.py();
    let recorded = if let Ok(deferred) = thing.cast::<Deferred>() {
        deferred.get().record.read(py)
    } else if let Ok(call) = thing.cast::<DelayedCall>() {
        call.get().record.read(py)
    } else {
        None
    };
    recorded.map(|recorded| recorded.show(py)).transpose()
}

/// How many of the objects are Deferreds that have not fired.
///
/// Args:
///     objects: a list of any objects. None of their code is run.
///
/// Any thread may call it.
#[pyfunction]
#[pyo3(signature = (objects, /))]
pub fn count_unfired(objects: &Bound<'_, PyList>) -> usize {
    let unfired = objects.iter().filter(|object| {
        let deferred = object.cast::<Deferred>();
        deferred.is_ok_and(|deferred| !deferred.get().called.get(object.py()))
    });
    unfired.count()
}
