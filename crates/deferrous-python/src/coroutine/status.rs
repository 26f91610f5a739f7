//! What cancelling a coroutine needs to know: what it waits for, and which Deferred gets its result.
//!
//! It is not the driver: the Deferred of the result keeps its canceller, and is not to keep the
//! generator. That is kept by the Deferred which is waited for, and ends with it.

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use pyo3::ffi;

use crate::{
    classes::Method,
    deferred::Deferred,
    entries::Entries,
    interp::{
        Held, Holder, Maybe, ONE_ARGUMENT, Obj, Raw, assertion_failed, deeper, enter, enter_status,
        getset, held, method, sealed, slot, type_error,
    },
    link::Link,
    replaced,
    twisted::{names, twisted},
};

/// What a status keeps.
pub struct Parts {
    /// What the generator's result goes to; another one after each cancellation.
    pub deferred: Deferred,
    pub waiting_on: Option<Deferred>,
}

static CLASS: Holder<Parts> = Holder::new();

impl Held for Parts {
    fn holder() -> &'static Holder<Self> {
        &CLASS
    }

    fn each(&self, see: &mut impl FnMut(&Obj)) {
        see(self.deferred.object());
        if let Some(deferred) = &self.waiting_on {
            see(deferred.object());
        }
    }
}

/// Makes the class.
pub fn make_class() -> Maybe<()> {
    let methods = vec![
        method(
            c"cancel",
            ONE_ARGUMENT(cancel_method),
            c"cancel($self, deferred, /)\n--\n\nCancel what is waited for.",
        ),
        method(
            c"cancelled",
            ONE_ARGUMENT(cancelled_method),
            c"cancelled($self, failure, /)\n--\n\nTurn the cancellation into one of what is waited for.",
        ),
    ];
    let attributes = vec![
        getset(
            c"deferred",
            get_deferred,
            Some(set_deferred),
            c"The Deferred of the result.",
        ),
        getset(
            c"waitingOn",
            get_waiting_on,
            Some(set_waiting_on),
            c"The Deferred that is waited for.",
        ),
    ];
    let slots = vec![slot(ffi::Py_tp_getset, sealed(attributes).cast())];
    CLASS.define(c"twisted.internet.defer._Cancellation", methods, slots)?;
    Ok(())
}

/// Whether the object is the canceller of a coroutine.
#[inline(always)]
pub fn is_status(object: &Obj) -> bool {
    CLASS.is_one(object)
}

/// The status of a coroutine whose result goes to `deferred`.
pub fn new(deferred: &Deferred) -> Maybe {
    CLASS.make(Parts {
        deferred: deferred.clone(),
        waiting_on: None,
    })
}

/// Looks at the parts. `body` must run no Python code.
#[inline(always)]
pub fn with<R>(status: &Obj, body: impl FnOnce(&mut Parts) -> R) -> Maybe<R> {
    // SAFETY: it is a status, and `body` does not get here again.
    match unsafe { held::<Parts>(status.as_ptr()) } {
        Some(parts) => Ok(body(parts)),
        None => Err(super::ended()),
    }
}

/// The canceller of the Deferred that stands for the whole.
///
/// The Deferred fails with an error that only its first link sees, which is put before all others.
pub fn cancel(status: &Obj, deferred: &Deferred) -> Maybe<()> {
    if replaced::any() {
        let arguments = [deferred.object().as_ptr(), status.as_ptr()];
        replaced::value("_addCancelCallbackToDeferred")?.call(&arguments)?;
        return Ok(());
    }
    if deferred.overrides(Method::AddErrback) {
        add_first_by_method(status, deferred)?;
    } else {
        own_list(deferred)?;
        let link = Link::cancelling(status.clone());
        deferred.with(|state| state.links_mut().push_front(link));
    }
    deferred.call_errback(Some(&twisted().internal_cancelled.call(&[])?))
}

/// If the links are a list that programs have seen, and may have put elsewhere, too, gives the Deferred
/// another one with the same links: Twisted leaves that list as it was.
fn own_list(deferred: &Deferred) -> Maybe<()> {
    if deferred.with(|state| matches!(state.links(), Entries::Listed(_))) {
        let seen = deferred.callbacks()?;
        // SAFETY: the list is alive.
        deferred.set_callbacks(unsafe { Obj::owned(ffi::PySequence_List(seen.as_ptr())) }?);
    }
    Ok(())
}

