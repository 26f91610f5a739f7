//! What cancelling a coroutine needs to know: what it waits for, and which Deferred gets its result.
//!
//! It is not the driver: the Deferred of the result keeps its canceller, and is not to keep the
//! generator. That is kept by the Deferred which is waited for, and ends with it.

use std::{
    cell::Cell,
    ffi::{c_int, c_void},
    ptr,
};

use pyo3::ffi;

use super::super::{
    callback::{Callback, Called, Canceller, Native as NativeCallback, NativeCanceller, Side},
    callback_queue,
    deferred::Deferred,
    kinds::Method,
};
use crate::{
    interp::{
        Maybe, Native, NativeClass, ONE_ARGUMENT, Obj, Raised, Raw, Traverse, Visitor,
        assertion_failed, copied, deeper, enter, enter_status, getset, method, raise, sealed, slot,
        type_error,
    },
    replaced,
    twisted::{names, twisted},
};

/// What cancelling needs to know; Twisted's `_CancellationStatus`.
struct Status {
    /// What the generator's result goes to; another one after each cancellation.
    deferred: Cell<Option<Deferred>>,
    waiting_on: Cell<Option<Deferred>>,
}

static CLASS: NativeClass<Status> = NativeClass::new();

/// The status as the canceller of a Deferred.
pub static CANCELLER: NativeCanceller = NativeCanceller {
    cancel,
    show: |status| status.getattr(&names().cancel),
};

/// The callback that [`cancel`] adds.
static CANCELLED: NativeCallback = NativeCallback {
    call: |status, _, failure, _| Called::Returned(cancelled(status, failure)),
    show: |status, _| {
        let both = (status.get("cancelled")?, twisted().empty.clone());
        Ok([both.clone(), both])
    },
};

impl Traverse for Status {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.see_cell(&self.deferred);
        visitor.see_cell(&self.waiting_on);
    }
}

impl Native for Status {
    fn class() -> &'static NativeClass<Self> {
        &CLASS
    }

    fn clear(&self) {
        drop([&self.deferred, &self.waiting_on].map(Cell::take));
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
            Some(set_waiting_on_attribute),
            c"The Deferred that is waited for.",
        ),
    ];
    let slots = vec![slot(ffi::Py_tp_getset, sealed(attributes).cast())];
    CLASS.define(c"twisted.internet.defer._Cancellation", methods, slots)?;
    Ok(())
}

/// The status of a coroutine whose result goes to `deferred`.
pub fn new(deferred: &Deferred) -> Maybe {
    CLASS.make(Status {
        deferred: Cell::new(Some(deferred.clone())),
        waiting_on: Cell::new(None),
    })
}

#[inline(always)]
fn parts(status: &Obj) -> Maybe<&Status> {
    CLASS.get(status).ok_or_else(ended)
}

/// A part of a coroutine, which the collector takes from one that it ends.
#[inline(always)]
pub fn part<T>(part: Option<T>) -> Maybe<T> {
    part.ok_or_else(ended)
}

#[cold]
pub fn ended() -> Raised {
    // SAFETY: reading a static of the interpreter.
    let class = unsafe { ffi::PyExc_RuntimeError };
    raise(
        class,
        "the coroutine was collected as garbage and cannot go on",
    )
}

/// The Deferred that the generator's result goes to.
#[inline(always)]
pub fn deferred_of(status: &Obj) -> Maybe<Deferred> {
    part(copied(&parts(status)?.deferred))
}

/// Notes the Deferred that the generator waits for.
#[inline(always)]
pub fn set_waiting_on(status: &Obj, deferred: Deferred) -> Maybe<()> {
    drop(parts(status)?.waiting_on.replace(Some(deferred)));
    Ok(())
}

