//! The queue of handles that are to be run.

use pyo3::{
    exceptions::PyIndexError,
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyIterator, PyList},
};

use crate::interp::{Queue, fallible};

/// The handles that a loop is going to run, first in, first out: `loop._ready`.
///
/// It has those methods of `collections.deque` that programs use on it.
#[pyclass(frozen, module = "deferrous.asyncio")]
pub struct ReadyQueue {
    handles: Queue<Bound<'static, PyAny>>,
}

impl ReadyQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        ReadyQueue {
            handles: Queue::new(),
        }
    }

    /// Appends a handle.
    #[inline(always)]
    pub fn push<'py>(&self, py: Python<'py>, handle: Bound<'py, PyAny>) {
        self.handles.push(py, handle);
    }

    /// Takes the first handle.
    #[inline(always)]
    pub fn pop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.handles.pop(py)
    }

    /// How many handles there are.
    #[inline(always)]
    pub fn len(&self, py: Python<'_>) -> usize {
        self.handles.len(py)
    }
}

#[pymethods]
impl ReadyQueue {
    /// Add a handle to the end.
    fn append(&self, handle: &Bound<'_, PyAny>) {
        self.push(handle.py(), handle.clone());
    }

    /// Add a handle before all others.
    fn appendleft(&self, handle: &Bound<'_, PyAny>) {
        self.handles.push_front(handle.py(), handle.clone());
    }

    /// Add handles to the end.
    fn extend(&self, handles: &Bound<'_, PyAny>) -> PyResult<()> {
        for handle in handles.try_iter()? {
            self.push(handles.py(), handle?);
        }
        Ok(())
    }

    /// Take the first handle.
    fn popleft<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let first = self.pop(py);
        first.ok_or_else(|| fallible::error::<PyIndexError>(py, "pop from an empty queue"))
    }

    /// Remove all handles.
    pub fn clear(&self, py: Python<'_>) {
        drop(self.handles.take(py));
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.len(py)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let handles: Bound<'py, PyList> = fallible::list_of(py, self.handles.snapshot(py))?;
        handles.try_iter()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.handles.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.clear(py);
    }
}
