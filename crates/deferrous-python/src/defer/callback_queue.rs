//! The callbacks of a Deferred that have not run yet: a queue, until a program asks for `_callbacks`. From then on
//! they are in the `list` that it was given.

use pyo3::{
    prelude::*,
    types::{PyList, PyTuple},
};

use super::{
    deferred::{Arguments, Callback, Deferred, Side},
    kinds::as_deferred,
    parts::no_attribute,
};
use crate::{interp::fallible, twisted::objects};

/// Appends a callback.
#[inline(always)]
pub fn push<'py>(deferred: &Bound<'py, Deferred>, callback: Callback<'py>) -> PyResult<()> {
    let (py, parts) = (deferred.py(), deferred.get());
    if parts.listed.is_some(py) {
        return as_list(deferred)?.append(entry_of(py, &callback)?);
    }
    parts.callbacks.push(py, callback);
    Ok(())
}

/// Puts a callback before all others. A list that a program has seen, and may have put elsewhere, too, stays as it
/// was: the Deferred gets another one.
pub fn push_front<'py>(deferred: &Bound<'py, Deferred>, callback: Callback<'py>) -> PyResult<()> {
    let (py, parts) = (deferred.py(), deferred.get());
    let Some(seen) = parts.listed.clone_out(py) else {
        parts.callbacks.push_front(py, callback);
        return Ok(());
    };
    let entry = entry_of(py, &callback)?;
    let list = fallible::to_list(&seen)?;
    list.insert(0, entry)?;
    set_list(deferred, list);
    Ok(())
}

/// Takes the first callback.
#[inline(always)]
pub fn pop<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Option<Callback<'py>>> {
    let (py, parts) = (deferred.py(), deferred.get());
    match parts.listed.clone_out(py) {
        None => Ok(parts.callbacks.pop(py)),
        Some(list) => pop_of_list(&list),
    }
}

#[cold]
fn pop_of_list<'py>(list: &Bound<'py, PyList>) -> PyResult<Option<Callback<'py>>> {
    if list.is_empty() {
        return Ok(None);
    }
    let entry = list.get_item(0)?;
    list.del_item(0)?;
    Ok(Some(match waiting(&entry) {
        Some(waiting) => Callback::Continuation { waiting },
        None => Callback::Entry { entry },
    }))
}

/// The Deferred that waits, if the entry is a continuation.
fn waiting<'py>(entry: &Bound<'py, PyAny>) -> Option<Bound<'py, Deferred>> {
    let item = |of: &Bound<'py, PyAny>, at| of.cast::<PyTuple>().ok()?.get_item(at).ok();
    let triple = item(entry, 0)?;
    if !item(&triple, 0)?.is(&objects(entry.py()).continue_) {
        return None;
    }
    as_deferred(&item(&item(&triple, 1)?, 0)?).cloned()
}

/// `_callbacks`: the callbacks as a list, which they stay from then on.
pub fn as_list<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyList>> {
    let (py, parts) = (deferred.py(), deferred.get());
    if !parts.is_initialised.get(py) {
        return Err(no_attribute(deferred, "_callbacks"));
    }
    if let Some(list) = parts.listed.clone_out(py) {
        return Ok(list);
    }
    let callbacks = parts.callbacks.snapshot(py);
    let list = fallible::list(py)?;
    for callback in &callbacks {
        list.append(entry_of(py, callback)?)?;
    }
    // Making objects may have run user code, which has fired the Deferred or added callbacks. The list is what was
    // there when it was asked for, and the callbacks stay where they are.
    let now = parts.callbacks.snapshot(py);
    let is_unchanged = now.len() == callbacks.len()
        && now.iter().zip(&callbacks).all(|(a, b)| a.is_same(b))
        && !parts.listed.is_some(py);
    if is_unchanged {
        set_list(deferred, list.clone());
    }
    Ok(list)
}

