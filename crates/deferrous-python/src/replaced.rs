//! Names that a program has replaced: what Twisted's functions look up each time they run.
//!
//! The functions of this extension look nothing up. They ask [`any`], and while a name is replaced each calls the
//! function of Twisted that it stands for (`deferrous._by_name`). When the name is put back, they do the work
//! themselves again. A replacement is what is neither Twisted's own object nor ours.

use std::sync::{
    OnceLock,
    atomic::{AtomicU8, Ordering::Relaxed},
};

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyAny, PyDict, PyList, PyString, PyTuple, PyType},
};

#[cfg(not(Py_3_12))]
use crate::interp::notice_changes;
use crate::interp::{Arguments, Group, as_called_by_pyo3, class_attributes, fallible, watch_dicts};

/// What is known of the names: one of the three below. Threads that have the interpreter read and write it.
static NAMES: AtomicU8 = AtomicU8::new(ORIGINAL);

const ORIGINAL: u8 = 0;
const REPLACED: u8 = 1;
/// Something has changed: which names are replaced has to be found out.
const UNKNOWN: u8 = 2;

/// One name, and what may be there: nothing, where there are no such objects.
struct Name {
    dict: Py<PyDict>,
    key: Py<PyString>,
    accepted: Vec<Py<PyAny>>,
}

/// The finalizer of a class in Rust. The class loses it when a program sets `__del__` and deletes that again, where
/// Twisted's class has none to lose.
struct Finalizer {
    class: Py<PyType>,
    key: Py<PyString>,
    method: Py<PyAny>,
}

/// What is needed once a name is replaced.
struct Table {
    /// Twisted's functions by name, those of classes as in `Deferred.callback`.
    functions: Py<PyDict>,
    /// What is found by which name now; ours stands for Twisted's own.
    globals: Py<PyAny>,
    names: Vec<Name>,
    finalizers: Vec<Finalizer>,
    /// Whether changes are noticed.
    is_watched: bool,
}

static TABLE: PyOnceLock<Table> = PyOnceLock::new();

/// Whether names are replaced.
#[inline(always)]
pub fn any(py: Python<'_>) -> bool {
    notice(py);
    NAMES.load(Relaxed) != ORIGINAL && find_out(py)
}

/// Has the interpreter tell of changes, where it has to be asked.
#[inline(always)]
pub fn notice(_py: Python<'_>) {
    #[cfg(not(Py_3_12))]
    notice_changes(_py, Group::Deferreds);
}

/// Whether changes are noticed, and so what was found out stays right until [`on_change`] says otherwise.
pub fn is_watched(py: Python<'_>) -> bool {
    TABLE.get(py).is_some_and(|table| table.is_watched)
}

/// Who is told that something has changed.
static ON_CHANGE: OnceLock<fn()> = OnceLock::new();

/// Has `listener` called when something changes. It may run no code of Python.
pub fn on_change(listener: fn()) {
    let _ = ON_CHANGE.set(listener);
}

/// Something has changed.
fn changed() {
    NAMES.store(UNKNOWN, Relaxed);
    if let Some(listener) = ON_CHANGE.get() {
        listener();
    }
}

#[cold]
#[inline(never)]
fn find_out(py: Python<'_>) -> bool {
    if NAMES.load(Relaxed) == REPLACED {
        return true;
    }
    let Some(table) = TABLE.get(py) else {
        return false;
    };
    let pending = PyErr::take(py);
    let replaced = as_called_by_pyo3(py, || {
        for finalizer in &table.finalizers {
            // Where that fails, the class stays without.
            let _ = finalizer.restore(py);
        }
        table.names.iter().any(|name| name.is_replaced(py))
    });
    if let Some(pending) = pending {
        pending.restore(py);
    }
    if !table.is_watched {
        changed();
    }
    NAMES.store(
        match (table.is_watched, replaced) {
            (false, _) => UNKNOWN,
            (true, false) => ORIGINAL,
            (true, true) => REPLACED,
        },
        Relaxed,
    );
    replaced
}

impl Name {
    fn is_replaced(&self, py: Python<'_>) -> bool {
        match self.dict.bind(py).get_item(&self.key) {
            // The interpreter puts None in the place of everything when it ends.
            Ok(Some(found)) => {
                !found.is_none() && !self.accepted.iter().any(|object| found.is(object))
            }
            _ => !self.accepted.is_empty(),
        }
    }
}

