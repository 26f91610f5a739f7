//! Names that a program has replaced: what Twisted's functions look up each time they run.
//!
//! The functions of this module look nothing up. They ask [`any`], and while a name is replaced each calls the
//! function of Twisted that it stands for (`deferrous._by_name`). When the name is put back, they do the work
//! themselves again. A replacement is what is neither Twisted's own object nor ours.

use std::{cell::Cell, sync::OnceLock};

use pyo3::{
    exceptions::PyTypeError,
    ffi,
    prelude::*,
    types::{PyAny, PyDict, PyList, PyTuple},
};

#[cfg(not(Py_3_12))]
use crate::interp::notice_changes;
use crate::interp::{
    Attached, Maybe, Obj, Raised, Raw, put_back, set_aside, type_error, watch_dicts,
};

/// What is known of the names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Original,
    /// Something has changed: which names are replaced has to be found out.
    Unknown,
    Replaced,
}

static NAMES: Attached<Cell<Names>> = Attached(Cell::new(Names::Original));

/// One name, and what may be there: nothing, where there are no such objects.
struct Name {
    dict: Obj,
    key: Obj,
    accepted: Vec<Obj>,
}

/// The finalizer of a class in Rust. The class loses it when a program sets `__del__` and deletes that again, where
/// Twisted's class has none to lose.
struct Finalizer {
    class: Obj,
    key: Obj,
    method: Obj,
}

/// What is needed once a name is replaced.
struct Table {
    /// Twisted's functions by name, those of classes as in `Deferred.callback`.
    functions: Obj,
    /// What is found by which name now; ours stands for Twisted's own.
    globals: Obj,
    names: Vec<Name>,
    finalizers: Vec<Finalizer>,
    /// Whether changes are noticed.
    is_watched: bool,
}

static TABLE: OnceLock<Attached<Table>> = OnceLock::new();

/// Whether names are replaced.
#[inline(always)]
pub fn any() -> bool {
    #[cfg(not(Py_3_12))]
    notice_changes();
    NAMES.0.get() != Names::Original && find_out()
}

/// Has the interpreter tell of changes, where it has to be asked.
#[inline(always)]
pub fn notice() {
    #[cfg(not(Py_3_12))]
    notice_changes();
}

/// Whether changes are noticed, and so what was found out stays right until [`on_change`] says otherwise.
pub fn is_watched() -> bool {
    TABLE.get().is_some_and(|table| table.0.is_watched)
}

/// Who is told that something has changed.
static ON_CHANGE: OnceLock<fn()> = OnceLock::new();

/// Has `listener` called when something changes. It may run no code of Python.
pub fn on_change(listener: fn()) {
    let _ = ON_CHANGE.set(listener);
}

/// Something has changed.
fn changed() {
    NAMES.0.set(Names::Unknown);
    if let Some(listener) = ON_CHANGE.get() {
        listener();
    }
}

#[cold]
#[inline(never)]
fn find_out() -> bool {
    if NAMES.0.get() == Names::Replaced {
        return true;
    }
    let Some(Attached(table)) = TABLE.get() else {
        return false;
    };
    let pending = set_aside();
    table.finalizers.iter().for_each(Finalizer::restore);
    let replaced = table.names.iter().any(Name::is_replaced);
    put_back(pending);
    if !table.is_watched {
        changed();
    }
    NAMES.0.set(match (table.is_watched, replaced) {
        (false, _) => Names::Unknown,
        (true, false) => Names::Original,
        (true, true) => Names::Replaced,
    });
    replaced
}

impl Name {
    fn is_replaced(&self) -> bool {
        // SAFETY: the dict and the key are alive, and what is found is only compared.
        unsafe {
            let found = ffi::PyDict_GetItemWithError(self.dict.as_ptr(), self.key.as_ptr());
            if found.is_null() {
                ffi::PyErr_Clear();
                return !self.accepted.is_empty();
            }
            // The interpreter puts None in the place of everything when it ends.
            found != ffi::Py_None() && !self.accepted.iter().any(|object| object.is(found))
        }
    }
}

impl Finalizer {
    fn restore(&self) {
        // SAFETY: the dict of the class and the key are alive.
        let is_there =
            unsafe { ffi::PyDict_Contains(dict_of(&self.class).as_ptr(), self.key.as_ptr()) };
        if is_there == 0 && self.class.setattr(&self.key, &self.method).is_err() {
            drop(set_aside());
        }
    }
}

/// The attributes of a class.
fn dict_of(class: &Obj) -> Obj {
    // SAFETY: it is a class that is made at run time, which has a dict of its own.
    unsafe { Obj::borrowed((*class.as_ptr().cast::<ffi::PyTypeObject>()).tp_dict) }
}

