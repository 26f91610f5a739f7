//! The context of log lines: what `twisted.python.log.callWithLogger` does around the methods of a stream.

use std::thread::{self, ThreadId};

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyList, PyString},
};

use super::{attribute::Attribute, names::names, plan::Part, stream::Stream};
use crate::interp::{NotedDicts, UntilChanged, fallible, has_plain_keys, item, name, references};

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
    pub fn of_thread(py: Python<'_>, known: Option<Box<Self>>) -> Option<Box<Self>> {
        if !log_lines_are_twisteds(py) {
            return None;
        }
        match known {
            Some(known) if known.thread == thread::current().id() => Some(known),
            _ => Self::find(py).ok().map(Box::new),
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
        let around = contexts.get_item(contexts.len().checked_sub(1)?).ok()?;
        let mut context = match self.last.take().filter(|last| last.serves(&around)) {
            Some(last) => last,
            None => LogContext::new(around, key)?,
        };
        contexts.append(context.with_prefix(&prefix).ok()?).ok()?;
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
    /// The context around it, what that has for log lines, the copy of this with a prefix, and the context with the copy.
    dicts: NotedDicts<4>,
    prefix: Option<Py<PyAny>>,
}

impl LogContext {
    #[cold]
    fn new(around: Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> Option<Self> {
        let around = around.cast_into_exact::<PyDict>().ok()?;
        let base = around
            .get_item(key)
            .ok()??
            .cast_into_exact::<PyDict>()
            .ok()?;
        // Code of the program runs where another key is compared.
        if !has_plain_keys(&base) {
            return None;
        }
        let (inner, outer) = (base.copy().ok()?, fallible::dict(base.py()).ok()?);
        outer.set_item(key, &inner).ok()?;
        Some(LogContext {
            dicts: NotedDicts::new([around, base, inner, outer])?,
            prefix: None,
        })
    }

    /// Whether this is what Twisted would make now, but for the prefix: nobody else has it, and nothing has changed.
    #[inline]
    fn serves(&self, around: &Bound<'_, PyAny>) -> bool {
        let [own, _, inner, outer] = self.dicts.dicts(around.py());
        own.is(around)
            && references(outer) == 1
            && references(inner) == 2
            && self.dicts.are_unchanged(around.py())
    }

    /// The context, with what log lines begin with.
    #[inline]
    fn with_prefix<'py>(&mut self, prefix: &Bound<'py, PyAny>) -> PyResult<&Bound<'py, PyDict>> {
        let py = prefix.py();
        let before = match &self.prefix {
            Some(own) if own.is(prefix) => None,
            _ => {
                let [_, _, inner, _] = self.dicts.dicts(py);
                inner.set_item(names(py).system.bind(py), prefix)?;
                self.dicts.note(py);
                self.prefix.replace(prefix.clone().unbind())
            }
        };
        // Last, as it may run a finalizer, whose changes are then seen.
        drop(before.map(|before| before.into_bound(py)));
        let [_, _, _, outer] = self.dicts.dicts(py);
        Ok(outer)
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.prefix)?;
        self.dicts.traverse(visit)
    }
}
