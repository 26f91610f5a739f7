//! A stall as Python sees it.

use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyList},
};

use super::{calls::take_called, observed::Stall};
use crate::interp::fallible;

/// The nanoseconds of a second.
const SECOND: f64 = 1e9;

/// A dict with what is known of a stall, in seconds. If it is over, the names of what was called are taken out of where they
/// are kept.
pub fn shown<'py>(py: Python<'py>, stall: &Stall, over: bool) -> PyResult<Bound<'py, PyDict>> {
    let found = fallible::dict(py)?;
    let set = |name, value: Bound<'py, PyAny>| found.set_item(fallible::text(py, name)?, value);
    let or_none = |time: Option<u64>| match time {
        Some(time) => seconds(py, time),
        None => Ok(py.None().into_bound(py)),
    };
    set("number", count(py, stall.number)?)?;
    set("began", seconds(py, stall.began)?)?;
    set("took", seconds(py, stall.took)?)?;
    set("measured", seconds(py, stall.measured)?)?;
    set("processor", or_none(stall.processor)?)?;
    set("starved", or_none(stall.starved)?)?;
    set("interpreter", seconds(py, stall.interpreter)?)?;
    set("collector", seconds(py, stall.collector)?)?;
    set("collections", count(py, stall.collections)?)?;
    set("disk", PyBool::new(py, stall.disk).to_owned().into_any())?;
    set("kind", count(py, stall.kind.into())?)?;
    set("asleep", asleep(py, stall)?.into_any())?;
    set("others", others(py, stall)?.into_any())?;
    if over {
        let (called, calls) = take_called(py, stall.number)?;
        set("called", called.into_any())?;
        set("calls", count(py, calls)?)?;
    }
    Ok(found)
}

/// Pairs: the number of a system call, or None; and how long the thread slept in it.
fn asleep<'py>(py: Python<'py>, stall: &Stall) -> PyResult<Bound<'py, PyList>> {
    let all = fallible::list(py)?;
    for &(call, time) in &stall.asleep {
        let call = match call {
            Some(call) => count(py, call)?,
            None => py.None().into_bound(py),
        };
        all.append(fallible::tuple(py, [call, seconds(py, time)?])?)?;
    }
    Ok(all)
}

/// Pairs: the number of a thread, and how long it had a processor.
fn others<'py>(py: Python<'py>, stall: &Stall) -> PyResult<Bound<'py, PyList>> {
    let all = fallible::list(py)?;
    for &(tid, time) in &stall.others {
        all.append(fallible::tuple(
            py,
            [count(py, tid.into())?, seconds(py, time)?],
        )?)?;
    }
    Ok(all)
}

/// An `int`.
pub fn count(py: Python<'_>, value: u64) -> PyResult<Bound<'_, PyAny>> {
    fallible::int(py, isize::try_from(value).unwrap_or(isize::MAX))
}

/// A `float`, of nanoseconds.
pub fn seconds(py: Python<'_>, nanos: u64) -> PyResult<Bound<'_, PyAny>> {
    fallible::float(py, nanos as f64 / SECOND)
}
