//! Taking turns: `DeferredLock`, `DeferredSemaphore` and `DeferredQueue`.
//!
//! Their cost is that of the Deferreds they make; they are classes of PyO3's, whose attributes programs
//! may read and set as those of Twisted's.

mod lock;
mod primitive;
mod queue;
mod semaphore;

pub use lock::DeferredLock;
pub use primitive::{Primitive, is_execute, is_primitive};
pub use queue::DeferredQueue;
pub use semaphore::DeferredSemaphore;

use pyo3::{
    exceptions::PyAssertionError,
    prelude::*,
    types::{PyDict, PyList, PyTuple},
};

use crate::{
    defer::Deferred,
    interp::{Maybe, Obj, Raised},
    replaced,
};

/// What the interpreter raised, as PyO3 has it.
fn raised<T>(py: Python<'_>, result: Maybe<T>) -> PyResult<T> {
    result.map_err(|Raised| PyErr::fetch(py))
}

/// A reference of our own.
fn obj(object: &Bound<'_, PyAny>) -> Obj {
    // SAFETY: the object is alive.
    unsafe { Obj::borrowed(object.as_ptr()) }
}

/// An object for PyO3.
fn bound(py: Python<'_>, object: Obj) -> Bound<'_, PyAny> {
    // SAFETY: the reference is handed over.
    unsafe { Bound::from_owned_ptr(py, object.into_ptr()) }
}

/// Calls a method of Twisted's that looks names up, while one is replaced.
fn by_name<'py>(
    owner: &Bound<'py, PyAny>,
    method: &str,
    arguments: &Bound<'py, PyTuple>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = owner.py();
    let keywords = keywords.map_or(std::ptr::null_mut(), |keywords| keywords.as_ptr());
    // SAFETY: the object, the tuple and the dict are alive.
    let result =
        unsafe { replaced::call_tuple(method, owner.as_ptr(), arguments.as_ptr(), keywords) };
    raised(py, result).map(|object| bound(py, object))
}

/// A Deferred that has been fired with `result`.
fn fired<'py>(result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = result.py();
    raised(py, Deferred::fired(obj(result))).map(|deferred| bound(py, deferred.into_object()))
}

/// The same, fired by a call of `callback`, which debug mode notes.
fn called<'py>(result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = result.py();
    let deferred = raised(py, Deferred::unfired(None))?;
    raised(py, deferred.call_callback(obj(result)))?;
    Ok(bound(py, deferred.into_object()))
}

/// A Deferred at the end of `waiting`. Cancelling it calls the method `canceller` of `owner`.
fn wait<'py>(
    owner: &Bound<'py, PyAny>,
    canceller: &str,
    waiting: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = owner.py();
    let canceller = obj(&owner.getattr(canceller)?);
    let deferred = bound(
        py,
        raised(py, Deferred::unfired(Some(canceller)))?.into_object(),
    );
    match waiting.cast::<PyList>() {
        Ok(list) => list.append(&deferred)?,
        Err(_) => drop(waiting.call_method1("append", (&deferred,))?),
    }
    Ok(deferred)
}

/// Fires a Deferred that has waited.
fn fire(deferred: &Bound<'_, PyAny>, result: &Bound<'_, PyAny>) -> PyResult<()> {
    match Deferred::of(&obj(deferred)) {
        Some(ours) => raised(deferred.py(), ours.call_callback(obj(result))),
        None => deferred.call_method1("callback", (result,)).map(drop),
    }
}

/// Takes the first of a list.
fn pop_first<'py>(list: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if !list.is_truthy()? {
        return Ok(None);
    }
    if let Ok(list) = list.cast::<PyList>() {
        let first = list.get_item(0)?;
        list.del_item(0)?;
        return Ok(Some(first));
    }
    list.call_method1("pop", (0,)).map(Some)
}

/// As `assert` with a text.
fn require(holds: bool, text: &'static str) -> PyResult<()> {
    if holds {
        Ok(())
    } else {
        Err(PyAssertionError::new_err(text))
    }
}
