//! What the classes here do with Deferreds and with the lists of those who wait, which may be a program's own.

use pyo3::{
    exceptions::PyAssertionError,
    prelude::*,
    types::{PyList, PyString, PyTuple},
};

use crate::{
    defer::{self, Callback, DeferredParts, Method, Side, as_deferred},
    interp::{Field, fallible, name},
    replaced,
};

/// Calls a method of Twisted's that looks names up, while one is replaced.
pub fn call_stock<'py>(
    owner: &Bound<'py, PyAny>,
    method: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    replaced::call_stock(method, Some(owner), &PyTuple::empty(owner.py()), None)
}

/// A Deferred that has been fired with `result`.
pub fn fired<'py>(result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    defer::succeed(result.py(), result.clone()).map(Bound::into_any)
}

/// The same, fired by a call of `callback`, which debug mode notes. `take` is called between making and firing it.
pub fn called<'py>(result: &Bound<'py, PyAny>, take: impl FnOnce()) -> PyResult<Bound<'py, PyAny>> {
    let deferred = defer::unfired(result.py(), None)?;
    take();
    defer::call_callback(&deferred, result.clone())?;
    Ok(deferred.into_any())
}

/// A Deferred at the end of `waiting`. Cancelling it calls the method `canceller` of `owner`.
pub fn wait<'py>(
    owner: &Bound<'py, PyAny>,
    canceller: &Bound<'py, PyString>,
    waiting: &Field<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let canceller = owner.getattr(canceller)?;
    let deferred = defer::unfired(owner.py(), Some(canceller))?.into_any();
    append(waiting, &deferred)?;
    Ok(deferred)
}

/// Fires a Deferred that has waited.
pub fn fire<'py>(deferred: &Bound<'py, PyAny>, result: &Bound<'py, PyAny>) -> PyResult<()> {
    if let Some(ours) = as_deferred(deferred) {
        return defer::call_callback(ours, result.clone());
    }
    deferred.call_method1(name!(deferred.py(), "callback")?, (result,))?;
    Ok(())
}

/// `deferred.addCallback(callback)`.
pub fn add_callback<'py>(
    deferred: &Bound<'py, PyAny>,
    callback: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    match as_deferred(deferred) {
        Some(ours) => defer::call_add_callback(ours, callback.clone()),
        None => deferred.call_method1(name!(deferred.py(), "addCallback")?, (callback,)),
    }
}

/// `deferred.addBoth(callback)`.
pub fn add_both<'py>(
    deferred: &Bound<'py, PyAny>,
    callback: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    match as_deferred(deferred) {
        Some(ours) if !ours.overrides(Method::AddBoth) => {
            let callback = Callback::Plain {
                side: Side::Both,
                callable: callback.clone(),
            };
            defer::add(ours, callback)?;
            Ok(deferred.clone())
        }
        _ => deferred.call_method1(name!(deferred.py(), "addBoth")?, (callback,)),
    }
}

/// `list.append(item)`, of a list that a program may have put there.
pub fn append(list: &Field<Py<PyAny>>, item: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = item.py();
    let list = list.clone_out(py).into_bound(py);
    match list.cast_exact::<PyList>() {
        Ok(list) => list.append(item),
        Err(_) => list.call_method1(name!(py, "append")?, (item,)).map(drop),
    }
}

/// `list.pop(0)`, of a list that a program may have put there.
pub fn pop_first<'py>(py: Python<'py>, list: &Field<Py<PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    let list = list.clone_out(py).into_bound(py);
    match list.cast_exact::<PyList>() {
        Ok(list) if !list.is_empty() => {
            let first = list.get_item(0)?;
            list.del_item(0)?;
            Ok(first)
        }
        _ => list.call_method1(name!(py, "pop")?, (0,)),
    }
}

/// `list.remove(item)`.
pub fn remove(list: &Field<Py<PyAny>>, item: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = item.py();
    let list = list.clone_out(py).into_bound(py);
    list.call_method1(name!(py, "remove")?, (item,)).map(drop)
}

/// `bool(list)`.
pub fn has_some(py: Python<'_>, list: &Field<Py<PyAny>>) -> PyResult<bool> {
    list.clone_out(py).into_bound(py).is_truthy()
}

/// As `assert` with a text.
pub fn require(py: Python<'_>, holds: bool, text: &str) -> PyResult<()> {
    match holds {
        true => Ok(()),
        false => Err(fallible::error::<PyAssertionError>(py, text)),
    }
}
