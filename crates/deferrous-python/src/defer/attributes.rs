//! The attributes of a Deferred, those with an underscore included: other code reads and sets them.

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use pyo3::ffi;

use super::{
    callback::Canceller,
    callback_queue, debug_info,
    deferred::{Deferred, no_attribute},
    kinds::{Kind, kind},
};
use crate::interp::{
    Maybe, Obj, Raised, Raw, copied, dict_attribute, enter, enter_status, getset, raise, type_error,
};

/// The attributes of the class.
pub fn all() -> Vec<ffi::PyGetSetDef> {
    vec![
        getset(
            c"called",
            get_called,
            Some(set_called),
            c"Whether the Deferred was fired or cancelled.",
        ),
        getset(
            c"paused",
            get_paused,
            Some(set_paused),
            c"How often the Deferred was paused and not unpaused; waiting counts as once.",
        ),
        getset(
            c"result",
            get_result,
            Some(set_result),
            c"The result as it stands; absent until the Deferred is fired.",
        ),
        getset(
            c"_callbacks",
            get_callbacks,
            Some(set_callbacks),
            c"The callbacks that have not run yet, as pairs of (callable, args, kwargs).",
        ),
        getset(
            c"_canceller",
            get_canceller,
            Some(set_canceller),
            c"What cancel() calls.",
        ),
        getset(
            c"_chainedTo",
            get_chained_to,
            Some(set_chained_to),
            c"The Deferred that this one waits for.",
        ),
        getset(
            c"_debugInfo",
            get_debug_info,
            Some(set_debug_info),
            c"Who made and fired the Deferred, and a failure that nobody has handled.",
        ),
        getset(
            c"_runningCallbacks",
            get_running,
            Some(set_running),
            c"Whether a callback is running.",
        ),
        getset(
            c"_suppressAlreadyCalled",
            get_suppress,
            Some(set_suppress),
            c"Whether the next firing is ignored, since the Deferred was cancelled.",
        ),
        dict_attribute(),
    ]
}

macro_rules! getter {
    ($name:ident, $body:expr) => {
        /// # Safety
        /// `raw` is a Deferred.
        unsafe extern "C" fn $name(raw: Raw, _: *mut c_void) -> Raw {
            // SAFETY: called by the interpreter with a Deferred.
            let deferred = unsafe { Deferred::from_self(&raw) };
            let body: fn(&Deferred) -> Maybe = $body;
            enter(|| body(deferred))
        }
    };
}

macro_rules! setter {
    ($name:ident, $body:expr) => {
        /// # Safety
        /// `raw` is a Deferred; `value` is alive, or null to delete the attribute.
        unsafe extern "C" fn $name(raw: Raw, value: Raw, _: *mut c_void) -> c_int {
            // SAFETY: called by the interpreter with a Deferred and an object, or null to delete.
            let deferred = unsafe { Deferred::from_self(&raw) };
            // SAFETY: as above.
            let value = (!value.is_null()).then(|| unsafe { Obj::borrowed(value) });
            let body: fn(&Deferred, Option<Obj>) -> Maybe<()> = $body;
            enter_status(|| body(deferred, value))
        }
    };
}

/// What is left of a flag that is deleted: Twisted's class attribute.
fn truth(value: Option<Obj>) -> Maybe<bool> {
    value.map_or(Ok(false), |value| value.is_true())
}

fn not_none(value: Option<Obj>) -> Option<Obj> {
    value.filter(|value| !value.is(crate::twisted::none()))
}

getter!(get_called, |d| Ok(Obj::bool(d.parts().called.get())));
setter!(set_called, |d, value| {
    let on = truth(value)?;
    d.parts().called.set(on);
    Ok(())
});

getter!(get_paused, |d| Obj::int(d.parts().paused.get() as isize));
setter!(set_paused, |d, value| {
    let Some(value) = value else {
        d.parts().paused.set(0);
        return Ok(());
    };
    // SAFETY: the object is alive.
    let count = unsafe { ffi::PyLong_AsLong(value.as_ptr()) };
    // SAFETY: the thread is attached.
    if count == -1 && !unsafe { ffi::PyErr_Occurred() }.is_null() {
        return Err(Raised);
    }
    let count = i32::try_from(count).map_err(|_| type_error("Deferred.paused is out of range"))?;
    d.parts().paused.set(count);
    Ok(())
});

getter!(get_result, |d| d.required_result());
setter!(set_result, |d, value| {
    let deleted = value.is_none();
    let before = d.parts().result.replace(value);
    if deleted && before.is_none() {
        return Err(nothing_to_delete(d, "result"));
    }
    Ok(())
});

/// Raises that there is no such attribute to be deleted, in the words of this Python.
#[cold]
fn nothing_to_delete(deferred: &Deferred, name: &str) -> Raised {
    if cfg!(Py_3_11) {
        return no_attribute(deferred, name);
    }
    // SAFETY: reading a static of the interpreter.
    raise(unsafe { ffi::PyExc_AttributeError }, name)
}

