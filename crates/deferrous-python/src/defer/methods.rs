//! The methods of a Deferred, as the interpreter calls them.

use std::ptr;

use pyo3::ffi;

use super::{
    adding::{add_both, add_callback, add_callbacks, add_errback},
    attributes, awaiting,
    callback::Callback,
    callback_queue,
    deferred::Deferred,
    kinds::{Method, classes},
    run_callbacks,
};
use crate::{
    docs,
    interp::{
        CALL_WITH_KEYWORDS, CLASS_METHOD, Maybe, ONE_ARGUMENT, Obj, Raw, Signature, enter, method,
        type_error,
    },
    replaced,
    twisted::names,
};

type Count = ffi::Py_ssize_t;

/// The methods of the class.
pub fn all() -> Vec<ffi::PyMethodDef> {
    vec![
        method(c"addCallback", CALL_WITH_KEYWORDS(add_callback), docs::ADD_CALLBACK),
        method(c"addErrback", CALL_WITH_KEYWORDS(add_errback), docs::ADD_ERRBACK),
        method(c"addBoth", CALL_WITH_KEYWORDS(add_both), docs::ADD_BOTH),
        method(c"addCallbacks", CALL_WITH_KEYWORDS(add_callbacks), docs::ADD_CALLBACKS),
        method(c"callback", CALL_WITH_KEYWORDS(callback), docs::CALLBACK),
        method(c"errback", CALL_WITH_KEYWORDS(errback), docs::ERRBACK),
        method(c"pause", CALL_WITH_KEYWORDS(pause), c"pause($self)\n--\n\nHold the callbacks back until unpause is called as often."),
        method(c"unpause", CALL_WITH_KEYWORDS(unpause), c"unpause($self)\n--\n\nEnd one pause; with the last one, run the callbacks that have queued up."),
        method(c"cancel", CALL_WITH_KEYWORDS(cancel), docs::CANCEL),
        method(c"chainDeferred", CALL_WITH_KEYWORDS(chain_deferred), docs::CHAIN_DEFERRED),
        method(c"__init_subclass__", CLASS_METHOD(init_subclass), c"__init_subclass__($type, **kwargs)\n--\n\nNote a new class of Deferreds. Keywords are ignored."),
        method(c"__class_getitem__", CLASS_METHOD(class_getitem), c"__class_getitem__($type, item, /)\n--\n\nThe class with the type of its result, for annotations."),
        method(c"__reduce_ex__", ONE_ARGUMENT(reduce_ex), c"__reduce_ex__($self, protocol, /)\n--\n\nFor pickle."),
        method(c"__getstate__", CALL_WITH_KEYWORDS(getstate), c"__getstate__($self)\n--\n\nThe attributes, as a dict."),
        method(c"__setstate__", CALL_WITH_KEYWORDS(setstate), c"__setstate__($self, state)\n--\n\nSet attributes from a dict."),
        method(c"_startRunCallbacks", CALL_WITH_KEYWORDS(start_run_callbacks), c"_startRunCallbacks($self, result)\n--\n\nWhat callback and errback end in."),
        method(c"_runCallbacks", CALL_WITH_KEYWORDS(run_callbacks), c"_runCallbacks($self)\n--\n\nRun the callbacks that may run."),
        method(c"_continuation", CALL_WITH_KEYWORDS(continuation), c"_continuation($self)\n--\n\nThe entry that a Deferred which is waited for keeps."),
    ]
}

const CALLBACK: Signature<1> = Signature {
    function: "Deferred.callback",
    names: ["result"],
    required: 1,
};

/// # Safety
/// `raw` is a Deferred. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn callback(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let [outcome] = CALLBACK.bind(arguments, count, names)?;
        Deferred::from_self(&raw).callback(Obj::borrowed(outcome))?;
        Ok(Obj::none())
    })
}

const ERRBACK: Signature<1> = Signature {
    function: "Deferred.errback",
    names: ["fail"],
    required: 0,
};

/// # Safety
/// `raw` is a Deferred. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn errback(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("Deferred.errback", raw, arguments, count, names);
        }
        let [fail] = ERRBACK.bind(arguments, count, names)?;
        let given = !fail.is_null() && !ptr::eq(fail, ffi::Py_None());
        let fail = given.then(|| Obj::borrowed(fail));
        Deferred::from_self(&raw).errback(fail.as_ref())?;
        Ok(Obj::none())
    })
}

const START: Signature<1> = Signature {
    function: "Deferred._startRunCallbacks",
    names: ["result"],
    required: 1,
};

/// # Safety
/// `raw` is a Deferred. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn start_run_callbacks(
    raw: Raw,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("Deferred._startRunCallbacks", raw, arguments, count, names);
        }
        let [outcome] = START.bind(arguments, count, names)?;
        Deferred::from_self(&raw).start(Obj::borrowed(outcome), 1)?;
        Ok(Obj::none())
    })
}

/// A method without arguments, which refuses arguments as Python's functions do. `$by_name` is the function of Twisted
/// that is called while a name is replaced, or `None` if that function looks no names up.
macro_rules! without_arguments {
    ($name:ident, $function:literal, $by_name:expr, $body:expr) => {
        /// # Safety
        /// `raw` is a Deferred. There are `count` arguments, and as many more as `names`.
        unsafe extern "C" fn $name(
            raw: Raw,
            arguments: *const Raw,
            count: Count,
            names: Raw,
        ) -> Raw {
            const NONE: Signature<0> = Signature {
                function: $function,
                names: [],
                required: 0,
            };
            let body: fn(&Deferred) -> Maybe = $body;
            // SAFETY: called by the interpreter with a Deferred.
            enter(|| unsafe {
                let [] = NONE.bind(arguments, count, names)?;
                if replaced::any()
                    && let Some(name) = $by_name
                {
                    return replaced::call(name, raw, arguments, count, names);
                }
                body(Deferred::from_self(&raw))
            })
        }
    };
}

