//! Adding callbacks, firing and pausing. The methods call each other as Twisted's do, so that
//! subclasses may override them.

use pyo3::prelude::*;

use super::{
    callback_queue, debug_info,
    deferred::{Callback, Deferred, Side},
    kinds::{Kind, Method, kind},
    making,
    parts::{DeferredParts, no_attribute},
    run_callbacks::{is_idle, run_added, run_callbacks},
};
use crate::{
    failure::{self, Place},
    interp::{fallible, name},
    replaced,
};

/// Adds a callback, and runs it if there is a result; what `addCallbacks` ends in.
#[inline(always)]
pub fn add<'py>(deferred: &Bound<'py, Deferred>, callback: Callback<'py>) -> PyResult<()> {
    let (py, parts) = (deferred.py(), deferred.get());
    if !parts.is_initialised.get(py) {
        return Err(no_attribute(deferred, "_callbacks"));
    }
    if !parts.called.get(py) {
        return callback_queue::push(deferred, callback);
    }
    let by_method = deferred.overrides(Method::RunCallbacks);
    if !by_method && is_idle(deferred) {
        return run_added(deferred, callback);
    }
    callback_queue::push(deferred, callback)?;
    run_by_name(deferred, by_method)
}

/// `self._runCallbacks()`, where the class may say what that is.
#[inline(always)]
fn run_by_name(deferred: &Bound<'_, Deferred>, by_method: bool) -> PyResult<()> {
    if by_method {
        deferred.call_method0(name!(deferred.py(), "_runCallbacks")?)?;
        return Ok(());
    }
    run_callbacks(deferred)
}

/// `callback(result)`, where the class may say what that is.
#[inline]
pub fn call_callback<'py>(
    deferred: &Bound<'py, Deferred>,
    result: Bound<'py, PyAny>,
) -> PyResult<()> {
    if deferred.overrides(Method::Callback) {
        deferred.call_method1(name!(deferred.py(), "callback")?, (result,))?;
        return Ok(());
    }
    callback(deferred, result)
}

/// `callback(result)`.
#[inline(always)]
pub fn callback<'py>(deferred: &Bound<'py, Deferred>, result: Bound<'py, PyAny>) -> PyResult<()> {
    let py = deferred.py();
    fire(deferred, result).map_err(|error| match replaced::any(py) {
        // Twisted's own function has been called, and is in the traceback.
        true => error,
        false => failure::through(py, error, Place::Callback),
    })
}

/// What `callback` and `errback` end in.
#[inline(always)]
fn fire<'py>(deferred: &Bound<'py, Deferred>, result: Bound<'py, PyAny>) -> PyResult<()> {
    if deferred.overrides(Method::StartRunCallbacks) {
        return fire_by_method(deferred, result);
    }
    start(deferred, result, 0)
}

#[cold]
fn fire_by_method<'py>(deferred: &Bound<'py, Deferred>, result: Bound<'py, PyAny>) -> PyResult<()> {
    let py = deferred.py();
    if replaced::any(py) {
        // In debug mode, the frame of Twisted's function is one of those that it leaves out.
        let name = name!(py, "Deferred.callback")?;
        let arguments = fallible::tuple(py, [result])?;
        replaced::call_stock(name, Some(deferred), &arguments, None)?;
        return Ok(());
    }
    deferred.call_method1(name!(py, "_startRunCallbacks")?, (result,))?;
    Ok(())
}

/// `errback(fail)`. Without an argument, the failure is that of the exception being handled.
pub fn errback<'py>(
    deferred: &Bound<'py, Deferred>,
    fail: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let py = deferred.py();
    let failure = match fail {
        None => failure::current_failure(py, deferred.debug())?,
        Some(failure) if kind(failure) == Kind::Failure => failure.clone(),
        Some(other) => failure::failure_of(other)?,
    };
    fire(deferred, failure).map_err(|error| failure::through(py, error, Place::Errback))
}

/// `errback(fail)`, where the class may say what that is.
pub fn call_errback<'py>(
    deferred: &Bound<'py, Deferred>,
    fail: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    if !deferred.overrides(Method::Errback) {
        return errback(deferred, fail);
    }
    deferred.call_method1(name!(deferred.py(), "errback")?, (fail,))?;
    Ok(())
}

/// `addCallback(callable)`, where the class may say what that is.
pub fn call_add_callback<'py>(
    deferred: &Bound<'py, Deferred>,
    callable: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if deferred.overrides(Method::AddCallback) {
        return deferred.call_method1(name!(deferred.py(), "addCallback")?, (callable,));
    }
    let side = Side::Callback;
    add(deferred, Callback::Plain { side, callable })?;
    Ok(deferred.as_any().clone())
}

/// `_startRunCallbacks(result)`. In debug mode the stack is noted without as many `frames` at
/// its end: those of the method that usually calls this one.
#[inline(always)]
pub fn start<'py>(
    deferred: &Bound<'py, Deferred>,
    result: Bound<'py, PyAny>,
    frames: usize,
) -> PyResult<()> {
    let (py, parts) = (deferred.py(), deferred.get());
    if parts.called.get(py) {
        if parts.suppress_already_called.replace(py, false) {
            return Ok(());
        }
        return Err(debug_info::already_called(deferred));
    }
    if deferred.debug() {
        debug_info::note_invoker(deferred, frames)?;
    }
    deferred.set_called_with(result);
    run_by_name(deferred, deferred.overrides(Method::RunCallbacks))
}

/// A Deferred that has failed; Twisted's `fail`.
pub fn fail<'py>(
    py: Python<'py>,
    fail: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Deferred>> {
    let deferred = making::unfired(py, None)?;
    call_errback(&deferred, fail)?;
    Ok(deferred)
}
