//! The names that Twisted's functions look up in their modules each time they run. A program may put something
//! else there, which is then called.

use pyo3::{
    exceptions::PyNameError,
    prelude::*,
    types::{PyDict, PyFunction, PyString},
};

use crate::{
    defer::classes,
    failure::{Trail, caught_here},
    interp::{UntilChanged, fallible, handling, name},
    twisted::objects,
};

/// A module and its dict.
struct Module {
    object: Py<PyModule>,
    names: Py<PyDict>,
}

impl Module {
    fn import(py: Python<'_>, name: &str) -> PyResult<Self> {
        let module = py.import(fallible::text(py, name)?)?;
        Ok(Module {
            names: module.dict().unbind(),
            object: module.unbind(),
        })
    }
}

/// The modules, and what they have unless a program replaces it.
pub struct Modules {
    /// The dict of `twisted.internet.threads`.
    threads: Py<PyDict>,
    /// The dict of `twisted.python.threadpool`.
    pool: Py<PyDict>,
    /// `twisted.internet.defer`.
    defer: Module,
    /// `twisted.python.context`.
    context: Module,
    /// `deferToThreadPool`: ours, and Twisted's where deferrous is not installed.
    defer_to_thread_pool: [Py<PyAny>; 2],
    /// `context.call`, and the tracker whose method it is.
    call: Option<[Py<PyAny>; 2]>,
    /// Whether no program has replaced any of the names that each job needs.
    unchanged: UntilChanged,
}

impl Modules {
    /// Finds them. What a program has replaced already is not taken for Twisted's own.
    ///
    /// `ours` is the `deferToThreadPool` of this module.
    pub fn load(ours: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = ours.py();
        let threads = Module::import(py, "twisted.internet.threads")?.names;
        let pool = Module::import(py, "twisted.python.threadpool")?.names;
        let context = Module::import(py, "twisted.python.context")?;
        let name = name!(py, "deferToThreadPool")?;
        let found = look_up(py, &threads, name)?;
        let theirs = match is_function_of(&found, &threads)? {
            true => found,
            false => ours.clone(),
        };
        let defer = Module::import(py, "twisted.internet.defer")?;
        let dicts = [&threads, &pool, &defer.names, &context.names];
        Ok(Modules {
            unchanged: UntilChanged::watching(&dicts.map(|dict| dict.bind(py).clone()))?,
            defer,
            call: method_of_tracker(py, &context.names)?,
            defer_to_thread_pool: [ours.clone().unbind(), theirs.unbind()],
            threads,
            pool,
            context,
        })
    }

    /// The tracker of contexts, if all names that each job needs have what they had before any program
    /// replaced them.
    #[inline(always)]
    fn usual_tracker<'a, 'py>(&'a self, py: Python<'py>) -> Option<&'a Bound<'py, PyAny>> {
        let [_, tracker] = self.call.as_ref()?;
        self.unchanged
            .get(py, || self.has_usual_names(py, tracker).unwrap_or(false))
            .then(|| tracker.bind(py))
    }

    fn has_usual_names(&self, py: Python<'_>, tracker: &Py<PyAny>) -> PyResult<bool> {
        Ok(self.find_defer_to_thread_pool(py)?.is_none()
            && self.find_own_deferred(py)?
            && self.find_tracker(py)?.is(tracker)
            && matches!(self.find_context_call(py)?, ContextCall::Usual(_)))
    }

