//! `DeferredQueue`.

use pyo3::{
    ffi,
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyAnyMethods, PyDict, PyList, PyTuple, PyType},
};

use super::{by_name, fire, fired, pop_first, raised, wait};
use crate::{interp::Obj, replaced};

/// A queue for programs that wait by Deferreds.
///
///     >>> from twisted.internet.defer import DeferredQueue
///     >>> queue = DeferredQueue()
///     >>> waits = queue.get().addCallback(print)
///     >>> queue.put("an object")
///     an object
///
/// It belongs to the thread that runs the reactor. Twisted has it by the same name.
///
/// Args:
///     size: how many objects it keeps; None for any number.
///     backlog: how many may wait for one; None for any number.
#[pyclass(subclass, dict, weakref, module = "twisted.internet.defer")]
pub struct DeferredQueue {
    /// The Deferreds of those who wait for an object.
    #[pyo3(get, set)]
    waiting: Py<PyAny>,
    /// The objects that nobody has taken yet.
    #[pyo3(get, set)]
    pending: Py<PyAny>,
    /// How many objects there may be; None for any number.
    #[pyo3(get, set)]
    size: Py<PyAny>,
    /// How many may wait; None for any number.
    #[pyo3(get, set)]
    backlog: Py<PyAny>,
}

/// Whether `list` has less entries than `limit` says.
fn has_room(list: &Bound<'_, PyAny>, limit: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(limit.is_none() || list.len()?.into_pyobject(list.py())?.lt(limit)?)
}

/// Raises one of Twisted's exceptions.
fn error(py: Python<'_>, name: &str) -> PyErr {
    let class = py
        .import("twisted.internet.defer")
        .and_then(|module| Ok(module.getattr(name)?.cast_into::<PyType>()?));
    match class {
        // The interpreter makes the exception when it is raised, and sees what is handled there.
        Ok(class) => PyErr::from_type(class, ()),
        Err(error) => error,
    }
}

#[pymethods]
impl DeferredQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(size=None, backlog=None)")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> Self {
        DeferredQueue {
            waiting: PyList::empty(py).into_any().unbind(),
            pending: PyList::empty(py).into_any().unbind(),
            size: py.None(),
            backlog: py.None(),
        }
    }

    /// The queue is empty.
    #[pyo3(signature = (size=None, backlog=None))]
    fn __init__(&mut self, py: Python<'_>, size: Option<Py<PyAny>>, backlog: Option<Py<PyAny>>) {
        self.size = size.unwrap_or_else(|| py.None());
        self.backlog = backlog.unwrap_or_else(|| py.None());
    }

    /// The class with the type of its objects, for annotations.
    #[classmethod]
    #[pyo3(signature = (item, /))]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = class.py();
        // SAFETY: both are alive.
        let alias = unsafe { Obj::owned(ffi::Py_GenericAlias(class.as_ptr(), item.as_ptr())) };
        raised(py, alias).map(|alias| super::bound(py, alias))
    }

    /// Give an object to the one that has waited longest, or keep it.
    ///
    /// Raises:
    ///     QueueOverflow: nobody waits, and `size` objects are kept already.
    fn put(slf: &Bound<'_, Self>, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let waiting = slf.borrow().waiting.bind(py).clone();
        if let Some(next) = pop_first(&waiting)? {
            return fire(&next, obj);
        }
        let (pending, size) = {
            let queue = slf.borrow();
            (queue.pending.bind(py).clone(), queue.size.bind(py).clone())
        };
        if !has_room(&pending, &size)? {
            return Err(error(py, "QueueOverflow"));
        }
        match pending.cast::<PyList>() {
            Ok(list) => list.append(obj),
            Err(_) => pending.call_method1("append", (obj,)).map(drop),
        }
    }

    /// Wait for an object: a Deferred that fires with it. Cancelling that gives the place up.
    ///
    /// Raises:
    ///     QueueUnderflow: there is no object, and `backlog` others wait already.
    fn get<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if replaced::any() {
            return by_name(slf, "DeferredQueue.get", &PyTuple::empty(py), None);
        }
        let pending = slf.borrow().pending.bind(py).clone();
        if let Some(first) = pop_first(&pending)? {
            return fired(&first);
        }
        let (waiting, backlog) = {
            let queue = slf.borrow();
            (
                queue.waiting.bind(py).clone(),
                queue.backlog.bind(py).clone(),
            )
        };
        if !has_room(&waiting, &backlog)? {
            return Err(error(py, "QueueUnderflow"));
        }
        wait(slf, "_cancelGet", &waiting)
    }

    /// One that waits was cancelled.
    #[pyo3(name = "_cancelGet")]
    fn cancel_get(slf: &Bound<'_, Self>, d: &Bound<'_, PyAny>) -> PyResult<()> {
        let waiting = slf.borrow().waiting.bind(slf.py()).clone();
        waiting.call_method1("remove", (d,)).map(drop)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.waiting)?;
        visit.call(&self.pending)?;
        visit.call(&self.size)?;
        visit.call(&self.backlog)
    }

    fn __clear__(&mut self, py: Python<'_>) {
        self.waiting = py.None();
        self.pending = py.None();
    }
}