/// The canceller of the Deferred that stands for the whole.
///
/// The Deferred fails with an error that only its first link sees, which is put before all others.
fn cancel(status: &Obj, deferred: &Obj) -> Maybe<()> {
    if replaced::any() {
        let arguments = [deferred.as_ptr(), status.as_ptr()];
        replaced::value("_addCancelCallbackToDeferred")?.call(&arguments)?;
        return Ok(());
    }
    // SAFETY: only a Deferred has this canceller.
    let deferred = unsafe { Deferred::from_object(deferred.clone()) };
    if deferred.overrides(Method::AddErrback) {
        add_first_by_method(status, &deferred)?;
    } else {
        let callback = Callback::Native {
            side: Side::Errback,
            index: 0,
            native: &CANCELLED,
            target: status.clone(),
        };
        callback_queue::push_front(&deferred, callback)?;
    }
    deferred.call_errback(Some(&twisted().internal_cancelled.call(&[])?))
}

/// Adds the callback before all others by a method that a program has replaced.
#[cold]
fn add_first_by_method(status: &Obj, deferred: &Deferred) -> Maybe<()> {
    let others = callback_queue::as_list(deferred)?;
    // SAFETY: the thread is attached.
    callback_queue::set_list(deferred, unsafe { Obj::owned(ffi::PyList_New(0)) }?);
    let cancelled = status.get("cancelled")?;
    let arguments = [ptr::null_mut(), cancelled.as_ptr()];
    deferred
        .object()
        .call_method(&names().add_errback, arguments)?;
    let all = callback_queue::as_list(deferred)?;
    all.call_method(&Obj::name("extend")?, [ptr::null_mut(), others.as_ptr()])?;
    Ok(())
}

/// Twisted's `_handleCancelInlineCallbacks`, which [`cancel`] adds as an errback. It cancels the Deferred that the
/// generator waits for, and returns a new Deferred for the generator's result.
#[cold]
fn cancelled(status: &Obj, failure: &Obj) -> Maybe {
    if replaced::any() {
        let arguments = [failure.as_ptr(), status.as_ptr()];
        return replaced::value("_handleCancelInlineCallbacks")?.call(&arguments);
    }
    let internal = twisted().internal_cancelled.as_ptr();
    failure.call_method(&names().trap, [ptr::null_mut(), internal])?;
    let deferred = Deferred::unfired(None)?;
    drop(deferred.parts().canceller.replace(Some(Canceller {
        target: status.clone(),
        native: Some(&CANCELLER),
    })));
    let parts = parts(status)?;
    drop(parts.deferred.replace(Some(deferred)));
    match copied(&parts.waiting_on) {
        Some(awaited) => deeper(|| awaited.call_cancel())?,
        None => return Err(assertion_failed()),
    }
    deferred_of(status).map(Deferred::into_object)
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
        cancel(&Obj::borrowed(raw), deferred.object())?;
        Ok(Obj::none())
    })
}

/// # Safety
/// `raw` is an object of this class.
unsafe extern "C" fn get_deferred(raw: Raw, _: *mut c_void) -> Raw {
    // SAFETY: called by the interpreter with a status.
    let status = unsafe { Obj::borrowed(raw) };
    enter(|| deferred_of(&status).map(Deferred::into_object))
}

/// # Safety
/// `raw` is an object of this class; `value` is alive, or null to delete the attribute.
unsafe extern "C" fn set_deferred(raw: Raw, value: Raw, _: *mut c_void) -> c_int {
    // SAFETY: called by the interpreter with a status, and with an object or null.
    enter_status(|| unsafe {
        let deferred = require_deferred(value)?;
        drop(parts(&Obj::borrowed(raw))?.deferred.replace(Some(deferred)));
        Ok(())
    })
}

/// # Safety
/// `raw` is an object of this class.
unsafe extern "C" fn get_waiting_on(raw: Raw, _: *mut c_void) -> Raw {
    // SAFETY: called by the interpreter with a status.
    let status = unsafe { Obj::borrowed(raw) };
    enter(|| {
        let awaited = copied(&parts(&status)?.waiting_on);
        Ok(awaited.map_or_else(Obj::none, Deferred::into_object))
    })
}

/// # Safety
/// `raw` is an object of this class; `value` is alive, or null to delete the attribute.
unsafe extern "C" fn set_waiting_on_attribute(raw: Raw, value: Raw, _: *mut c_void) -> c_int {
    // SAFETY: called by the interpreter with a status, and with an object or null.
    enter_status(|| unsafe { set_waiting_on(&Obj::borrowed(raw), require_deferred(value)?) })
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