/// A copy of the callbacks, as a tuple of Twisted's entries. They stay where they are.
pub fn entries<'py>(deferred: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyTuple>> {
    let (py, parts) = (deferred.py(), deferred.get());
    if let Some(list) = parts.listed.clone_out(py) {
        return fallible::to_tuple(&list);
    }
    let callbacks = parts.callbacks.snapshot(py);
    let entries = callbacks.iter().map(|callback| entry_of(py, callback));
    fallible::tuple_of(py, &entries.collect::<PyResult<Vec<_>>>()?)
}

/// Puts a list in the place of the callbacks.
pub fn set_list<'py>(deferred: &Bound<'py, Deferred>, list: Bound<'py, PyList>) {
    let (py, parts) = (deferred.py(), deferred.get());
    parts.is_initialised.set(py, true);
    let before = (
        parts.callbacks.take(py),
        parts.listed.replace(py, Some(list)),
    );
    drop(before);
}

/// Forgets all callbacks, as `__init__` does.
pub fn clear(deferred: &Bound<'_, Deferred>) {
    let (py, parts) = (deferred.py(), deferred.get());
    let before = (parts.callbacks.take(py), parts.listed.take(py));
    drop(before);
}

/// The entry that a waiting Deferred adds to the callbacks of the Deferred it waits for; Twisted's `_continuation`.
pub fn continuation<'py>(waiting: &Bound<'py, Deferred>) -> PyResult<Bound<'py, PyAny>> {
    let py = waiting.py();
    let stock = objects(py);
    let who = fallible::tuple(py, [waiting.as_any().clone()])?.into_any();
    let parts = [
        stock.continue_.bind(py).clone(),
        who,
        stock.no_kwargs.bind(py).clone(),
    ];
    let triple = fallible::tuple(py, parts)?.into_any();
    Ok(fallible::tuple(py, [triple.clone(), triple])?.into_any())
}

/// An entry as Twisted has it: `((callback, args, kwargs), (errback, args, kwargs))`.
fn entry_of<'py>(py: Python<'py>, callback: &Callback<'py>) -> PyResult<Bound<'py, PyAny>> {
    let pair = |callback, errback| Ok(fallible::tuple(py, [callback, errback])?.into_any());
    let call = |callable: &Bound<'py, PyAny>| triple(callable, PyTuple::empty(py), None);
    let (side, own) = match callback {
        Callback::Entry { entry } => return Ok(entry.clone()),
        Callback::Continuation { waiting } => return continuation(waiting),
        Callback::Pair { callback, errback } => return pair(call(callback)?, call(errback)?),
        Callback::Native {
            side,
            index,
            native,
            target,
        } => {
            let [callback, errback] = (native.show)(target, *index)?;
            let own = triple(&callback.0, callback.1, None)?;
            if *side == Side::Both {
                return pair(own, triple(&errback.0, errback.1, None)?);
            }
            (side, own)
        }
        Callback::Plain { side, callable } => (side, call(callable)?),
        Callback::WithArgument {
            side,
            callable,
            argument,
        } => {
            let arguments = fallible::tuple(py, [argument.clone()])?;
            (side, triple(callable, arguments, None)?)
        }
        Callback::WithArguments {
            side,
            callable,
            rest,
        } => {
            let Arguments {
                positional,
                keywords,
            } = &**rest;
            let keywords = keywords.as_ref().map(|keywords| keywords.as_any().clone());
            (side, triple(callable, positional.clone(), keywords)?)
        }
    };
    match side {
        Side::Callback => pair(own, call(objects(py).failthru.bind(py))?),
        Side::Errback => pair(call(objects(py).passthru.bind(py))?, own),
        Side::Both => pair(own.clone(), own),
    }
}

/// One side of an entry.
fn triple<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: Bound<'py, PyTuple>,
    keywords: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    let keywords = match keywords {
        Some(keywords) => keywords,
        None => fallible::dict(py)?.into_any(),
    };
    Ok(fallible::tuple(py, [callable.clone(), arguments.into_any(), keywords])?.into_any())
}
