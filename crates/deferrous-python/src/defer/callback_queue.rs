//! The callbacks of a Deferred that have not run yet: a queue, until a program asks for `_callbacks`. From then on
//! they are in the `list` that it was given.

use pyo3::ffi;

use super::{
    callback::{Arguments, Callback, Side},
    deferred::{Deferred, no_attribute},
    kinds::{Kind, kind},
};
use crate::{
    interp::{Maybe, Obj, Raised, copied, is_some},
    twisted::twisted,
};

/// Appends a callback.
#[inline(always)]
pub fn push(deferred: &Deferred, callback: Callback) -> Maybe<()> {
    let parts = deferred.parts();
    if is_some(&parts.listed) {
        return append(deferred, &callback);
    }
    parts.callbacks.push(callback);
    Ok(())
}

#[cold]
fn append(deferred: &Deferred, callback: &Callback) -> Maybe<()> {
    let entry = entry_of(callback)?;
    let list = as_list(deferred)?;
    // SAFETY: it is a list, and the entry is alive.
    match unsafe { ffi::PyList_Append(list.as_ptr(), entry.as_ptr()) } {
        0 => Ok(()),
        _ => Err(Raised),
    }
}

/// Puts a callback before all others. A list that a program has seen, and may have put elsewhere, too, stays as it
/// was: the Deferred gets another one.
pub fn push_front(deferred: &Deferred, callback: Callback) -> Maybe<()> {
    let parts = deferred.parts();
    let Some(seen) = copied(&parts.listed) else {
        parts.callbacks.push_front(callback);
        return Ok(());
    };
    let entry = entry_of(&callback)?;
    // SAFETY: the list and the entry are alive.
    unsafe {
        let list = Obj::owned(ffi::PySequence_List(seen.as_ptr()))?;
        if ffi::PyList_Insert(list.as_ptr(), 0, entry.as_ptr()) < 0 {
            return Err(Raised);
        }
        set_list(deferred, list);
    }
    Ok(())
}

/// Takes the first callback.
#[inline(always)]
pub fn pop(deferred: &Deferred) -> Maybe<Option<Callback>> {
    let parts = deferred.parts();
    match copied(&parts.listed) {
        None => Ok(parts.callbacks.pop()),
        Some(list) => pop_of_list(&list),
    }
}

#[cold]
fn pop_of_list(list: &Obj) -> Maybe<Option<Callback>> {
    // SAFETY: it is a list, whose length is looked at; the entry is kept alive.
    unsafe {
        if ffi::PyList_GET_SIZE(list.as_ptr()) == 0 {
            return Ok(None);
        }
        let entry = Obj::borrowed(ffi::PyList_GET_ITEM(list.as_ptr(), 0));
        if ffi::PyList_SetSlice(list.as_ptr(), 0, 1, std::ptr::null_mut()) < 0 {
            return Err(Raised);
        }
        Ok(Some(match waiting(&entry) {
            Some(waiting) => Callback::Continuation { waiting },
            None => Callback::Entry { entry },
        }))
    }
}

/// The Deferred that waits, if the entry is a continuation.
fn waiting(entry: &Obj) -> Option<Obj> {
    // SAFETY: each is looked at as a tuple only where it is one that is long enough.
    unsafe {
        let item = |tuple: *mut ffi::PyObject, at: ffi::Py_ssize_t| {
            (ffi::PyTuple_Check(tuple) != 0 && ffi::PyTuple_GET_SIZE(tuple) > at)
                .then(|| ffi::PyTuple_GET_ITEM(tuple, at))
        };
        let triple = item(entry.as_ptr(), 0)?;
        if !twisted().continue_.is(item(triple, 0)?) {
            return None;
        }
        let waiting = Obj::borrowed(item(item(triple, 1)?, 0)?);
        (kind(&waiting) == Kind::Deferred).then_some(waiting)
    }
}

