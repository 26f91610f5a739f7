//! `DebugInfo`: unhandled failures, and who made and fired a Deferred.

use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyCFunction, PyFunction, PyList, PyTuple},
};

use super::{
    deferred::{Callback, Deferred, Object},
    parts::DeferredParts,
};
use crate::{
    failure::{Place, through},
    interp::{Field, Life, Memory, Record, fallible, forget, has_own_finalizer, name, raised},
    replaced,
    twisted::objects,
};

/// The chain has come to its end, with a failure or without; what Twisted does with `failResult`.
#[inline(always)]
pub fn note(deferred: &Bound<'_, Deferred>, failed: bool) {
    if failed || deferred.get().unhandled.is_some(deferred.py()) {
        note_change(deferred, failed);
    }
}

#[cold]
fn note_change(deferred: &Bound<'_, Deferred>, failed: bool) {
    let (py, parts) = (deferred.py(), deferred.get());
    let failure = match failed {
        true => deferred.result(),
        false => None,
    };
    let info = match parts.debug_info.clone_out(py) {
        // A class that a program has put in the place of `DebugInfo` is to see the failure now, and a `__del__` of
        // a program hides the finalizer that would report it.
        None if failed && (replaced::any(py) || !has_own_finalizer(deferred)) => {
            make(deferred).map(Some)
        }
        info => Ok(info),
    };
    parts.had_failure.set(py, true);
    let done = match info {
        Ok(None) => return parts.unhandled.set(py, failure),
        Ok(Some(info)) => set_fail_result(&info, failure),
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        error.write_unraisable(py, Some(deferred));
    }
}

/// Puts another `DebugInfo`, or none, in place. The one that was there reports at its end what
/// nobody has handled.
pub fn replace<'py>(
    deferred: &Bound<'py, Deferred>,
    info: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let (py, parts) = (deferred.py(), deferred.get());
    let before = match parts.had_failure.get(py) {
        true => Some(make(deferred)?),
        false => parts.debug_info.clone_out(py),
    };
    parts.had_failure.set(py, false);
    put(deferred, info);
    drop(before);
    Ok(())
}

/// Puts a `DebugInfo` in place, which has the failure from now on. Python's `None` says so.
fn put<'py>(deferred: &Bound<'py, Deferred>, info: Option<Bound<'py, PyAny>>) {
    let (py, parts) = (deferred.py(), deferred.get());
    let none = info.as_ref().map(|_| py.None().into_bound(py));
    parts.unhandled.set(py, none);
    parts.debug_info.set(py, info);
}

/// What makes the `DebugInfo` of a Deferred that has a record, as Python code has it.
static MAKE: Field<Option<Py<PyAny>>> = Field::new(None);

/// Has the `DebugInfo` of Deferreds that have a record made by `make`, or as that of others.
pub fn make_by(py: Python<'_>, make: Option<Py<PyAny>>) {
    MAKE.set(py, make);
}

/// A `DebugInfo` of a Deferred that has a record.
#[cold]
fn with_record<'py>(record: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let py = record.py();
    match MAKE.clone_out(py) {
        Some(make) => make.bind(py).call1(record),
        None => objects(py).debug_info.bind(py).call0(),
    }
}

/// Adds the callback to the record, if there is one: it was called last, and has failed. `failed` is whether it was called
/// with a failure.
#[inline(always)]
pub fn note_failed<'py>(deferred: &Bound<'py, Deferred>, callback: &Callback<'py>, failed: bool) {
    if Record::are_kept()
        && let Err(error) = add_to_record(deferred, callback, failed)
    {
        // The record is without it then.
        forget(deferred.py(), error);
    }
}

#[cold]
#[inline(never)]
fn add_to_record<'py>(
    deferred: &Bound<'py, Deferred>,
    callback: &Callback<'py>,
    failed: bool,
) -> PyResult<()> {
    static METHOD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = deferred.py();
    let method = METHOD.get_or_try_init(py, || {
        fallible::import(py, "types", "MethodType").map(Bound::unbind)
    })?;
    let mut callable = callback.callable(py, failed)?;
    if callable.get_type().is(method) {
        callable = callable.getattr(name!(py, "__func__")?)?;
    }
    let shown = if callable.is_exact_instance_of::<PyFunction>() {
        callable.getattr(name!(py, "__code__")?)?
    } else if callable.is_exact_instance_of::<PyCFunction>() {
        callable.getattr(name!(py, "__qualname__")?)?
    } else {
        callable.get_type().into_any()
    };
    deferred.get().record.add(py, shown)
}

/// `DebugInfo`, made if there is none, with the failure that nobody has handled.
fn make<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyAny>> {
    let (py, parts) = (deferred.py(), deferred.get());
    if let Some(info) = parts.debug_info.clone_out(py) {
        return Ok(info);
    }
    let class = replaced::current(py, name!(py, "DebugInfo")?, &objects(py).debug_info)?;
    let info = match parts.record.read(py) {
        Some(record) if class.is(&objects(py).debug_info) => with_record(&record.show(py)?)?,
        _ => class.call0()?,
    };
    if parts.had_failure.get(py) {
        set_fail_result(&info, parts.unhandled.clone_out(py))?;
    }
    put(deferred, Some(info.clone()));
    Ok(info)
}

