//! Handles of callbacks that are called soon.

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::PyTuple,
};

use super::{
    debugging,
    state::{Call, CallArguments, Handle, LoopCore},
    support::support,
};
use crate::interp::{Life, Memory, make};

impl Handle {
    /// A handle, in a context that is given or copied.
    #[inline(always)]
    pub fn new<'py>(
        event_loop: &Bound<'py, LoopCore>,
        callback: Bound<'py, PyAny>,
        arguments: CallArguments<'py>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        let context = Call::context_or_copy(py, context)?;
        let handle = make(py, || Handle {
            call: Call::new(callback, arguments, context, event_loop),
        })?;
        if event_loop.get().debug.get(py) {
            debugging::note_source(py, &handle.get().call)?;
        }
        Ok(handle)
    }
}

#[pymethods]
impl Handle {
    /// Have the callback not called. It does nothing if it has been called already.
    fn cancel(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().call.cancel(slf)
    }

    /// Whether it was cancelled.
    fn cancelled(&self, py: Python<'_>) -> bool {
        self.call.is_cancelled(py)
    }

    /// The `contextvars.Context` that the callback is called in.
    fn get_context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.call.context(py)
    }

    /// Call the callback.
    fn _run(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().call.run(slf)
    }

    #[getter]
    fn _callback<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.call.callback(py)
    }

    #[getter]
    fn _args<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.call.arguments(py)
    }

    #[getter]
    fn _context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.call.context(py)
    }

    #[getter]
    fn _loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, LoopCore>> {
        self.call.event_loop(py)
    }

    #[getter]
    fn _cancelled(&self, py: Python<'_>) -> bool {
        self.call.is_cancelled(py)
    }

    #[getter]
    fn _source_traceback<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.call.source_traceback(py)
    }

    #[getter]
    fn _repr<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.call.last_repr(py)
    }

    /// The standard library's class, which isinstance asks for.
    #[getter(__class__)]
    fn class<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(support(py)?.handle.bind(py).clone())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.call.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.call.clear(py);
    }
}

static MEMORY: Memory = Memory::new();

impl Life for Handle {
    type Last = Option<Bound<'static, PyAny>>;

    fn memory() -> &'static Memory {
        &MEMORY
    }
}