fn obj(object: &Bound<'_, PyAny>) -> Obj {
    // SAFETY: the object is alive.
    unsafe { Obj::borrowed(object.as_ptr()) }
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
    let mut dicts: Vec<Obj> = Vec::new();
    let (mut known, mut finalizers) = (Vec::new(), Vec::new());
    for entry in names {
        let (owner, key, accepted): (Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyTuple>) =
            entry.extract()?;
        let (owner, key) = (obj(&owner), obj(&key));
        let accepted: Vec<Obj> = accepted.iter().map(|object| obj(&object)).collect();
        // SAFETY: the object is alive.
        let is_class = unsafe { ffi::PyType_Check(owner.as_ptr()) } != 0;
        // SAFETY: the object is alive.
        if !is_class && unsafe { ffi::PyDict_Check(owner.as_ptr()) } == 0 {
            return Err(PyTypeError::new_err(
                "the owner of a name is a dict or a class",
            ));
        }
        let dict = if is_class {
            dict_of(&owner)
        } else {
            owner.clone()
        };
        if let (true, Some(method)) = (
            key.to_text().is_ok_and(|key| key == "__del__"),
            accepted.first(),
        ) {
            finalizers.push(Finalizer {
                class: owner,
                key: key.clone(),
                method: method.clone(),
            });
        }
        if !dicts.iter().any(|known| known.is(dict.as_ptr())) {
            dicts.push(dict.clone());
        }
        known.push(Name {
            dict,
            key,
            accepted,
        });
    }
    let begin = || {
        let table = Table {
            functions: obj(functions),
            globals: obj(globals),
            names: known,
            finalizers,
            is_watched: watch_dicts(&dicts, changed)?,
        };
        let _ = TABLE.set(Attached(table));
        changed();
        Ok(())
    };
    begin().map_err(|Raised| PyErr::fetch(functions.py()))
}

fn table() -> Maybe<&'static Table> {
    match TABLE.get() {
        Some(Attached(table)) => Ok(table),
        None => Err(type_error("deferrous.defer has not been imported")),
    }
}

/// What Twisted's functions find by this name.
#[cold]
pub fn value(name: &str) -> Maybe {
    let (globals, name) = (&table()?.globals, Obj::name(name)?);
    // SAFETY: both are alive.
    unsafe { Obj::owned(ffi::PyObject_GetItem(globals.as_ptr(), name.as_ptr())) }
}

/// The same, where `original` is what they find if nothing is replaced.
#[inline]
pub fn named(name: &str, original: &Obj) -> Maybe {
    if any() {
        return value(name);
    }
    Ok(original.clone())
}

/// Twisted's own function.
fn function(name: &str) -> Maybe {
    let (functions, name) = (&table()?.functions, Obj::name(name)?);
    // SAFETY: both are alive.
    unsafe { Obj::owned(ffi::PyObject_GetItem(functions.as_ptr(), name.as_ptr())) }
}

/// Calls Twisted's own function with the arguments of ours. `owner` is the `self` of a method, or null.
///
/// # Safety
///
/// `owner` is null or alive; the arguments are as the interpreter gave them.
#[cold]
pub unsafe fn call(
    name: &str,
    owner: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Maybe {
    let function = function(name)?;
    // SAFETY: as the caller says: the values of keywords follow the positional arguments.
    unsafe {
        let keywords = match names.is_null() {
            true => 0,
            false => ffi::PyTuple_GET_SIZE(names),
        };
        let mut all = Vec::with_capacity((1 + count + keywords).unsigned_abs());
        if !owner.is_null() {
            all.push(owner);
        }
        all.extend((0..count + keywords).map(|at| *arguments.offset(at)));
        let count = all.len() - keywords.unsigned_abs();
        let result = ffi::PyObject_Vectorcall(function.as_ptr(), all.as_ptr(), count, names);
        Obj::owned(result)
    }
}

/// The same, of a method that is called with a tuple and a dict.
///
/// # Safety
///
/// `owner` is alive, `arguments` is a tuple, and `keywords` a dict or null.
#[cold]
pub unsafe fn call_tuple(name: &str, owner: Raw, arguments: Raw, keywords: Raw) -> Maybe {
    let function = function(name)?;
    // SAFETY: as the caller says.
    unsafe {
        let first = Obj::tuple([Obj::borrowed(owner)])?;
        let all = Obj::owned(ffi::PySequence_Concat(first.as_ptr(), arguments))?;
        Obj::owned(ffi::PyObject_Call(
            function.as_ptr(),
            all.as_ptr(),
            keywords,
        ))
    }
}
