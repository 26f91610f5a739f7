//! The attributes of delayed calls that Twisted's have.

use std::ffi::{c_int, c_void};

use pyo3::ffi;

use super::{
    delayed::{DelayedCall, Notes},
    time,
};
use crate::{
    interp::{Maybe, Obj, Raised, Raw, Task, dict_attribute, enter, enter_status, getset, raise},
    twisted::none,
};

/// The attributes of the class.
pub fn all() -> Vec<ffi::PyGetSetDef> {
    vec![
        getset(
            c"time",
            time,
            Some(set_time),
            c"When it is due, in seconds since the epoch, unless it was put off.",
        ),
        getset(
            c"delayed_time",
            delayed_time,
            Some(set_delayed_time),
            c"By how many seconds it was put off.",
        ),
        getset(
            c"called",
            called,
            Some(set_called),
            c"1 if it was made, otherwise 0.",
        ),
        getset(
            c"cancelled",
            cancelled,
            Some(set_cancelled),
            c"1 if it was cancelled, otherwise 0.",
        ),
        getset(
            c"func",
            func,
            Some(set_func),
            c"What it calls; gone when it was cancelled.",
        ),
        getset(
            c"args",
            args,
            Some(set_args),
            c"The arguments, a tuple; gone when it was cancelled.",
        ),
        getset(
            c"kw",
            kw,
            Some(set_kw),
            c"The keyword arguments, a dict; gone when it was cancelled.",
        ),
        getset(
            c"seconds",
            seconds,
            Some(set_seconds),
            c"What tells it the time.",
        ),
        getset(
            c"creator",
            creator,
            Some(set_creator),
            c"The stack of whoever set it, in debug mode.",
        ),
        getset(
            c"_repr",
            last_repr,
            Some(set_last_repr),
            c"What it looked like when it was cancelled, in debug mode.",
        ),
        getset(
            c"debug",
            debug,
            None,
            c"Whether calls note who sets them: that of Twisted's class, where it is set.",
        ),
        getset(
            c"__class__",
            class,
            None,
            c"Twisted's class, which isinstance asks for.",
        ),
        dict_attribute(),
    ]
}

type Get = fn(&DelayedCall) -> Maybe;
type Set = fn(&DelayedCall, Obj) -> Maybe<()>;

/// # Safety
/// `raw` is a delayed call.
unsafe fn read(raw: Raw, get: Get) -> Raw {
    // SAFETY: called by the interpreter with a delayed call.
    enter(|| unsafe { get(DelayedCall::from_self(&raw)) })
}

/// # Safety
/// `raw` is a delayed call; `value` is alive, or null to delete the attribute.
unsafe fn write(raw: Raw, value: Raw, name: &str, set: Set) -> c_int {
    // SAFETY: called by the interpreter with a delayed call, and a value or null.
    enter_status(|| unsafe {
        if value.is_null() {
            return Err(no_attribute(name));
        }
        set(DelayedCall::from_self(&raw), Obj::borrowed(value))
    })
}

#[cold]
fn no_attribute(name: &str) -> Raised {
    // SAFETY: reading a static of the interpreter.
    let class = unsafe { ffi::PyExc_AttributeError };
    raise(
        class,
        &format!("'DelayedCall' object has no attribute '{name}'"),
    )
}

/// The two functions of an attribute.
macro_rules! attribute {
    ($get:ident, $set:ident, $name:literal, $read:expr, $write:expr) => {
        /// # Safety
        /// `raw` is a delayed call.
        unsafe extern "C" fn $get(raw: Raw, _: *mut c_void) -> Raw {
            // SAFETY: called by the interpreter with a delayed call.
            unsafe { read(raw, $read) }
        }
        /// # Safety
        /// `raw` is a delayed call; `value` is alive, or null to delete the attribute.
        unsafe extern "C" fn $set(raw: Raw, value: Raw, _: *mut c_void) -> c_int {
            // SAFETY: called by the interpreter with a delayed call.
            unsafe { write(raw, value, $name, $write) }
        }
    };
}

fn tuple(sequence: &Obj) -> Maybe {
    // SAFETY: the object is alive.
    unsafe { Obj::owned(ffi::PySequence_Tuple(sequence.as_ptr())) }
}

fn empty_dict() -> Maybe {
    // SAFETY: the thread is attached.
    unsafe { Obj::owned(ffi::PyDict_New()) }
}