/// `_callbacks`: the callbacks as a list, which they stay from then on.
pub fn as_list(deferred: &Deferred) -> Maybe {
    let parts = deferred.parts();
    if !parts.is_initialised.get() {
        return Err(no_attribute(deferred, "_callbacks"));
    }
    if let Some(list) = copied(&parts.listed) {
        return Ok(list);
    }
    let callbacks = parts.callbacks.snapshot();
    // SAFETY: the thread is attached; the list and its entries are alive.
    let list = unsafe { Obj::owned(ffi::PyList_New(0)) }?;
    for callback in &callbacks {
        let entry = entry_of(callback)?;
        // SAFETY: as above.
        if unsafe { ffi::PyList_Append(list.as_ptr(), entry.as_ptr()) } < 0 {
            return Err(Raised);
        }
    }
    // Making objects may have run user code, which has fired the Deferred or added callbacks. The list is what was
    // there when it was asked for, and the callbacks stay where they are.
    let now = parts.callbacks.snapshot();
    let is_unchanged = now.len() == callbacks.len()
        && now.iter().zip(&callbacks).all(|(a, b)| a.is_same(b))
        && !is_some(&parts.listed);
    if is_unchanged {
        set_list(deferred, list.clone());
    }
    Ok(list)
}

/// Puts a list in the place of the callbacks.
pub fn set_list(deferred: &Deferred, list: Obj) {
    let parts = deferred.parts();
    parts.is_initialised.set(true);
    let before = (parts.callbacks.take(), parts.listed.replace(Some(list)));
    drop(before);
}

/// Forgets all callbacks, as `__init__` does.
pub fn clear(deferred: &Deferred) {
    let parts = deferred.parts();
    let before = (parts.callbacks.take(), parts.listed.take());
    drop(before);
}

/// The entry that a waiting Deferred adds to the callbacks of the Deferred it waits for; Twisted's `_continuation`.
pub fn continuation(waiting: &Obj) -> Maybe {
    let twisted = twisted();
    let who = Obj::tuple([waiting.clone()])?;
    let triple = Obj::tuple([twisted.continue_.clone(), who, twisted.no_kwargs.clone()])?;
    Obj::tuple([triple.clone(), triple])
}

/// An entry as Twisted has it: `((callback, args, kwargs), (errback, args, kwargs))`.
fn entry_of(callback: &Callback) -> Maybe {
    let empty = || twisted().empty.clone();
    // SAFETY: the thread is attached.
    let dict = || unsafe { Obj::owned(ffi::PyDict_New()) };
    let triple = |callable: Obj, args: Obj| Obj::tuple([callable, args, dict()?]);
    let (side, call) = match callback {
        Callback::Entry { entry } => return Ok(entry.clone()),
        Callback::Continuation { waiting } => return continuation(waiting),
        Callback::Pair { callback, errback } => {
            let callback = triple(callback.clone(), empty())?;
            return Obj::tuple([callback, triple(errback.clone(), empty())?]);
        }
        Callback::Native {
            side,
            index,
            native,
            target,
        } => {
            let [callback, errback] = (native.show)(target, *index)?;
            let call = triple(callback.0, callback.1)?;
            if *side == Side::Both {
                return Obj::tuple([call, triple(errback.0, errback.1)?]);
            }
            (side, call)
        }
        Callback::Plain { side, callable } => (side, triple(callable.clone(), empty())?),
        Callback::WithArgument {
            side,
            callable,
            argument,
        } => (
            side,
            triple(callable.clone(), Obj::tuple([argument.clone()])?)?,
        ),
        Callback::WithArguments {
            side,
            callable,
            rest,
        } => (side, with_arguments(callable, rest, dict)?),
    };
    let pass = |callable: &Obj| triple(callable.clone(), empty());
    match side {
        Side::Callback => Obj::tuple([call, pass(&twisted().failthru)?]),
        Side::Errback => Obj::tuple([pass(&twisted().passthru)?, call]),
        Side::Both => Obj::tuple([call.clone(), call]),
    }
}

fn with_arguments(callable: &Obj, rest: &Arguments, dict: impl FnOnce() -> Maybe) -> Maybe {
    let keywords = match &rest.keywords {
        Some(keywords) => keywords.clone(),
        None => dict()?,
    };
    Obj::tuple([callable.clone(), rest.positional.clone(), keywords])
}
