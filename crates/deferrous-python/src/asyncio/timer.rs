//! Handles of callbacks that are called at a time.

use deferrous::event_loop::Key;
use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::PyTuple,
};

use super::{
    debugging,
    state::{Call, CallArguments, LoopCore, TimerHandle, Timers},
    support::support,
};
use crate::{
    interp::{Field, Life, Memory, fallible, make},
    waiting::deadline,
};

impl TimerHandle {
    /// A handle, in a context that is given or copied. It does not wait yet.
    #[inline(always)]
    pub fn new<'py>(
        event_loop: &Bound<'py, LoopCore>,
        when: f64,
        callback: Bound<'py, PyAny>,
        arguments: CallArguments<'py>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        let context = Call::context_or_copy(py, context)?;
        let handle = make(py, || TimerHandle {
            call: Call::new(callback, arguments, context, event_loop),
            when,
            key: Field::new(Key::NOWHERE),
            scheduled: Field::new(false),
        })?;
        if event_loop.get().debug.get(py) {
            debugging::note_source(py, &handle.get().call)?;
        }
        Ok(handle)
    }

    /// Its place in the order of timers. A time that is not a number comes first, as it is not after any other.
    fn deadline(&self) -> u64 {
        if self.when.is_nan() {
            0
        } else {
            deadline(self.when)
        }
    }

    /// Has it wait for its time.
    #[inline(always)]
    pub fn insert(handle: &Bound<'_, Self>, timers: &mut Timers) {
        let (py, this) = (handle.py(), handle.get());
        let key = timers.insert(this.deadline(), handle.clone().unbind());
        this.key.set(py, key);
        this.scheduled.set(py, true);
    }

    /// Notes that it waits no longer.
    #[inline(always)]
    pub fn end_wait(&self, py: Python<'_>) {
        self.scheduled.set(py, false);
    }

    /// When it is to be called.
    pub const fn when(&self) -> f64 {
        self.when
    }
}

#[pymethods]
impl TimerHandle {
    /// Have the callback not called. It does nothing if it has been called already.
    fn cancel(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.scheduled.take(py)
            && let Some(event_loop) = this.call.event_loop(py)
        {
            let key = this.key.get(py);
            let waiting = event_loop.get().with(py, |parts| parts.timers.remove(key));
            drop(waiting.ok().flatten().map(|it| it.into_bound(py)));
        }
        this.call.cancel(slf)
    }

    /// Whether it was cancelled.
    fn cancelled(&self, py: Python<'_>) -> bool {
        self.call.is_cancelled(py)
    }

    /// When the callback is to be called, in seconds by `loop.time()`.
    #[pyo3(name = "when")]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fallible::float(py, self.when)
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
    fn _when<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fallible::float(py, self.when)
    }

    #[getter]
    fn _scheduled(&self, py: Python<'_>) -> bool {
        self.scheduled.get(py)
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
        Ok(support(py)?.timer_handle.bind(py).clone())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.call.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.call.clear(py);
    }
}

static MEMORY: Memory = Memory::new();

impl Life for TimerHandle {
    type Last = Option<Bound<'static, PyAny>>;

    fn memory() -> &'static Memory {
        &MEMORY
    }
}