getter!(get_callbacks, callback_queue::as_list);
setter!(set_callbacks, |d, value| {
    let Some(list) = value else {
        return Err(type_error("Deferred._callbacks cannot be deleted"));
    };
    // SAFETY: the object is alive.
    if unsafe { ffi::PyList_Check(list.as_ptr()) } == 0 {
        return Err(type_error("Deferred._callbacks must be a list"));
    }
    callback_queue::set_list(d, list);
    Ok(())
});

getter!(get_canceller, |d| match copied(&d.parts().canceller) {
    Some(Canceller {
        target,
        native: Some(native),
    }) => (native.show)(&target),
    Some(Canceller { target, .. }) => Ok(target),
    None => Ok(Obj::none()),
});
setter!(set_canceller, |d, value| {
    let canceller = not_none(value).map(Canceller::callable);
    drop(d.parts().canceller.replace(canceller));
    Ok(())
});

getter!(get_chained_to, |d| Ok(
    copied(&d.parts().chained_to).map_or_else(Obj::none, Deferred::into_object)
));
setter!(set_chained_to, |d, value| {
    let upstream = match not_none(value) {
        None => None,
        Some(value) if kind(&value) == Kind::Deferred => Deferred::of(&value),
        Some(_) => return Err(type_error("Deferred._chainedTo must be a Deferred or None")),
    };
    drop(d.parts().chained_to.replace(upstream));
    Ok(())
});

getter!(get_debug_info, debug_info::show);
setter!(set_debug_info, |d, value| debug_info::replace(
    d,
    not_none(value)
));

getter!(get_running, |d| Ok(Obj::bool(
    d.parts().running_callbacks.get()
)));
setter!(set_running, |d, value| {
    let on = truth(value)?;
    d.parts().running_callbacks.set(on);
    Ok(())
});

getter!(get_suppress, |d| Ok(Obj::bool(
    d.parts().suppress_already_called.get()
)));
setter!(set_suppress, |d, value| {
    let on = truth(value)?;
    d.parts().suppress_already_called.set(on);
    Ok(())
});

/// What an instance of Twisted's class has in its `__dict__`, for pickling and copying.
pub fn as_dict(deferred: &Deferred) -> Maybe {
    // SAFETY: the thread is attached, and the dicts and values are alive.
    unsafe {
        let dict = Obj::owned(ffi::PyDict_New())?;
        let own = deferred.object().as_ptr();
        let own = Obj::owned(ffi::PyObject_GenericGetDict(own, ptr::null_mut()))?;
        let names = [
            queue_name(deferred)?,
            "_canceller",
            "called",
            "paused",
            "_chainedTo",
            "_debugInfo",
            "_suppressAlreadyCalled",
            "result",
        ];
        for name in names {
            let name = Obj::name(name)?;
            match deferred.object().getattr(&name) {
                Ok(value) => {
                    if ffi::PyDict_SetItem(dict.as_ptr(), name.as_ptr(), value.as_ptr()) < 0 {
                        return Err(Raised);
                    }
                }
                Err(Raised) => ffi::PyErr_Clear(),
            }
        }
        if ffi::PyDict_Update(dict.as_ptr(), own.as_ptr()) < 0 {
            return Err(Raised);
        }
        Ok(dict)
    }
}

/// What the list of callbacks is called: before Twisted 25.5 its name had no underscore.
fn queue_name(deferred: &Deferred) -> Maybe<&'static str> {
    // SAFETY: the class is alive.
    let class = unsafe { Obj::borrowed(deferred.object().class().cast()) };
    let is_same = class
        .get("callbacks")?
        .is(class.get("_callbacks")?.as_ptr());
    Ok(if is_same { "callbacks" } else { "_callbacks" })
}

/// `str` and `repr`.
///
/// # Safety
///
/// Called by the interpreter with a Deferred.
pub unsafe extern "C" fn repr(raw: Raw) -> Raw {
    // SAFETY: as said.
    let deferred = unsafe { Deferred::from_self(&raw) };
    enter(|| {
        let class = deferred.object().getattr(&crate::twisted::names().class)?;
        let class = class.getattr(&crate::twisted::names().name)?.to_text()?;
        let waits = copied(&deferred.parts().chained_to).map(|inner| inner.object().as_ptr());
        let outcome = deferred.result();
        let rest = match (waits, outcome) {
            (Some(inner), _) => format!(" waiting on Deferred at 0x{:x}", inner.addr()),
            (None, None) => String::new(),
            (None, Some(outcome)) => {
                // SAFETY: the object is alive.
                let text = unsafe { Obj::owned(ffi::PyObject_Repr(outcome.as_ptr())) }?;
                return text_of(&class, raw, &text);
            }
        };
        Obj::text(&format!("<{class} at 0x{:x}{rest}>", raw.addr()))
    })
}

/// The text with a result in it, which may hold what UTF-8 cannot.
fn text_of(class: &str, raw: Raw, result: &Obj) -> Maybe {
    let before = Obj::text(&format!("<{class} at 0x{:x} current result: ", raw.addr()))?;
    let after = Obj::text(">")?;
    // SAFETY: all are `str` and alive.
    unsafe {
        let text = Obj::owned(ffi::PyUnicode_Concat(before.as_ptr(), result.as_ptr()))?;
        Obj::owned(ffi::PyUnicode_Concat(text.as_ptr(), after.as_ptr()))
    }
}
