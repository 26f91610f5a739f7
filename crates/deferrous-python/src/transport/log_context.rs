//! The context of log lines: what `twisted.python.log.callWithLogger` does around the methods of a stream.

use std::thread::{self, ThreadId};

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyList, PyString},
};

use super::{facts::Own, names::names, plan::Part, stream::Stream};
use crate::interp::{CloneRef, UntilChanged, fallible, item, name, references};

/// Twisted's own functions for contexts.
struct Functions {
    /// The modules that have them, and the names of these there.
    own: Vec<(Py<PyDict>, Py<PyString>, Py<PyAny>)>,
    /// What is under `ILogContext` in a context is for log lines.
    key: Py<PyAny>,
    /// Whether nobody has replaced one of them.
    unchanged: UntilChanged,
}

static FUNCTIONS: PyOnceLock<Functions> = PyOnceLock::new();

/// The names of these functions, and of what they look up.
const OWN: [(&str, &[&str]); 2] = [
    (
        "twisted.python.log",
        &[
            "callWithLogger",
            "callWithContext",
            "context",
            "ILogContext",
        ],
    ),
    (
        "twisted.python.context",
        &["call", "get", "theContextTracker"],
    ),
];

impl Functions {
    fn load(py: Python<'_>) -> PyResult<Self> {
        let (mut own, mut dicts) = (Vec::new(), Vec::new());
        for (module, names) in OWN {
            let dict = py.import(fallible::text(py, module)?)?.dict();
            for name in names {
                let value = fallible::import(py, module, name)?;
                let name = fallible::interned(py, name)?;
                own.push((dict.clone().unbind(), name.unbind(), value.unbind()));
            }
            dicts.push(dict);
        }
        Ok(Functions {
            own,
            key: fallible::import(py, OWN[0].0, "ILogContext")?.unbind(),
            unchanged: UntilChanged::watching(&dicts)?,
        })
    }

    #[inline(always)]
    fn are_in_use(&self, py: Python<'_>) -> bool {
        self.unchanged.get(|| {
            self.own.iter().all(|(module, name, own)| {
                item(module.bind(py), name.bind(py)).is_some_and(|found| found.is(own))
            })
        })
    }
}

/// Keeps Twisted's functions as they are now.
pub fn load(py: Python<'_>) -> PyResult<()> {
    FUNCTIONS.get_or_try_init(py, || Functions::load(py))?;
    Ok(())
}

/// The contexts of a thread, the innermost last.
pub struct Logging {
    contexts: Py<PyList>,
    thread: ThreadId,
}

impl CloneRef for Logging {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Logging {
            contexts: self.contexts.clone_ref(py),
            thread: self.thread,
        }
    }
}

impl Logging {
    /// The contexts of this thread, unless a program has replaced one of Twisted's functions. `known` is what this has
    /// returned before.
    #[inline]
    pub fn of_thread(py: Python<'_>, known: Option<Self>) -> Option<Self> {
        if !FUNCTIONS.get(py)?.are_in_use(py) {
            return None;
        }
        match known {
            Some(known) if known.thread == thread::current().id() => Some(known),
            _ => Self::find(py).ok(),
        }
    }

    #[cold]
    fn find(py: Python<'_>) -> PyResult<Self> {
        let tracker = fallible::import(py, OWN[1].0, "theContextTracker")?;
        let current = tracker.call_method0(name!(py, "currentContext")?)?;
        let contexts = current.getattr(names(py).contexts.bind(py))?;
        Ok(Logging {
            contexts: contexts.cast_into_exact()?.unbind(),
            thread: thread::current().id(),
        })
    }

    /// Shows the collector the contexts.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.contexts)
    }

    /// Enters the context that Twisted would make for a stream, unless that is not to be seen from here.
    ///
    /// `before` is the context that the stream had before, which serves again if it is the same.
    #[inline]
    pub fn enter<'py>(
        &self,
        stream: &Stream<'_, 'py>,
        before: Option<LogContext>,
    ) -> Option<Entered<'py>> {
        let py = stream.object.py();
        if !stream.facts.has(Part::PREFIX) {
            return None;
        }
        let (prefix, key) = (stream.get(Own::Logstr)?, FUNCTIONS.get(py)?.key.bind(py));
        let contexts = self.contexts.bind(py).clone();
        let last = contexts.get_item(contexts.len().checked_sub(1)?).ok()?;
        let base = last.cast_exact::<PyDict>().ok()?.get_item(key).ok()??;
        let base = base.cast_into_exact::<PyDict>().ok()?;
        let context = match before.filter(|before| before.serves(&prefix, &base)) {
            Some(before) => before,
            None => LogContext::new(prefix, base, key).ok()?,
        };
        contexts.append(context.outer.bind(py)).ok()?;
        Some(Entered { contexts, context })
    }
}

/// A context in which a stream's methods run.
pub struct LogContext {
    /// What the stream's log lines begin with.
    prefix: Py<PyAny>,
    /// The context around it.
    base: Py<PyDict>,
    inner: Py<PyDict>,
    outer: Py<PyDict>,
}

impl LogContext {
    #[cold]
    fn new(
        prefix: Bound<'_, PyAny>,
        base: Bound<'_, PyDict>,
        key: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let py = prefix.py();
        let (inner, outer) = (base.copy()?, fallible::dict(py)?);
        inner.set_item(names(py).system.bind(py), &prefix)?;
        outer.set_item(key, &inner)?;
        Ok(LogContext {
            prefix: prefix.unbind(),
            base: base.unbind(),
            inner: inner.unbind(),
            outer: outer.unbind(),
        })
    }

    /// Whether this is what Twisted would make now: nobody else has it or has changed it.
    #[inline]
    fn serves(&self, prefix: &Bound<'_, PyAny>, base: &Bound<'_, PyDict>) -> bool {
        let py = prefix.py();
        let (inner, outer, system) = (self.inner.bind(py), self.outer.bind(py), &names(py).system);
        if !self.prefix.is(prefix)
            || !self.base.is(base)
            || references(outer) != 1
            || references(inner) != 2
            || !item(inner, system.bind(py)).is_some_and(|found| found.is(prefix))
        {
            return false;
        }
        let others = base.iter().filter(|(name, _)| !name.is(system));
        let mut count = 1;
        for (name, value) in others {
            count += 1;
            if !inner
                .get_item(name)
                .is_ok_and(|found| found.is_some_and(|found| found.is(&value)))
            {
                return false;
            }
        }
        inner.len() == count && outer.len() == 1
    }

    /// Shows the collector what it is made of.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.prefix)?;
        visit.call(&self.base)?;
        visit.call(&self.inner)?;
        visit.call(&self.outer)
    }
}

/// A context that was entered.
pub struct Entered<'py> {
    contexts: Bound<'py, PyList>,
    context: LogContext,
}

impl<'py> Entered<'py> {
    /// What the stream's log lines begin with.
    pub fn prefix(&self) -> Bound<'py, PyAny> {
        self.context.prefix.bind(self.contexts.py()).clone()
    }

    /// Leaves the context, and returns it for the next time.
    ///
    /// # Errors
    ///
    /// An `IndexError` if a program has taken all contexts away.
    #[inline]
    pub fn leave(self) -> PyResult<LogContext> {
        let last = self.contexts.len().wrapping_sub(1);
        self.contexts.del_item(last)?;
        Ok(self.context)
    }
}
