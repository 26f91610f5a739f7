//! What `deferrous.inspect` sees of Deferreds that Python code cannot read without changing them.

use pyo3::{
    prelude::*,
    types::{PyBool, PyTuple},
};

use crate::{
    defer::{Canceller, Deferred, entries},
    interp::fallible,
};

/// The parts of a Deferred, as they are now. Nothing is changed, and no code of the program runs.
///
/// Reading `_callbacks` would put the callbacks into a list for good.
///
/// Args:
///     deferred: the Deferred.
///
/// Returns:
///     a tuple: whether it was fired; how often it is paused; whether it runs a callback; the callbacks
///     that wait, as a tuple of ((callback, args, kwargs), (errback, args, kwargs)); the Deferred that it
///     waits for, or None; its canceller, or None; in a tuple, the result as it stands, if there is one; and
///     its record, as `record` returns it.
///
/// Any thread may call it.
#[pyfunction]
#[pyo3(signature = (deferred, /))]
pub fn look_at<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyTuple>> {
    let (py, parts) = (deferred.py(), deferred.get());
    let flag = |on| PyBool::new(py, on).to_owned().into_any();
    let or_none =
        |found: Option<Bound<'py, PyAny>>| found.unwrap_or_else(|| py.None().into_bound(py));
    let chained_to = parts.chained_to.clone_out(py).map(Bound::into_any);
    let canceller = parts.canceller.clone_out(py).map(Canceller::show);
    let result = match parts.result.clone_out(py) {
        Some(result) => fallible::tuple(py, [result])?,
        None => PyTuple::empty(py),
    };
    let record = parts.record.read(py).map(|record| record.show(py));
    fallible::tuple(
        py,
        [
            flag(parts.called.get(py)),
            fallible::int(py, parts.paused.get(py) as isize)?,
            flag(parts.running_callbacks.get(py)),
            entries(deferred)?.into_any(),
            or_none(chained_to),
            or_none(canceller.transpose()?),
            result.into_any(),
            or_none(record.transpose()?.map(Bound::into_any)),
        ],
    )
}
