//! What this extension uses of Twisted, found once when it is loaded.

use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyType},
};

use crate::interp::{fallible, name};

/// The objects of Twisted.
pub struct Objects {
    pub failure: Py<PyType>,
    /// The names of the module of `Failure`.
    pub failure_globals: Py<PyDict>,
    /// The module `twisted.internet.defer`.
    pub defer: Py<PyModule>,
    pub debug_info: Py<PyAny>,
    pub cancelled_error: Py<PyAny>,
    pub already_called_error: Py<PyAny>,
    pub first_error: Py<PyAny>,
    pub deferred: Py<PyAny>,
    pub deferred_list: Py<PyAny>,
    pub primitive: Py<PyAny>,
    pub parse_results: Py<PyAny>,
    pub failure_group: Py<PyAny>,
    pub generator_return: Py<PyAny>,
    pub internal_cancelled: Py<PyAny>,
    pub passthru: Py<PyAny>,
    pub failthru: Py<PyAny>,
    pub continue_: Py<PyAny>,
    pub no_kwargs: Py<PyAny>,
    pub not_a_coroutine: Py<PyAny>,
    pub log: Py<PyAny>,
    pub warn_about_function: Py<PyAny>,
    /// The module `traceback`.
    pub traceback: Py<PyModule>,
    pub is_coroutine: Py<PyAny>,
    /// Whether what is awaited has to be fired. Before Twisted 26.10 it had to have a result.
    pub awaits_called: bool,
}

static OBJECTS: PyOnceLock<Objects> = PyOnceLock::new();

/// Twisted's objects.
///
/// # Panics
///
/// If the extension has not been loaded.
#[inline]
pub fn objects(py: Python<'_>) -> &'static Objects {
    match OBJECTS.get(py) {
        Some(objects) => objects,
        None => panic!("the extension is used before it was loaded"),
    }
}

/// Imports Twisted and finds what is used of it.
pub fn load(py: Python<'_>) -> PyResult<()> {
    OBJECTS.get_or_try_init(py, || find(py)).map(drop)
}

fn attribute<'py>(module: &Bound<'py, PyModule>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    module.getattr(fallible::text(module.py(), name)?)
}

fn find(py: Python<'_>) -> PyResult<Objects> {
    let defer = py.import(name!(py, "twisted.internet.defer")?)?;
    let failure = py.import(name!(py, "twisted.python.failure")?)?;
    let deprecate = py.import(name!(py, "twisted.python.deprecate")?)?;
    let asyncio = py.import(name!(py, "asyncio")?)?;
    let get = |name| attribute(&defer, name).map(Bound::unbind);
    Ok(Objects {
        failure: attribute(&failure, "Failure")?.cast_into()?.unbind(),
        failure_globals: failure.dict().unbind(),
        debug_info: get("DebugInfo")?,
        cancelled_error: get("CancelledError")?,
        already_called_error: get("AlreadyCalledError")?,
        first_error: get("FirstError")?,
        deferred: get("Deferred")?,
        deferred_list: get("DeferredList")?,
        primitive: get("_ConcurrencyPrimitive")?,
        parse_results: get("_parseDeferredListResult")?,
        failure_group: get("FailureGroup")?,
        generator_return: get("_DefGen_Return")?,
        internal_cancelled: get("_InternalInlineCallbacksCancelledError")?,
        passthru: get("passthru")?,
        failthru: get("_failthru")?,
        continue_: get("_CONTINUE")?,
        no_kwargs: get("_NONE_KWARGS")?,
        not_a_coroutine: get("NotACoroutineError")?,
        log: get("log")?,
        warn_about_function: attribute(&deprecate, "warnAboutFunction")?.unbind(),
        traceback: py.import(name!(py, "traceback")?)?.unbind(),
        is_coroutine: attribute(&asyncio, "iscoroutine")?.unbind(),
        awaits_called: iterating_asks_for_called(&attribute(&defer, "Deferred")?)?,
        defer: defer.unbind(),
    })
}

/// Whether `Deferred.__iter__` asks for `called`, and not for a result. Releases of Twisted are told apart
/// by what they do, as there are also those that are patched; what is unknown counts as the newest.
fn iterating_asks_for_called(deferred: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = deferred.py();
    let (code, names) = (name!(py, "__code__")?, name!(py, "co_names")?);
    let code = deferred.getattr(name!(py, "__iter__")?)?.getattr(code);
    match code.and_then(|code| code.getattr(names)) {
        Ok(names) => Ok(!names.contains(name!(py, "_NO_RESULT")?)?),
        Err(_) => Ok(true),
    }
}