fn flag(on: bool) -> Maybe {
    Obj::int(isize::from(on))
}

fn part(call: &DelayedCall, name: &str, of: fn(&Task) -> Maybe) -> Maybe {
    match call.task()? {
        Some(task) => of(&task),
        None => Err(no_attribute(name)),
    }
}

fn change(call: &DelayedCall, of: impl FnOnce(&mut Task) -> Obj) -> Maybe<()> {
    let before = call.with(|parts| parts.task.as_mut().map(of))?;
    drop(before);
    Ok(())
}

fn note(call: &DelayedCall, of: fn(&Notes) -> Option<Obj>) -> Maybe {
    let found = call.with(|parts| parts.notes.as_deref().and_then(of))?;
    Ok(found.unwrap_or_else(Obj::none))
}

fn set_note(call: &DelayedCall, value: Obj, of: fn(&mut Notes) -> &mut Option<Obj>) -> Maybe<()> {
    let value = (!value.is(none())).then_some(value);
    let before =
        call.with(|parts| std::mem::replace(of(parts.notes.get_or_insert_default()), value))?;
    drop(before);
    Ok(())
}

attribute!(
    time,
    set_time,
    "time",
    |call| time::float(call.layout().time.get()),
    |call, value| {
        call.layout().time.set(time::number(&value)?);
        call.moved()
    }
);
attribute!(
    delayed_time,
    set_delayed_time,
    "delayed_time",
    |call| time::float(call.layout().put_off.get()),
    |call, value| {
        call.layout().put_off.set(time::number(&value)?);
        Ok(())
    }
);
attribute!(
    called,
    set_called,
    "called",
    |call| flag(call.layout().called.get()),
    |call, value| {
        call.layout().called.set(value.is_true()?);
        Ok(())
    }
);
attribute!(
    cancelled,
    set_cancelled,
    "cancelled",
    |call| flag(call.layout().cancelled.get()),
    |call, value| {
        call.layout().cancelled.set(value.is_true()?);
        Ok(())
    }
);
attribute!(
    func,
    set_func,
    "func",
    |call| part(call, "func", |task| Ok(task.function.clone())),
    |call, value| change(call, |task| std::mem::replace(&mut task.function, value))
);
attribute!(
    args,
    set_args,
    "args",
    |call| part(call, "args", |task| Ok(task.arguments.clone())),
    |call, value| {
        let tuple = tuple(&value)?;
        change(call, |task| std::mem::replace(&mut task.arguments, tuple))
    }
);
attribute!(
    kw,
    set_kw,
    "kw",
    |call| part(call, "kw", |task| match &task.keywords {
        Some(keywords) => Ok(keywords.clone()),
        None => empty_dict(),
    }),
    |call, value| {
        let new = Some(value);
        let before = call.with(|parts| {
            parts
                .task
                .as_mut()
                .and_then(|task| std::mem::replace(&mut task.keywords, new))
        })?;
        drop(before);
        Ok(())
    }
);
attribute!(
    seconds,
    set_seconds,
    "seconds",
    |call| call.with(|parts| parts.seconds.clone()),
    |call, value| {
        let before = call.with(|parts| std::mem::replace(&mut parts.seconds, value))?;
        drop(before);
        Ok(())
    }
);
attribute!(
    creator,
    set_creator,
    "creator",
    |call| note(call, |notes| notes.creator.clone()),
    |call, value| set_note(call, value, |notes| &mut notes.creator)
);
attribute!(
    last_repr,
    set_last_repr,
    "_repr",
    |call| note(call, |notes| notes.last_repr.clone()),
    |call, value| set_note(call, value, |notes| &mut notes.last_repr)
);

/// # Safety
/// The thread is attached.
unsafe extern "C" fn debug(_: Raw, _: *mut c_void) -> Raw {
    enter(|| Ok(Obj::bool(time::debugging()?)))
}

/// # Safety
/// `raw` is a delayed call.
unsafe extern "C" fn class(raw: Raw, _: *mut c_void) -> Raw {
    enter(|| match time::stock_class() {
        Some(class) => Ok(class),
        // SAFETY: called by the interpreter with an object, which has a class.
        None => Ok(unsafe { Obj::borrowed((*raw).ob_type.cast()) }),
    })
}