/// `deferred._debugInfo`: made when somebody looks, if Twisted's would be there.
pub fn show<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let (py, parts) = (deferred.py(), deferred.get());
    match parts.debug_info.is_some(py) || parts.had_failure.get(py) {
        true => make(deferred).map(Some),
        false => Ok(None),
    }
}

/// `info.failResult = failure`, where nothing is `None`.
fn set_fail_result<'py>(
    info: &Bound<'py, PyAny>,
    failure: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    info.setattr(name!(info.py(), "failResult")?, failure)
}

/// The failure to report at the Deferred's end, if a `DebugInfo` does not do that.
fn unreported<'py>(py: Python<'py>, parts: &Deferred) -> Option<Bound<'py, PyAny>> {
    let failure = parts.unhandled.take(py);
    failure.filter(|_| !parts.debug_info.is_some(py))
}

/// Reports a failure that nobody handled, as the end of a `DebugInfo` does. `record` is that of the Deferred.
fn report(failure: &Bound<'_, PyAny>, record: Option<PyResult<Bound<'_, PyTuple>>>) {
    let py = failure.py();
    let pending = PyErr::take(py);
    let info = match record {
        Some(record) => record.and_then(|record| with_record(&record)),
        None => objects(py).debug_info.bind(py).call0(),
    };
    let reported = info.and_then(|info| set_fail_result(&info, Some(failure.clone())));
    if let Err(error) = reported {
        error.write_unraisable(py, Some(failure));
    }
    if let Some(pending) = pending {
        pending.restore(py);
    }
}

/// Notes where the Deferred was made.
#[cold]
pub fn note_creator(deferred: &Bound<'_, Deferred>) -> PyResult<()> {
    let py = deferred.py();
    let info = objects(py).debug_info.bind(py).call0()?;
    info.setattr(name!(py, "creator")?, format_stack(py)?)?;
    replace(deferred, Some(info))
}

/// Notes where the Deferred was fired.
///
/// As many `frames` at the end of the stack are left out.
#[cold]
pub fn note_invoker(deferred: &Bound<'_, Deferred>, frames: usize) -> PyResult<()> {
    let py = deferred.py();
    let stack = format_stack(py)?.cast_into::<PyList>()?;
    let length = stack.len().saturating_sub(frames);
    let stack = stack.as_sequence().get_slice(0, length)?;
    make(deferred)?.setattr(name!(py, "invoker")?, stack)
}

fn format_stack(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let traceback = objects(py).traceback.bind(py);
    traceback.call_method0(name!(py, "format_stack")?)
}

/// That the Deferred was fired before; in debug mode with where that was.
#[cold]
pub fn already_called(deferred: &Bound<'_, Deferred>) -> PyErr {
    let py = deferred.py();
    let class = objects(py).already_called_error.bind(py);
    let message = match deferred.debug() {
        false => Ok(py.None().into_bound(py)),
        true => make(deferred)
            .and_then(|info| info.call_method0(name!(py, "_getDebugTracebacks")?))
            .and_then(|text| name!(py, "\n")?.add(text)),
    };
    match message {
        Ok(message) => through(py, raised(class, &message), Place::StartRunCallbacks),
        Err(error) => error,
    }
}

/// The failure, or a pair of that and the record, if there is one.
fn with_its_record<'py>(parts: &Deferred, failure: Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let py = failure.py();
    let Some(record) = parts.record.read(py) else {
        return failure;
    };
    let pair = record
        .show(py)
        .and_then(|record| fallible::tuple(py, [failure.clone(), record.into_any()]));
    match pair {
        Ok(pair) => pair.into_any(),
        Err(error) => {
            forget(py, error);
            failure
        }
    }
}

static MEMORY: Memory = Memory::new();

impl Life for Deferred {
    /// The failure, or a pair of that and the record.
    type Last = Object;

    fn memory() -> &'static Memory {
        &MEMORY
    }

    fn finalize(this: &Bound<'_, Self>) {
        let (py, parts) = (this.py(), this.get());
        if let Some(failure) = unreported(py, parts) {
            report(
                &failure,
                parts.record.read(py).map(|record| record.show(py)),
            );
        }
    }

    fn before_end<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        match self.had_failure.get(py) {
            true => unreported(py, self).map(|failure| with_its_record(self, failure)),
            false => None,
        }
    }

    fn after_end<'py>(_py: Python<'py>, last: Bound<'py, PyAny>) {
        let pair = last.cast_exact::<PyTuple>().ok().and_then(|pair| {
            let record = pair.get_item(1).ok()?.cast_into().ok()?;
            Some((pair.get_item(0).ok()?, record))
        });
        match pair {
            Some((failure, record)) => report(&failure, Some(Ok(record))),
            None => report(&last, None),
        }
    }
}