impl Finalizer {
    fn restore(&self, py: Python<'_>) -> PyResult<()> {
        let class = self.class.bind(py);
        if !class_attributes(class)?.contains(&self.key)? {
            class.setattr(&self.key, &self.method)?;
        }
        Ok(())
    }
}

/// Begin to notice when a name is replaced.
///
/// Args:
///     functions: Twisted's own, by name, those of classes as in `Deferred.callback`.
///     globals: what these find by which name.
///     names: for each the dict or the class that has it, the name, and what may be there.
#[pyfunction(name = "_watch")]
pub fn watch(
    functions: &Bound<'_, PyDict>,
    globals: &Bound<'_, PyAny>,
    names: &Bound<'_, PyList>,
) -> PyResult<()> {
    let mut dicts: Vec<Bound<'_, PyDict>> = Vec::new();
    let (mut known, mut finalizers) = (Vec::new(), Vec::new());
    for entry in names {
        let (owner, key, accepted): (Bound<'_, PyAny>, Bound<'_, PyString>, Bound<'_, PyTuple>) =
            entry.extract()?;
        let dict = match (owner.cast::<PyDict>(), owner.cast::<PyType>()) {
            (Ok(dict), _) => dict.clone(),
            (_, Ok(class)) => {
                if let (true, Some(method)) = (key == "__del__", accepted.iter().next()) {
                    finalizers.push(Finalizer {
                        class: class.clone().unbind(),
                        key: key.clone().unbind(),
                        method: method.unbind(),
                    });
                }
                class_attributes(class)?
            }
            _ => {
                return Err(fallible::error::<PyTypeError>(
                    functions.py(),
                    "the owner of a name is a dict or a class",
                ));
            }
        };
        if !dicts.iter().any(|known| known.is(&dict)) {
            dicts.push(dict.clone());
        }
        known.push(Name {
            dict: dict.unbind(),
            key: key.unbind(),
            accepted: accepted.iter().map(Bound::unbind).collect(),
        });
    }
    let table = Table {
        functions: functions.clone().unbind(),
        globals: globals.clone().unbind(),
        names: known,
        finalizers,
        is_watched: watch_dicts(Group::Deferreds, &dicts, changed)?,
    };
    let _ = TABLE.set(functions.py(), table);
    changed();
    Ok(())
}

fn table(py: Python<'_>) -> PyResult<&'static Table> {
    TABLE
        .get(py)
        .ok_or_else(|| fallible::error::<PyTypeError>(py, "deferrous.defer has not been imported"))
}

/// What Twisted's functions find by this name.
#[cold]
pub fn look_up<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    table(py)?.globals.bind(py).get_item(name)
}

/// The same, where `original` is what they find if nothing is replaced.
#[inline]
pub fn current<'py, T>(
    py: Python<'py>,
    name: &Bound<'py, PyString>,
    original: &Py<T>,
) -> PyResult<Bound<'py, PyAny>> {
    if any(py) {
        return look_up(py, name);
    }
    Ok(original.bind(py).as_any().clone())
}

/// Calls Twisted's own function with the arguments of ours. `owner` is the `self` of a method.
///
/// `name` is that of the function, as in `Deferred.callback` where it is a method.
#[cold]
pub fn call_stock<'py>(
    name: &Bound<'py, PyString>,
    owner: Option<&Bound<'py, PyAny>>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    let function = table(py)?.functions.bind(py).as_any().get_item(name)?;
    match owner {
        None => function.call(args, kwargs),
        Some(owner) => {
            let rest: Vec<_> = args.iter().collect();
            function.call(fallible::tuple_after(owner, &rest)?, kwargs)
        }
    }
}

/// Calls Twisted's own function with all arguments of ours, the `self` of a method among them. It says what is wrong with
/// them.
#[cold]
#[inline(never)]
pub fn call_stock_with<'py>(
    py: Python<'py>,
    name: &str,
    arguments: Arguments<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let (args, kwargs) = (arguments.to_tuple()?, arguments.keywords()?);
    call_stock(&fallible::text(py, name)?, None, &args, kwargs.as_ref())
}
