//! `callLater` and what is due.

use std::{cell::Cell, time::SystemTime};

use pyo3::ffi;

use super::{
    class::Attributes,
    delayed::DelayedCall,
    event_loop::Loop,
    support::{Occasion, report, support},
};
use crate::{
    interp::{Attached, Maybe, Obj, Raised, Raw, bind_leading, enter, raise, version_tag},
    twisted::names,
};

/// The longest that a reactor sleeps, in seconds: as many milliseconds as an `int` of C holds, which is
/// what programs may see from `timeout()` of Twisted's reactors.
const LONGEST: f64 = 2_147_483.0;

/// A number that orders times as they are. What is not a number comes last.
pub const fn key(time: f64) -> u64 {
    if time.is_nan() {
        return u64::MAX;
    }
    // There is one zero.
    let bits = (time + 0.0).to_bits();
    if bits >> 63 == 0 {
        bits | 1 << 63
    } else {
        !bits
    }
}

/// The time that has this key.
const fn of_key(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 {
        key & !(1 << 63)
    } else {
        !key
    })
}

/// A `float`.
pub fn float(value: f64) -> Maybe {
    // SAFETY: the thread is attached.
    unsafe { Obj::owned(ffi::PyFloat_FromDouble(value)) }
}

/// The value of a number.
pub fn number(object: &Obj) -> Maybe<f64> {
    // SAFETY: the object is alive.
    let value = unsafe { ffi::PyFloat_AsDouble(object.as_ptr()) };
    // SAFETY: the thread is attached.
    if value == -1.0 && unsafe { !ffi::PyErr_Occurred().is_null() } {
        return Err(Raised);
    }
    Ok(value)
}

/// What a clock says, in seconds. That of the system is not called, but read.
#[inline]
pub fn read(seconds: &Obj) -> Maybe<f64> {
    if support().system_clock.is(seconds) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let since = since.unwrap_or_default();
        // In one division, as CPython: two roundings would make another number.
        let nanos = since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos());
        return Ok(nanos as f64 / 1e9);
    }
    number(&seconds.call(&[])?)
}

/// `callLater(delay, callable, *args, **kw)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn call_later(
    raw: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let reactor = Obj::borrowed(raw);
        let attributes = Attributes::of(&reactor)?;
        let event_loop = Loop::among(&attributes, &reactor)?;
        let ([delay, _], task) = bind_leading(
            "ReactorBase.callLater",
            ["delay", "callable"],
            arguments,
            count,
            names,
        )?;
        let delay = check_delay(&delay)?;
        let seconds = attributes.seconds(&reactor)?;
        let time = read(&seconds)? + delay;
        let call = DelayedCall::new(time, task, event_loop.clone(), seconds)?;
        if debugging()? {
            let creator = support().format_creator.call(&[])?;
            call.with(|parts| parts.notes.get_or_insert_default().creator = Some(creator))?;
        }
        let waiting = call.object().clone();
        event_loop.with(|parts| parts.new_timed.push(waiting))?;
        Ok(call.into_object())
    })
}

/// The delay, in seconds, which has to be at least 0.
fn check_delay(delay: &Obj) -> Maybe<f64> {
    // SAFETY: the objects are alive.
    unsafe {
        if ffi::PyFloat_CheckExact(delay.as_ptr()) != 0 {
            let value = ffi::PyFloat_AS_DOUBLE(delay.as_ptr());
            if value >= 0.0 {
                return Ok(value);
            }
        } else {
            let zero = Obj::int(0)?;
            match ffi::PyObject_RichCompareBool(delay.as_ptr(), zero.as_ptr(), ffi::Py_GE) {
                -1 => return Err(Raised),
                0 => {}
                _ => return number(delay),
            }
        }
        let shown = Obj::owned(ffi::PyObject_Str(delay.as_ptr()))?.to_text()?;
        Err(raise(
            ffi::PyExc_AssertionError,
            &format!("{shown} is not greater than or equal to 0 seconds"),
        ))
    }
}

/// Twisted's class of delayed calls, by whatever is at its place in Twisted's module.
pub fn stock_class() -> Option<Obj> {
    let (base, name) = (&support().base, &names().delayed_call);
    // SAFETY: the dict and the name are alive, and what is found is kept.
    unsafe {
        let class = ffi::PyDict_GetItemWithError(base.as_ptr(), name.as_ptr());
        (!class.is_null()).then(|| Obj::borrowed(class))
    }
}

/// Whether delayed calls note who sets them, and what they were when they are cancelled: `debug` of
/// Twisted's class, which programs set.
pub fn debugging() -> Maybe<bool> {
    let Some(class) = stock_class() else {
        return Ok(false);
    };
    let names = names();
    // SAFETY: what is in the dict by this name is a class, or asked as any object.
    let tag = unsafe {
        if ffi::PyType_Check(class.as_ptr()) == 0 {
            return class.getattr(&names.debug)?.is_true();
        }
        version_tag(class.as_ptr().cast())
    };
    if tag != 0 && NOT_DEBUGGING.0.get() == tag {
        return Ok(false);
    }
    let debugging = class.getattr(&names.debug)?.is_true()?;
    if !debugging {
        // SAFETY: it is a class. Looking an attribute up has given it a tag.
        NOT_DEBUGGING
            .0
            .set(unsafe { version_tag(class.as_ptr().cast()) });
    }
    Ok(debugging)
}

