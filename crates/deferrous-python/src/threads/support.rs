//! What the thread pool uses of Twisted and of the package, found for the first job or team.

use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyList},
};

use super::{
    names::{ContextCall, Modules},
    own_method::OwnMethod,
};
use crate::{
    failure::Trail,
    interp::{Task, fallible, handling, name},
};

/// The objects of Twisted.
pub struct Support {
    /// The modules whose names programs may replace.
    pub modules: Modules,
    /// What teams call with what tasks raise.
    log_exception: Py<PyAny>,
    pub statistics: Py<PyAny>,
    pub already_quit: Py<PyAny>,
    pub internet: Py<PyModule>,
    /// What defers to pools of another kind.
    pub defer_otherwise: Py<PyAny>,
    /// The methods of pools and reactors that programs may replace.
    pub call_in_thread_with_callback: OwnMethod,
    pub call_from_thread: OwnMethod,
    pub frames: Frames,
}

/// Where exceptions pass through Twisted's thread pool.
pub struct Frames {
    /// From the function of a job.
    pub job: Trail,
    /// From what is told of the result.
    pub on_result: Trail,
    /// From anything else that a worker does.
    pub work: Trail,
}

static SUPPORT: PyOnceLock<Support> = PyOnceLock::new();

/// What is handed to the threads while the module is loaded.
struct Given {
    /// Imports what they need of the package: the module of pools, and the trails.
    find: Py<PyAny>,
    defer_to_thread_pool: Py<PyAny>,
}

static GIVEN: PyOnceLock<Given> = PyOnceLock::new();

/// Keeps the function that imports what threads need of the package, and `deferToThreadPool`.
pub fn prepare(find: &Bound<'_, PyAny>, defer_to_thread_pool: &Bound<'_, PyAny>) {
    GIVEN.get_or_init(find.py(), || Given {
        find: find.clone().unbind(),
        defer_to_thread_pool: defer_to_thread_pool.clone().unbind(),
    });
}

/// Twisted's objects; imports them the first time.
#[inline]
pub fn support(py: Python<'_>) -> PyResult<&'static Support> {
    SUPPORT.get_or_try_init(py, || Support::find(py))
}

impl Support {
    #[cold]
    fn find(py: Python<'_>) -> PyResult<Self> {
        let of = |module, name| fallible::import(py, module, name).map(Bound::unbind);
        let given = GIVEN.get(py).ok_or_else(|| not_loaded(py))?;
        let (pools, trails): (Bound<'_, PyAny>, Bound<'_, PyDict>) =
            given.find.bind(py).call0()?.extract()?;
        let passed = |name: &str| Trail::new(&trails, name);
        Ok(Support {
            modules: Modules::load(given.defer_to_thread_pool.bind(py))?,
            log_exception: of("twisted._threads._pool", "err")?,
            statistics: of("twisted._threads._team", "Statistics")?,
            already_quit: of("twisted._threads", "AlreadyQuit")?,
            internet: py.import(name!(py, "twisted.internet")?)?.unbind(),
            defer_otherwise: pools.getattr(name!(py, "defer_otherwise")?)?.unbind(),
            call_in_thread_with_callback: OwnMethod::find(
                &pools,
                name!(py, "callInThreadWithCallback")?,
            )?,
            call_from_thread: OwnMethod::find(&pools, name!(py, "callFromThread")?)?,
            frames: Frames {
                job: passed("job")?,
                on_result: passed("onResult")?,
                work: passed("work")?,
            },
        })
    }

    /// The innermost context of this thread.
    pub fn context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let contexts = contexts(&self.modules.tracker(py)?)?;
        match contexts.cast_exact::<PyList>() {
            Ok(list) if !list.is_empty() => list.get_item(list.len() - 1),
            _ => contexts.get_item(-1),
        }
    }

    /// Does a task within a context; `context.call(context, function, *arguments, **keywords)`.
    pub fn in_context<'py>(
        &self,
        context: &Bound<'py, PyAny>,
        task: Task,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.modules.context_call(context.py())? {
            ContextCall::Usual(tracker) => call_with_context(&tracker, context, task),
            ContextCall::Other(call) => task.hand_over(&call, std::slice::from_ref(context)),
        }
    }

    /// `log.err(failure)`.
    pub fn log_failure(&self, failure: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = failure.py();
        let log = self.modules.log(py)?;
        log.call_method1(name!(py, "err")?, (failure,))?;
        Ok(())
    }

    /// Logs the exception that was raised where nobody catches it, after it has passed through functions of Twisted's.
    #[cold]
    pub fn log_error(&self, py: Python<'_>, error: PyErr, passed: &Trail) {
        let exception = passed.exception(py, error);
        let log = self.log_exception.bind(py);
        if let Err(error) = handling(&exception, || log.call0()) {
            error.write_unraisable(py, Some(&exception));
        }
    }
}

#[cold]
fn not_loaded(py: Python<'_>) -> PyErr {
    fallible::error::<PyRuntimeError>(py, "the module is used before it was loaded")
}

/// The contexts of this thread, a list of dicts, the innermost last.
fn contexts<'py>(tracker: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = tracker.py();
    tracker
        .call_method0(name!(py, "currentContext")?)?
        .getattr(name!(py, "contexts")?)
}

/// Twisted's `ThreadedContextTracker.callWithContext`.
fn call_with_context<'py>(
    tracker: &Bound<'py, PyAny>,
    context: &Bound<'py, PyAny>,
    task: Task,
) -> PyResult<Bound<'py, PyAny>> {
    let contexts = contexts(tracker)?.cast_into::<PyList>()?;
    contexts.append(context)?;
    let result = task.call(context.py());
    // The list changes during the call only as other calls with contexts begin and end.
    if let Some(last) = contexts.len().checked_sub(1) {
        let _ = contexts.del_item(last);
    }
    result
}
