//! `DebugInfo`: unhandled failures, and who made and fired a Deferred.

use std::ptr;

use crate::{
    classes::{Kind, kind},
    deferred::Deferred,
    python::{Maybe, Obj, Raised, raise, write_unraisable},
    twisted::{names, twisted},
};

/// `deferred.debug`, of one that has attributes of its own.
#[cold]
pub fn is_on(deferred: &Obj) -> bool {
    deferred
        .getattr(&names().debug)
        .and_then(|on| on.is_true())
        .unwrap_or_else(|raised| {
            write_unraisable(raised, deferred.as_ptr());
            false
        })
}

/// The chain has come to its end, with a failure or without.
#[cold]
pub fn note(deferred: &Deferred, failed: bool) {
    let layout = deferred.layout();
    layout.is_unhandled.set(failed);
    layout.had_failure.set(true);
    if let Some(info) = existing(deferred)
        && let Err(raised) = set_fail_result(&info, &outcome_if_failed(deferred))
    {
        write_unraisable(raised, deferred.object().as_ptr());
    }
}

/// `DebugInfo`, if it was made.
pub fn existing(deferred: &Deferred) -> Option<Obj> {
    // SAFETY: the reference is copied, and nothing runs meanwhile.
    unsafe { (*deferred.layout().debug_info.get()).clone() }
}

/// Puts another `DebugInfo` in place.
pub fn replace(deferred: &Deferred, info: Option<Obj>) {
    // SAFETY: the reference is exchanged, and nothing runs meanwhile; the old one is dropped after.
    let before = unsafe { std::mem::replace(&mut *deferred.layout().debug_info.get(), info) };
    drop(before);
}

/// `DebugInfo`, made if there is none, with the failure that nobody has handled.
fn make(deferred: &Deferred) -> Maybe {
    if let Some(info) = existing(deferred) {
        return Ok(info);
    }
    let info = twisted().debug_info.call(&[])?;
    if deferred.layout().is_unhandled.get() {
        set_fail_result(&info, &outcome_if_failed(deferred))?;
    } else if deferred.layout().had_failure.get() {
        set_fail_result(&info, &Obj::none())?;
    }
    replace(deferred, Some(info.clone()));
    Ok(info)
}

/// `deferred._debugInfo`: made when somebody looks, if Twisted's would be there.
pub fn show(deferred: &Deferred) -> Maybe {
    if existing(deferred).is_none() && !deferred.layout().had_failure.get() {
        return Ok(Obj::none());
    }
    make(deferred)
}

fn set_fail_result(info: &Obj, failure: &Obj) -> Maybe<()> {
    if info.is(Obj::none().as_ptr()) {
        return Ok(());
    }
    info.setattr(&names().fail_result, failure)
}

fn outcome_if_failed(deferred: &Deferred) -> Obj {
    deferred
        .with(|state| state.outcome().cloned())
        .filter(|outcome| kind(outcome) == Kind::Failure)
        .unwrap_or_else(Obj::none)
}

/// Reports a failure that nobody handled, as the end of a `DebugInfo` does.
pub fn report(deferred: &Deferred) -> Maybe<()> {
    if existing(deferred).is_some() {
        return Ok(());
    }
    let failure = outcome_if_failed(deferred);
    if !failure.is(Obj::none().as_ptr()) {
        let info = twisted().debug_info.call(&[])?;
        set_fail_result(&info, &failure)?;
    }
    Ok(())
}

/// Notes where the Deferred was made.
#[cold]
pub fn note_creator(deferred: &Deferred) -> Maybe<()> {
    let info = twisted().debug_info.call(&[])?;
    info.setattr(&names().creator, &twisted().format_stack.call(&[])?)?;
    replace(deferred, Some(info));
    Ok(())
}

/// Notes where the Deferred was fired.
#[cold]
pub fn note_invoker(deferred: &Deferred) -> Maybe<()> {
    make(deferred)?.setattr(&names().invoker, &twisted().format_stack.call(&[])?)
}

/// Raises that the Deferred was fired before; in debug mode with where that was.
#[cold]
pub fn already_called(deferred: &Deferred) -> Raised {
    let class = twisted().already_called_error.as_ptr();
    if !deferred.debug() {
        // SAFETY: the class is alive.
        unsafe { pyo3::ffi::PyErr_SetNone(class) };
        return Raised;
    }
    let text = make(deferred)
        .and_then(|info| info.call_method(&names().get_debug_tracebacks, [ptr::null_mut()]))
        .and_then(|text| text.to_text());
    match text {
        Ok(text) => raise(class, &format!("\n{text}")),
        Err(raised) => raised,
    }
}
