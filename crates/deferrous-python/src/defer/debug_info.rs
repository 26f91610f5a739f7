//! `DebugInfo`: unhandled failures, and who made and fired a Deferred.

use pyo3::{prelude::*, types::PyList};

use super::{
    deferred::{Deferred, Object},
    parts::DeferredParts,
};
use crate::{
    failure::{Place, through},
    interp::{Life, Memory, has_own_finalizer, name, raised},
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

/// `DebugInfo`, made if there is none, with the failure that nobody has handled.
fn make<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyAny>> {
    let (py, parts) = (deferred.py(), deferred.get());
    if let Some(info) = parts.debug_info.clone_out(py) {
        return Ok(info);
    }
    let class = replaced::current(py, name!(py, "DebugInfo")?, &objects(py).debug_info)?;
    let info = class.call0()?;
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
pub fn unreported<'py>(py: Python<'py>, parts: &Deferred) -> Option<Bound<'py, PyAny>> {
    let failure = parts.unhandled.take(py);
    failure.filter(|_| !parts.debug_info.is_some(py))
}

/// Reports a failure that nobody handled, as the end of a `DebugInfo` does.
pub fn report(failure: &Bound<'_, PyAny>) {
    let py = failure.py();
    let pending = PyErr::take(py);
    let info = objects(py).debug_info.bind(py).call0();
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

static MEMORY: Memory = Memory::new();

impl Life for Deferred {
    type Last = Object;

    fn memory() -> &'static Memory {
        &MEMORY
    }

    fn finalize(this: &Bound<'_, Self>) {
        if let Some(failure) = unreported(this.py(), this.get()) {
            report(&failure);
        }
    }

    fn before_end<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        match self.had_failure.get(py) {
            true => unreported(py, self),
            false => None,
        }
    }

    fn after_end<'py>(_py: Python<'py>, failure: Bound<'py, PyAny>) {
        report(&failure);
    }
}