without_arguments!(pause, "Deferred.pause", None, |deferred| {
    let paused = &deferred.parts().paused;
    paused.set(paused.get() + 1);
    Ok(Obj::none())
});
without_arguments!(unpause, "Deferred.unpause", None, |deferred| {
    deferred.unpause().map(|()| Obj::none())
});
without_arguments!(
    cancel,
    "Deferred.cancel",
    Some("Deferred.cancel"),
    |deferred| { deferred.cancel().map(|()| Obj::none()) }
);
without_arguments!(
    run_callbacks,
    "Deferred._runCallbacks",
    Some("Deferred._runCallbacks"),
    |deferred| { run_callbacks::run_callbacks(deferred).map(|()| Obj::none()) }
);
without_arguments!(
    continuation,
    "Deferred._continuation",
    Some("Deferred._continuation"),
    |deferred| { callback_queue::continuation(deferred.object()) }
);
without_arguments!(getstate, "Deferred.__getstate__", None, attributes::as_dict);

const CHAIN: Signature<1> = Signature {
    function: "Deferred.chainDeferred",
    names: ["d"],
    required: 1,
};

/// # Safety
/// `raw` is a Deferred. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn chain_deferred(
    raw: Raw,
    arguments: *const Raw,
    count: Count,
    keywords: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let [other] = CHAIN.bind(arguments, count, keywords)?;
        let deferred = Deferred::from_self(&raw);
        let (object, other) = (deferred.object(), Obj::borrowed(other));
        other.setattr(&Obj::name("_chainedTo")?, object)?;
        let callback = other.getattr(&names().callback)?;
        let errback = other.getattr(&names().errback)?;
        if deferred.overrides(Method::AddCallbacks) {
            let arguments = [ptr::null_mut(), callback.as_ptr(), errback.as_ptr()];
            return object.call_method(&names().add_callbacks, arguments);
        }
        deferred.add(Callback::Pair { callback, errback })?;
        Ok(object.clone())
    })
}

/// Twisted ignores the keywords of a class statement here, and so does this.
///
/// # Safety
/// `class` is a class.
unsafe extern "C" fn init_subclass(class: Raw, _: *const Raw, _: Count, _: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| {
        replaced::named("_DEFERRED_SUBCLASSES", &classes().subclasses)?
            .call_method(&names().append, [ptr::null_mut(), class])
    })
}

/// # Safety
/// `class` is a class, and there are `count` arguments.
unsafe extern "C" fn class_getitem(class: Raw, arguments: *const Raw, count: Count, _: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if count != 1 {
            return Err(type_error("Deferred[...] takes one argument"));
        }
        Obj::owned(ffi::Py_GenericAlias(class, *arguments))
    })
}

/// `__iter__` and `__await__`.
///
/// # Safety
///
/// Called by the interpreter with a Deferred.
pub unsafe extern "C" fn iterate(raw: Raw) -> Raw {
    // SAFETY: as said.
    let deferred = unsafe { Deferred::from_self(&raw) };
    enter(|| {
        if replaced::any() {
            // SAFETY: as said; there are no arguments.
            return unsafe {
                replaced::call("Deferred.__iter__", raw, ptr::null(), 0, ptr::null_mut())
            };
        }
        awaiting::new(deferred)
    })
}

/// Older protocols of pickle know nothing of `__getstate__` of classes that are not made in Python.
///
/// # Safety
/// `raw` is a Deferred.
unsafe extern "C" fn reduce_ex(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a Deferred.
    enter(|| unsafe {
        let base = Obj::borrowed((&raw mut ffi::PyBaseObject_Type).cast());
        let protocol = Obj::int(2)?;
        base.get("__reduce_ex__")?.call(&[raw, protocol.as_ptr()])
    })
}

const SETSTATE: Signature<1> = Signature {
    function: "Deferred.__setstate__",
    names: ["state"],
    required: 1,
};

/// # Safety
/// `raw` is a Deferred. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn setstate(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let [state] = SETSTATE.bind(arguments, count, names)?;
        let items = Obj::owned(ffi::PyMapping_Items(state))?;
        // A tuple, since a program could find a list by the collector, and change it while attributes are set.
        let items = Obj::owned(ffi::PySequence_Tuple(items.as_ptr()))?;
        for at in 0..ffi::PyTuple_GET_SIZE(items.as_ptr()) {
            let pair = Obj::borrowed(ffi::PyTuple_GET_ITEM(items.as_ptr(), at));
            let name = Obj::owned(ffi::PySequence_GetItem(pair.as_ptr(), 0))?;
            let value = Obj::owned(ffi::PySequence_GetItem(pair.as_ptr(), 1))?;
            Deferred::from_self(&raw).object().setattr(&name, &value)?;
        }
        Ok(Obj::none())
    })
}

/// The C functions of `callback` and `errback`.
pub fn firing() -> [usize; 2] {
    [
        callback as *const () as usize,
        errback as *const () as usize,
    ]
}
