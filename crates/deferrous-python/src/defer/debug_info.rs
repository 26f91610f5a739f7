//! `DebugInfo`: unhandled failures, and who made and fired a Deferred.

use std::ptr;

use super::{
    deferred::Deferred,
    kinds::{class_debug, classes},
};
use crate::{
    failure::{Place, pass_raised},
    interp::{Maybe, Obj, Raised, copied, is_some, put_back, raise, set_aside, write_unraisable},
    replaced,
    twisted::{names, twisted},
};

impl Deferred {
    /// `self.debug`.
    #[inline(always)]
    pub fn debug(&self) -> bool {
        if self.attributes().is_null() {
            return class_debug(self.object().class());
        }
        is_on(self.object())
    }
}

/// `deferred.debug`, of one that has attributes of its own.
#[cold]
fn is_on(deferred: &Obj) -> bool {
    // A callback may just have raised: looking for an attribute is not to be taken for that.
    let pending = set_aside();
    let on = deferred
        .getattr(&names().debug)
        .and_then(|on| on.is_true())
        .unwrap_or_else(|raised| {
            write_unraisable(raised, deferred.as_ptr());
            false
        });
    put_back(pending);
    on
}

/// The chain has come to its end, with a failure or without; what Twisted does with `failResult`.
#[inline(always)]
pub fn note(deferred: &Deferred, failed: bool) {
    if failed || is_some(&deferred.parts().unhandled) {
        note_change(deferred, failed);
    }
}

#[cold]
fn note_change(deferred: &Deferred, failed: bool) {
    let failure = match failed {
        true => deferred.result(),
        false => None,
    };
    let info = match existing(deferred) {
        // A class that a program has put in the place of `DebugInfo` is to see the failure now, and a `__del__` of
        // a program hides the finalizer that would report it.
        None if failed && (replaced::any() || !reports_itself(deferred)) => {
            make(deferred).map(Some)
        }
        info => Ok(info),
    };
    deferred.parts().had_failure.set(true);
    let done = match info {
        Ok(None) => {
            drop(replace_unhandled(deferred, failure));
            return;
        }
        Ok(Some(info)) => set_fail_result(&info, &failure.unwrap_or_else(Obj::none)),
        Err(raised) => Err(raised),
    };
    if let Err(raised) = done {
        write_unraisable(raised, deferred.object().as_ptr());
    }
}

/// Puts another failure, or none, in the place of the one that nobody has handled. Python's `None` says that a
/// `DebugInfo` knows of one or not: programs set it there, and take it away.
fn replace_unhandled(deferred: &Deferred, failure: Option<Obj>) -> Option<Obj> {
    deferred.parts().unhandled.replace(failure)
}

/// `DebugInfo`, if it was made.
pub fn existing(deferred: &Deferred) -> Option<Obj> {
    copied(&deferred.parts().debug_info)
}

/// Puts another `DebugInfo`, or none, in place. The one that was there reports at its end what
/// nobody has handled.
pub fn replace(deferred: &Deferred, info: Option<Obj>) -> Maybe<()> {
    let before = match deferred.parts().had_failure.get() {
        true => Some(make(deferred)?),
        false => existing(deferred),
    };
    deferred.parts().had_failure.set(false);
    put(deferred, info);
    drop(before);
    Ok(())
}

fn put(deferred: &Deferred, info: Option<Obj>) {
    drop(replace_unhandled(
        deferred,
        info.as_ref().map(|_| Obj::none()),
    ));
    drop(deferred.parts().debug_info.replace(info));
}

/// `DebugInfo`, made if there is none, with the failure that nobody has handled.
fn make(deferred: &Deferred) -> Maybe {
    if let Some(info) = existing(deferred) {
        return Ok(info);
    }
    let info = replaced::named("DebugInfo", &twisted().debug_info)?.call(&[])?;
    if deferred.parts().had_failure.get() {
        let failure = copied(&deferred.parts().unhandled);
        set_fail_result(&info, &failure.unwrap_or_else(Obj::none))?;
    }
    put(deferred, Some(info.clone()));
    Ok(info)
}

/// `deferred._debugInfo`: made when somebody looks, if Twisted's would be there.
pub fn show(deferred: &Deferred) -> Maybe {
    if existing(deferred).is_none() && !deferred.parts().had_failure.get() {
        return Ok(Obj::none());
    }
    make(deferred)
}

fn set_fail_result(info: &Obj, failure: &Obj) -> Maybe<()> {
    info.setattr(&names().fail_result, failure)
}

/// The failure to report at the Deferred's end, if a `DebugInfo` does not do that.
pub fn unreported(deferred: &Deferred) -> Option<Obj> {
    replace_unhandled(deferred, None).filter(|_| existing(deferred).is_none())
}

/// Reports a failure that nobody handled, as the end of a `DebugInfo` does.
pub fn report(failure: &Obj) -> Maybe<()> {
    let info = twisted().debug_info.call(&[])?;
    set_fail_result(&info, failure)
}

/// Notes where the Deferred was made.
#[cold]
pub fn note_creator(deferred: &Deferred) -> Maybe<()> {
    let info = twisted().debug_info.call(&[])?;
    info.setattr(
        &names().creator,
        &twisted().traceback.get("format_stack")?.call(&[])?,
    )?;
    replace(deferred, Some(info))
}

/// Notes where the Deferred was fired.
///
/// As many `frames` at the end of the stack are left out.
#[cold]
pub fn note_invoker(deferred: &Deferred, frames: usize) -> Maybe<()> {
    let stack = twisted().traceback.get("format_stack")?.call(&[])?;
    // SAFETY: the stack is a list and alive.
    let stack = unsafe {
        let count = pyo3::ffi::PyList_GET_SIZE(stack.as_ptr()) - frames.cast_signed();
        Obj::owned(pyo3::ffi::PyList_GetSlice(stack.as_ptr(), 0, count.max(0)))
    }?;
    make(deferred)?.setattr(&names().invoker, &stack)
}

/// Raises that the Deferred was fired before; in debug mode with where that was.
#[cold]
pub fn already_called(deferred: &Deferred) -> Raised {
    let class = twisted().already_called_error.as_ptr();
    if !deferred.debug() {
        // SAFETY: the class is alive.
        unsafe { pyo3::ffi::PyErr_SetNone(class) };
        return pass_raised(Raised, Place::StartRunCallbacks);
    }
    let text = make(deferred)
        .and_then(|info| info.call_method(&names().get_debug_tracebacks, [ptr::null_mut()]))
        .and_then(|text| text.to_text());
    match text {
        Ok(text) => pass_raised(raise(class, &format!("\n{text}")), Place::StartRunCallbacks),
        Err(raised) => raised,
    }
}

/// Whether the collector has a Deferred of this class report its failure: a class may have a `__del__`.
pub fn reports_itself(deferred: &Deferred) -> bool {
    let own = classes().finalizer;
    // SAFETY: the class is alive.
    unsafe { (*deferred.object().class()).tp_finalize }.is_some_and(|found| found as usize == own)
}
