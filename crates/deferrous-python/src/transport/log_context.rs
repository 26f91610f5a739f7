//! The context of log lines: what `twisted.python.log.callWithLogger` does around the methods of a stream.

use std::thread::{self, ThreadId};

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyList, PyString},
};

use super::{attribute::Attribute, names::names, plan::Part, stream::Stream};
use crate::interp::{UntilChanged, fallible, item, name, references};

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
        self.unchanged.get(py, || {
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

/// Whether nobody has replaced one of Twisted's functions.
#[inline]
pub fn log_lines_are_twisteds(py: Python<'_>) -> bool {
    FUNCTIONS
        .get(py)
        .is_some_and(|functions| functions.are_in_use(py))
}

/// The contexts of a thread, the innermost last.
pub struct Logging {
    contexts: Py<PyList>,
    thread: ThreadId,
    /// The context that a stream was in last, which serves for the next one.
    last: Option<LogContext>,
}

impl Logging {
    /// The contexts of this thread, unless a program has replaced one of Twisted's functions. `known` is what this has
    /// returned before.
    #[inline]
    pub fn of_thread(py: Python<'_>, known: Option<Self>) -> Option<Self> {
        if !log_lines_are_twisteds(py) {
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
            last: None,
        })
    }

    /// Enters the context that Twisted would make for a stream. Returns what the stream's log lines begin with; `None` if
    /// that cannot be seen from here, and nothing was entered.
    #[inline]
    pub fn enter<'py>(&mut self, stream: &Stream<'_, 'py>) -> Option<Bound<'py, PyAny>> {
        let py = stream.object.py();
        if !stream.facts.has(Part::PREFIX) {
            return None;
        }
        let (prefix, key) = (
            stream.get(Attribute::Logstr)?,
            FUNCTIONS.get(py)?.key.bind(py),
        );
        let contexts = self.contexts.bind(py);
        let last = contexts.get_item(contexts.len().checked_sub(1)?).ok()?;
        let base = last.cast_exact::<PyDict>().ok()?.get_item(key).ok()??;
        let base = base.cast_into_exact::<PyDict>().ok()?;
        let context = match self.last.take().filter(|last| last.serves(&base)) {
            Some(last) => last,
            None => LogContext::new(base, key).ok()?,
        };
        let inner = context.inner.bind(py);
        inner.set_item(names(py).system.bind(py), &prefix).ok()?;
        contexts.append(context.outer.bind(py)).ok()?;
        self.last = Some(context);
        Some(prefix)
    }

    /// Leaves the context that was entered last.
    ///
    /// # Errors
    ///
    /// An `IndexError` if a program has taken all contexts away.
    #[inline]
    pub fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let contexts = self.contexts.bind(py);
        contexts.del_item(contexts.len().wrapping_sub(1))
    }

    /// Shows the collector what this has.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.contexts)?;
        let mut last = self.last.iter();
        last.try_for_each(|last| last.traverse(visit))
    }
}

/// A context in which a stream's methods run.
struct LogContext {
    /// The context around it.
    base: Py<PyDict>,
    inner: Py<PyDict>,
    outer: Py<PyDict>,
}

impl LogContext {
    #[cold]
    fn new(base: Bound<'_, PyDict>, key: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (inner, outer) = (base.copy()?, fallible::dict(base.py())?);
        outer.set_item(key, &inner)?;
        Ok(LogContext {
            base: base.unbind(),
            inner: inner.unbind(),
            outer: outer.unbind(),
        })
    }

    /// Whether this is what Twisted would make now, but for the prefix: nobody else has it or has changed it.
    #[inline]
    fn serves(&self, base: &Bound<'_, PyDict>) -> bool {
        let py = base.py();
        let (inner, outer, system) = (self.inner.bind(py), self.outer.bind(py), &names(py).system);
        if !self.base.is(base)
            || references(outer) != 1
            || references(inner) != 2
            || outer.len() != 1
        {
            return false;
        }
        // The copy has the same names in the same order, and the prefix behind them if there was none.
        let mut copied = inner.iter();
        let is_copied = base.iter().all(|(name, value)| {
            name.is_exact_instance_of::<PyString>()
                && copied.next().is_some_and(|(copy, found)| {
                    copy.is(&name) && (name.is(system) || found.is(&value))
                })
        });
        is_copied && copied.all(|(name, _)| name.is(system))
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.base)?;
        visit.call(&self.inner)?;
        visit.call(&self.outer)
    }
}