/// Adds the link before all others by a method that a program has replaced.
#[cold]
fn add_first_by_method(status: &Obj, deferred: &Deferred) -> Maybe<()> {
    let others = deferred.callbacks()?;
    // SAFETY: the thread is attached.
    deferred.set_callbacks(unsafe { Obj::owned(ffi::PyList_New(0)) }?);
    let cancelled = status.get("cancelled")?;
    let arguments = [ptr::null_mut(), cancelled.as_ptr()];
    deferred
        .object()
        .call_method(&names().add_errback, arguments)?;
    let all = deferred.callbacks()?;
    all.call_method(&Obj::name("extend")?, [ptr::null_mut(), others.as_ptr()])?;
    Ok(())
}

/// The link that [`cancel`] adds: cancels what is waited for, and lets the Deferred wait for what
/// the generator makes of that.
#[cold]
pub fn cancelled(status: &Obj, failure: &Obj) -> Maybe {
    if replaced::any() {
        let arguments = [failure.as_ptr(), status.as_ptr()];
        return replaced::value("_handleCancelInlineCallbacks")?.call(&arguments);
    }
    let internal = twisted().internal_cancelled.as_ptr();
    failure.call_method(&names().trap, [ptr::null_mut(), internal])?;
    let deferred = Deferred::unfired(Some(status.clone()))?;
    let (before, awaited) = with(status, |parts| {
        let before = std::mem::replace(&mut parts.deferred, deferred.clone());
        (before, parts.waiting_on.clone())
    })?;
    drop(before);
    match awaited {
        Some(awaited) => deeper(|| awaited.call_cancel())?,
        None => return Err(assertion_failed()),
    }
    with(status, |parts| parts.deferred.clone()).map(Deferred::into_object)
}

/// # Safety
/// `raw` is an object of this class, and the argument is alive.
unsafe extern "C" fn cancelled_method(raw: Raw, failure: Raw) -> Raw {
    // SAFETY: called by the interpreter with a status and an object.
    enter(|| unsafe { cancelled(&Obj::borrowed(raw), &Obj::borrowed(failure)) })
}

/// # Safety
/// `raw` is an object of this class, and the argument is alive.
unsafe extern "C" fn cancel_method(raw: Raw, deferred: Raw) -> Raw {
    // SAFETY: called by the interpreter with a status and an object.
    enter(|| unsafe {
        let Some(deferred) = Deferred::of(&Obj::borrowed(deferred)) else {
            return Err(type_error("cancel() needs the Deferred that is cancelled"));
        };
        cancel(&Obj::borrowed(raw), &deferred)?;
        Ok(Obj::none())
    })
}

/// # Safety
/// `raw` is an object of this class.
unsafe extern "C" fn get_deferred(raw: Raw, _: *mut c_void) -> Raw {
    // SAFETY: called by the interpreter with a status.
    let status = unsafe { Obj::borrowed(raw) };
    enter(|| with(&status, |parts| parts.deferred.clone()).map(Deferred::into_object))
}

/// # Safety
/// `raw` is an object of this class; `value` is alive, or null to delete the attribute.
unsafe extern "C" fn set_deferred(raw: Raw, value: Raw, _: *mut c_void) -> c_int {
    // SAFETY: called by the interpreter with a status, and with an object or null.
    enter_status(|| unsafe {
        let deferred = require_deferred(value)?;
        drop(with(&Obj::borrowed(raw), |parts| {
            std::mem::replace(&mut parts.deferred, deferred)
        })?);
        Ok(())
    })
}

/// # Safety
/// `raw` is an object of this class.
unsafe extern "C" fn get_waiting_on(raw: Raw, _: *mut c_void) -> Raw {
    // SAFETY: called by the interpreter with a status.
    let status = unsafe { Obj::borrowed(raw) };
    enter(|| {
        let awaited = with(&status, |parts| parts.waiting_on.clone())?;
        Ok(awaited.map_or_else(Obj::none, Deferred::into_object))
    })
}

/// # Safety
/// `raw` is an object of this class; `value` is alive, or null to delete the attribute.
unsafe extern "C" fn set_waiting_on(raw: Raw, value: Raw, _: *mut c_void) -> c_int {
    // SAFETY: called by the interpreter with a status, and with an object or null.
    enter_status(|| unsafe {
        let awaited = require_deferred(value)?;
        drop(with(&Obj::borrowed(raw), |parts| {
            parts.waiting_on.replace(awaited)
        })?);
        Ok(())
    })
}

/// The Deferred that an attribute is set to.
///
/// # Safety
///
/// `value` is alive or null.
unsafe fn require_deferred(value: Raw) -> Maybe<Deferred> {
    let deferred = match value.is_null() {
        true => None,
        // SAFETY: as the caller says.
        false => Deferred::of(&unsafe { Obj::borrowed(value) }),
    };
    deferred.ok_or_else(|| type_error("a coroutine waits for Deferreds of deferrous only"))
}
