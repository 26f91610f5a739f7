//! `DeferredQueue`.

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyDict, PyGenericAlias, PyString, PyTuple, PyType},
};

use super::support::{append, call_stock, fire, fired, has_some, pop_first, remove, wait};
use crate::{
    interp::{Field, fallible, name},
    replaced,
    twisted::objects,
};

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
#[pyclass(frozen, subclass, dict, weakref, module = "twisted.internet.defer")]
pub struct DeferredQueue {
    waiting: Field<Py<PyAny>>,
    pending: Field<Py<PyAny>>,
    size: Field<Py<PyAny>>,
    backlog: Field<Py<PyAny>>,
}

/// Whether `list` has less entries than `limit` says.
fn has_room(py: Python<'_>, list: &Field<Py<PyAny>>, limit: &Field<Py<PyAny>>) -> PyResult<bool> {
    if limit.clone_out(py).is_none(py) {
        return Ok(true);
    }
    let length = list.clone_out(py).into_bound(py).len()?;
    fallible::int(py, length.cast_signed())?.lt(limit.clone_out(py))
}

/// Raises one of Twisted's exceptions.
fn error(name: &Bound<'_, PyString>) -> PyErr {
    let class = objects(name.py()).defer.bind(name.py()).getattr(name);
    match class.and_then(|class| Ok(class.cast_into::<PyType>()?)) {
        // The interpreter makes the exception when it is raised, and sees what is handled there.
        Ok(class) => PyErr::from_type(class, ()),
        Err(error) => error,
    }
}

#[pymethods]
impl DeferredQueue {
    #[new]
    #[pyo3(
        signature = (*_args, size=None, backlog=None, **_kwargs),
        text_signature = "(size=None, backlog=None)"
    )]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        size: Option<&Bound<'_, PyAny>>,
        backlog: Option<&Bound<'_, PyAny>>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        // What it is called with is for `__init__`. Keywords of its own need no dict.
        let _ = (size, backlog);
        Ok(DeferredQueue {
            waiting: Field::new(fallible::list(py)?.into_any().unbind()),
            pending: Field::new(fallible::list(py)?.into_any().unbind()),
            size: Field::new(py.None()),
            backlog: Field::new(py.None()),
        })
    }

    /// The queue is empty.
    #[pyo3(signature = (size=None, backlog=None))]
    fn __init__(
        &self,
        py: Python<'_>,
        size: Option<Py<PyAny>>,
        backlog: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        self.waiting
            .set(py, fallible::list(py)?.into_any().unbind());
        self.pending
            .set(py, fallible::list(py)?.into_any().unbind());
        self.size.set(py, size.unwrap_or_else(|| py.None()));
        self.backlog.set(py, backlog.unwrap_or_else(|| py.None()));
        Ok(())
    }

    /// The Deferreds of those who wait for an object.
    #[getter]
    fn waiting(&self, py: Python<'_>) -> Py<PyAny> {
        self.waiting.clone_out(py)
    }

    #[setter]
    fn set_waiting(&self, py: Python<'_>, waiting: Py<PyAny>) {
        self.waiting.set(py, waiting);
    }

    /// The objects that nobody has taken yet.
    #[getter]
    fn pending(&self, py: Python<'_>) -> Py<PyAny> {
        self.pending.clone_out(py)
    }

    #[setter]
    fn set_pending(&self, py: Python<'_>, pending: Py<PyAny>) {
        self.pending.set(py, pending);
    }

    /// How many objects there may be; None for any number.
    #[getter]
    fn size(&self, py: Python<'_>) -> Py<PyAny> {
        self.size.clone_out(py)
    }

    #[setter]
    fn set_size(&self, py: Python<'_>, size: Py<PyAny>) {
        self.size.set(py, size);
    }

    /// How many may wait; None for any number.
    #[getter]
    fn backlog(&self, py: Python<'_>) -> Py<PyAny> {
        self.backlog.clone_out(py)
    }

    #[setter]
    fn set_backlog(&self, py: Python<'_>, backlog: Py<PyAny>) {
        self.backlog.set(py, backlog);
    }

    /// The class with the type of its objects, for annotations.
    #[classmethod]
    #[pyo3(signature = (item, /))]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let alias = PyGenericAlias::new(class.py(), class.as_any(), item)?;
        Ok(alias.into_any())
    }

    /// Give an object to the one that has waited longest, or keep it.
    ///
    /// Raises:
    ///     QueueOverflow: nobody waits, and `size` objects are kept already.
    fn put(slf: &Bound<'_, Self>, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, queue) = (slf.py(), slf.get());
        if has_some(py, &queue.waiting)? {
            return fire(&pop_first(py, &queue.waiting)?, obj);
        }
        if !has_room(py, &queue.pending, &queue.size)? {
            return Err(error(name!(py, "QueueOverflow")?));
        }
        append(&queue.pending, obj)
    }

    /// Wait for an object: a Deferred that fires with it. Cancelling that gives the place up.
    ///
    /// Raises:
    ///     QueueUnderflow: there is no object, and `backlog` others wait already.
    fn get<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, queue) = (slf.py(), slf.get());
        if replaced::any(py) {
            return call_stock(slf, name!(py, "DeferredQueue.get")?);
        }
        if has_some(py, &queue.pending)? {
            return fired(&pop_first(py, &queue.pending)?);
        }
        if !has_room(py, &queue.waiting, &queue.backlog)? {
            return Err(error(name!(py, "QueueUnderflow")?));
        }
        wait(slf, name!(py, "_cancelGet")?, &queue.waiting)
    }

    /// One that waits was cancelled.
    #[pyo3(name = "_cancelGet")]
    fn cancel_get(slf: &Bound<'_, Self>, d: &Bound<'_, PyAny>) -> PyResult<()> {
        remove(&slf.get().waiting, d)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.waiting.traverse(&visit)?;
        self.pending.traverse(&visit)?;
        self.size.traverse(&visit)?;
        self.backlog.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.waiting.set(py, py.None());
        self.pending.set(py, py.None());
    }
}