    /// What `deferToThread` is to call, unless that is the `deferToThreadPool` of this module.
    #[inline]
    pub fn other_defer_to_thread_pool<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.usual_tracker(py) {
            Some(_) => Ok(None),
            None => self.find_defer_to_thread_pool(py),
        }
    }

    #[cold]
    fn find_defer_to_thread_pool<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = look_up(py, &self.threads, name!(py, "deferToThreadPool")?)?;
        let is_usual = self
            .defer_to_thread_pool
            .iter()
            .any(|usual| found.is(usual));
        Ok((!is_usual).then_some(found))
    }

    /// Whether `defer.Deferred`, as `deferToThreadPool` finds it, is the class of this module. Where deferrous
    /// is not installed, Twisted's class is there.
    #[inline]
    pub fn has_own_deferred(&self, py: Python<'_>) -> PyResult<bool> {
        match self.usual_tracker(py) {
            Some(_) => Ok(true),
            None => self.find_own_deferred(py),
        }
    }

    #[cold]
    fn find_own_deferred(&self, py: Python<'_>) -> PyResult<bool> {
        let module = look_up(py, &self.threads, name!(py, "defer")?)?;
        if !module.is(&self.defer.object) {
            return Ok(false);
        }
        let found = look_up(py, &self.defer.names, name!(py, "Deferred")?)?;
        Ok(found.is(&classes(py).deferred) || found.is(&objects(py).deferred))
    }

    /// `context.theContextTracker`, as a pool finds it.
    #[inline]
    pub fn tracker<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.usual_tracker(py) {
            Some(tracker) => Ok(tracker.clone()),
            None => self.find_tracker(py),
        }
    }

    #[cold]
    fn find_tracker<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let name = name!(py, "theContextTracker")?;
        let found = look_up(py, &self.pool, name!(py, "context")?)?;
        if found.is(&self.context.object) {
            return look_up(py, &self.context.names, name);
        }
        found.getattr(name)
    }

    /// `context.call`, as a worker finds it.
    #[inline]
    pub fn context_call<'py>(&self, py: Python<'py>) -> PyResult<ContextCall<'py>> {
        match self.usual_tracker(py) {
            Some(tracker) => Ok(ContextCall::Usual(tracker.clone())),
            None => self.find_context_call(py),
        }
    }

    #[cold]
    fn find_context_call<'py>(&self, py: Python<'py>) -> PyResult<ContextCall<'py>> {
        let name = name!(py, "call")?;
        let found = look_up(py, &self.pool, name!(py, "context")?)?;
        if !found.is(&self.context.object) {
            return Ok(ContextCall::Other(found.getattr(name)?));
        }
        let found = look_up(py, &self.context.names, name)?;
        match &self.call {
            Some([call, tracker]) if found.is(call) => {
                Ok(ContextCall::Usual(tracker.bind(py).clone()))
            }
            _ => Ok(ContextCall::Other(found)),
        }
    }

    /// `Failure()` in a worker that handles what a job has raised, which has come through the functions of `passed`.
    pub fn failure<'py>(
        &self,
        py: Python<'py>,
        error: PyErr,
        passed: &Trail,
    ) -> PyResult<Bound<'py, PyAny>> {
        let exception = passed.exception(py, error);
        let class = look_up(py, &self.pool, name!(py, "Failure")?)?;
        if class.is(&objects(py).failure) {
            return Ok(caught_here(&exception));
        }
        handling(&exception, || class.call0())
    }

    /// `log`, as a pool finds it.
    pub fn log<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        look_up(py, &self.pool, name!(py, "log")?)
    }
}

/// What makes a call within a context.
pub enum ContextCall<'py> {
    /// Twisted's method of this tracker.
    Usual(Bound<'py, PyAny>),
    /// A function that a program has put there.
    Other(Bound<'py, PyAny>),
}

/// A name that code of a module looks up, in the module's dict.
fn look_up<'py>(
    py: Python<'py>,
    names: &Py<PyDict>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    let found = names.bind(py).get_item(name)?;
    found.ok_or_else(|| fallible::error_around::<PyNameError>("name '", name, "' is not defined"))
}

/// Whether an object is a function of Python whose code was written in the module with this dict.
fn is_function_of(function: &Bound<'_, PyAny>, module: &Py<PyDict>) -> PyResult<bool> {
    let globals = name!(function.py(), "__globals__")?;
    Ok(function.is_instance_of::<PyFunction>()
        && function
            .getattr(globals)
            .is_ok_and(|found| found.is(module)))
}

/// `call` in the module `twisted.python.context`, and the tracker whose method it is; `None` if a program has put
/// something else there.
fn method_of_tracker(py: Python<'_>, context: &Py<PyDict>) -> PyResult<Option<[Py<PyAny>; 2]>> {
    let call = look_up(py, context, name!(py, "call")?)?;
    let tracker = look_up(py, context, name!(py, "theContextTracker")?)?;
    let (function, owner) = (name!(py, "__func__")?, name!(py, "__self__")?);
    let is_its_method = match (call.getattr(function), call.getattr(owner)) {
        (Ok(function), Ok(owner)) => is_function_of(&function, context)? && owner.is(&tracker),
        _ => false,
    };
    Ok(is_its_method.then(|| [call.unbind(), tracker.unbind()]))
}