/// The version tag of Twisted's class when its `debug` was last seen to be off.
static NOT_DEBUGGING: Attached<Cell<u32>> = Attached(Cell::new(0));

/// `getDelayedCalls()`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn get_delayed_calls(raw: Raw, _: Raw) -> Raw {
    // SAFETY: as the caller says; nothing runs between finding the calls and putting them in the list.
    enter(|| unsafe {
        let event_loop = Loop::of(&Obj::borrowed(raw))?;
        let calls = event_loop.with(|parts| {
            let all = parts.timed.iter().chain(&parts.new_timed);
            let calls = all.map(|call| DelayedCall::from_object(call.clone()));
            calls
                .filter(|call| !call.layout().cancelled.get())
                .collect::<Vec<_>>()
        })?;
        list(calls.into_iter().map(DelayedCall::into_object))
    })
}

/// A `list`.
pub fn list(objects: impl ExactSizeIterator<Item = Obj>) -> Maybe {
    // SAFETY: the thread is attached; the list takes over one reference for each place.
    unsafe {
        let list = Obj::owned(ffi::PyList_New(objects.len().cast_signed()))?;
        for (at, object) in (0..).zip(objects) {
            ffi::PyList_SET_ITEM(list.as_ptr(), at, object.into_ptr());
        }
        Ok(list)
    }
}

/// Puts the calls that were set since the last time among those that wait.
fn insert_new(event_loop: &Loop) -> Maybe<()> {
    let cancelled = event_loop.with(|parts| {
        let mut cancelled = Vec::new();
        for call in parts.new_timed.drain(..) {
            // SAFETY: only delayed calls are put there.
            let call = unsafe { DelayedCall::from_object(call) };
            if call.layout().cancelled.get() {
                cancelled.push(call);
                continue;
            }
            call.activate();
            let (object, time) = (call.object().clone(), call.layout().time.get());
            let place = parts.timed.insert(key(time), object);
            call.layout().key.set(place);
        }
        // There may have been a great many.
        parts.new_timed.shrink_to(KEPT);
        cancelled
    })?;
    drop(cancelled);
    Ok(())
}

/// The room that is kept for new calls.
const KEPT: usize = 1024;

/// How long until the first call is due, in seconds.
pub fn next(reactor: &Obj, attributes: &Attributes, event_loop: &Loop) -> Maybe<Option<f64>> {
    insert_new(event_loop)?;
    let first = event_loop.with(|parts| {
        // Where there are none, it may still have the time of one that was moved or cancelled.
        let timed = &parts.timed;
        (!timed.is_empty()).then(|| timed.next_deadline()).flatten()
    })?;
    let Some(first) = first else {
        return Ok(None);
    };
    let left = of_key(first) - read(&attributes.seconds(reactor)?)?;
    // If it is no number, the first call is never due.
    let left = if left.is_nan() { LONGEST } else { left };
    Ok(Some(left.clamp(0.0, LONGEST)))
}

/// `timeout()`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn timeout(raw: Raw, _: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let reactor = Obj::borrowed(raw);
        let attributes = Attributes::of(&reactor)?;
        let event_loop = Loop::among(&attributes, &reactor)?;
        match next(&reactor, &attributes, &event_loop)? {
            Some(seconds) => float(seconds),
            None => Ok(Obj::none()),
        }
    })
}

/// Makes the calls that are due.
pub fn run_due(reactor: &Obj, attributes: &Attributes, event_loop: &Loop) -> Maybe<()> {
    insert_new(event_loop)?;
    let waits = event_loop.with(|parts| !parts.timed.is_empty())?;
    if !waits {
        return Ok(());
    }
    let now = read(&attributes.seconds(reactor)?)?;
    if now.is_nan() {
        return Ok(());
    }
    let now = key(now);
    while let Some(call) = event_loop.with(|parts| parts.timed.pop(now))? {
        // SAFETY: only delayed calls are put there.
        let call = unsafe { DelayedCall::from_object(call) };
        let layout = call.layout();
        if layout.put_off.get() > 0.0 {
            call.activate();
            let object = call.object().clone();
            let place =
                event_loop.with(|parts| parts.timed.insert(key(layout.time.get()), object))?;
            layout.key.set(place);
            continue;
        }
        // A program may have set this instead of calling `cancel`.
        if layout.cancelled.get() {
            continue;
        }
        layout.called.set(true);
        if let Some(task) = call.task()?
            && let Err(raised) = task.call()
        {
            let creator = call.object().get("creator").ok();
            report(raised, Occasion::TimedCall, creator.as_ref());
        }
    }
    Ok(())
}
