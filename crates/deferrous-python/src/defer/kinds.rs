//! What the objects that a chain meets are: values, failures or Deferreds; and which methods a class overrides.
//!
//! The two classes of this module are asked once, and again after a change. Other classes are asked each time: the
//! interpreter has a cache of its own for that.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::Relaxed};

use pyo3::{
    PyTypeInfo,
    exceptions::PyTypeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyCFunction, PyList, PyString, PyType},
};

use super::deferred::Deferred;
use crate::{
    interp::{
        ClassFacts, Making, class_attribute, fallible, finds, forget, is_exactly, is_kind_of, name,
    },
    replaced,
    twisted::objects,
};

/// What an object is to a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Value,
    Failure,
    Deferred,
}

/// A method that other methods call on `self`, which a subclass may override.
#[derive(Clone, Copy)]
#[repr(u16)]
pub enum Method {
    StartRunCallbacks = 1,
    RunCallbacks = 1 << 1,
    Pause = 1 << 2,
    Continuation = 1 << 3,
    Errback = 1 << 4,
    AddCallbacks = 1 << 5,
    AddBoth = 1 << 6,
    Cancel = 1 << 7,
    Callback = 1 << 8,
    CbDeferred = 1 << 9,
    AddCallback = 1 << 10,
    AddErrback = 1 << 11,
}

/// The methods and their names in Python.
const METHODS: [(Method, &str); 12] = [
    (Method::StartRunCallbacks, "_startRunCallbacks"),
    (Method::RunCallbacks, "_runCallbacks"),
    (Method::Pause, "pause"),
    (Method::Continuation, "_continuation"),
    (Method::Errback, "errback"),
    (Method::AddCallbacks, "addCallbacks"),
    (Method::AddBoth, "addBoth"),
    (Method::Cancel, "cancel"),
    (Method::Callback, "callback"),
    (Method::CbDeferred, "_cbDeferred"),
    (Method::AddCallback, "addCallback"),
    (Method::AddErrback, "addErrback"),
];

impl Method {
    /// Its place in the tables.
    const fn index(self) -> usize {
        (self as u16).trailing_zeros() as usize
    }

    /// Its name in Python.
    pub fn name(self, py: Python<'_>) -> &Bound<'_, PyString> {
        classes(py).names[self.index()].bind(py)
    }
}

/// The classes of this module, with the methods that they came with.
pub struct Classes {
    pub deferred: Py<PyType>,
    deferred_list: Py<PyType>,
    /// Twisted's list of the class and its subclasses.
    pub subclasses: Py<PyList>,
    /// What `gatherResults` adds to its list.
    pub parse_results: Py<PyCFunction>,
    /// How the class makes its objects, unless a program has replaced that.
    pub making: Making,
    names: [Py<PyString>; 12],
    methods: [Py<PyAny>; 12],
    cancel_of_deferred: Py<PyAny>,
    class_name: Py<PyString>,
    /// `object.__class__`, where instances of most classes find it.
    class_descriptor: Py<PyAny>,
}

impl Classes {
    /// The method that this module gave the class.
    #[inline(always)]
    pub const fn method(&self, method: Method) -> &Py<PyAny> {
        &self.methods[method.index()]
    }
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

/// What is known of a class whose attributes are watched. Threads that have the interpreter read and write it.
struct Known {
    /// Whether the rest is right.
    is_known: AtomicBool,
    overridden: AtomicU16,
    debug: AtomicBool,
}

impl Known {
    const fn new() -> Self {
        Known {
            is_known: AtomicBool::new(false),
            overridden: AtomicU16::new(0),
            debug: AtomicBool::new(false),
        }
    }
}

static DEFERRED: Known = Known::new();
static DEFERRED_LIST: Known = Known::new();

/// Notes the two classes as they are before a program has seen them, and the list of the classes that their
/// subclasses join.
pub fn register<'py>(
    list: Bound<'py, PyType>,
    parse_results: Bound<'py, PyCFunction>,
) -> PyResult<Bound<'py, PyList>> {
    let py = list.py();
    let deferred = Deferred::type_object(py);
    let (mut names, mut methods) = (Vec::new(), Vec::new());
    for (method, name) in METHODS {
        let class = match method {
            Method::CbDeferred | Method::Cancel => &list,
            _ => &deferred,
        };
        let name = fallible::interned(py, name)?;
        methods.push(required(class, &name)?.unbind());
        names.push(name.unbind());
    }
    let object = py.get_type::<PyAny>();
    let subclasses = fallible::list_of(py, [deferred.clone(), list.clone()])?;
    replaced::on_change(forget_facts);
    let found = Classes {
        subclasses: subclasses.clone().unbind(),
        parse_results: parse_results.unbind(),
        making: Making::of(&deferred),
        names: names.try_into().map_err(|_| missing(py))?,
        methods: methods.try_into().map_err(|_| missing(py))?,
        cancel_of_deferred: required(&deferred, name!(py, "cancel")?)?.unbind(),
        class_name: name!(py, "__class__")?.clone().unbind(),
        class_descriptor: required(&object, name!(py, "__class__")?)?.unbind(),
        deferred: deferred.unbind(),
        deferred_list: list.unbind(),
    };
    let _ = CLASSES.set(py, found);
    Ok(subclasses)
}

/// What a class has by this name, as instances find it.
fn required<'py>(
    class: &Bound<'py, PyType>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    class_attribute(class, name).ok_or_else(|| missing(class.py()))
}

fn missing(py: Python<'_>) -> PyErr {
    fallible::error::<PyTypeError>(py, "a class lacks an attribute that it should have")
}

/// The classes of this module.
///
/// # Panics
///
/// If the module has not been loaded.
#[inline(always)]
pub fn classes(py: Python<'_>) -> &'static Classes {
    match CLASSES.get(py) {
        Some(classes) => classes,
        None => unloaded(),
    }
}

#[cold]
fn unloaded() -> ! {
    panic!("a Deferred is used before the module was loaded")
}

/// Forgets what is known of the two classes.
fn forget_facts() {
    DEFERRED.is_known.store(false, Relaxed);
    DEFERRED_LIST.is_known.store(false, Relaxed);
}

/// What is known of the object's class, if it is one of this module. After a change it is found out again.
#[inline(always)]
fn known(deferred: &Bound<'_, PyAny>) -> Option<&'static Known> {
    let classes = classes(deferred.py());
    let known = if is_exactly(deferred, &classes.deferred) {
        &DEFERRED
    } else if is_exactly(deferred, &classes.deferred_list) {
        &DEFERRED_LIST
    } else {
        return None;
    };
    Some(up_to_date(deferred.py(), known, || deferred.get_type()))
}

#[inline(always)]
fn up_to_date<'py>(
    py: Python<'py>,
    known: &'static Known,
    class: impl FnOnce() -> Bound<'py, PyType>,
) -> &'static Known {
    replaced::notice(py);
    if !known.is_known.load(Relaxed) {
        find_out(&class(), known);
    }
    known
}

#[cold]
#[inline(never)]
fn find_out(class: &Bound<'_, PyType>, known: &Known) {
    // Set first: looking up `debug` may run code, which may change the class.
    let py = class.py();
    known.is_known.store(replaced::is_watched(py), Relaxed);
    let mut overridden = 0;
    for (method, _) in METHODS {
        if replaced::any(py) || class_overrides(class, method) {
            overridden |= method as u16;
        }
    }
    known.overridden.store(overridden, Relaxed);
    known.debug.store(look_up_debug(class), Relaxed);
}

/// Whether `debug` is true in the class of a Deferred.
#[inline(always)]
pub fn class_debug(deferred: &Bound<'_, PyAny>) -> bool {
    match known(deferred) {
        Some(known) => known.debug.load(Relaxed),
        None => look_up_debug(&deferred.get_type()),
    }
}

/// Whether `Deferred.debug` is true.
pub fn debug(py: Python<'_>) -> bool {
    let class = || classes(py).deferred.bind(py).clone();
    up_to_date(py, &DEFERRED, class).debug.load(Relaxed)
}

/// `owner.debug`. An error there is reported, and counts as false.
pub fn look_up_debug(owner: &Bound<'_, PyAny>) -> bool {
    let py = owner.py();
    // An exception on its way has nothing to do with this.
    let pending = PyErr::take(py);
    let debug = name!(py, "debug")
        .and_then(|debug| owner.getattr(debug)?.is_truthy())
        .unwrap_or_else(|error| {
            error.write_unraisable(py, Some(owner));
            false
        });
    if let Some(pending) = pending {
        pending.restore(py);
    }
    debug
}

/// Whether a class of Deferreds has another `method` than the one that this module gave it.
fn class_overrides(class: &Bound<'_, PyType>, method: Method) -> bool {
    let py = class.py();
    let classes = classes(py);
    let is_list = || {
        class
            .is_subclass(classes.deferred_list.bind(py))
            .unwrap_or(false)
    };
    if matches!(method, Method::CbDeferred) && !is_list() {
        return false;
    }
    // `DeferredList` has its own `cancel`.
    let own = match method {
        Method::Cancel => &classes.cancel_of_deferred,
        _ => classes.method(method),
    };
    class_attribute(class, method.name(py)).is_none_or(|found| !found.is(own))
}

/// What the object is to a chain, where its class alone says so.
#[inline(always)]
fn kind_by_class(object: &Bound<'_, PyAny>, facts: &ClassFacts) -> Option<Kind> {
    // Both classes below were made at run time.
    if !facts.is_heap_type() && facts.has_plain_attributes {
        return Some(Kind::Value);
    }
    if is_exactly(object, &objects(object.py()).failure) {
        return Some(Kind::Failure);
    }
    is_exactly(object, &classes(object.py()).deferred).then_some(Kind::Deferred)
}

/// What `object` is to a chain. It may be asked for its class, which runs code of a program.
#[inline(always)]
pub fn kind(object: &Bound<'_, PyAny>) -> Kind {
    kind_unasked(object).unwrap_or_else(|| ask(object))
}

/// What `object` is to a chain, if that is known without asking it for its class.
#[inline(always)]
pub fn kind_unasked(object: &Bound<'_, PyAny>) -> Option<Kind> {
    let facts = ClassFacts::of(object);
    kind_by_class(object, &facts).or_else(|| kind_of_other(object))
}

/// As [`kind_unasked`], for objects of classes that a program has made.
#[inline(never)]
fn kind_of_other(object: &Bound<'_, PyAny>) -> Option<Kind> {
    let facts = ClassFacts::of(object);
    if is_deferred_subclass(object, &facts) {
        // Twisted knows them by `__init_subclass__`, which a class may keep from running.
        return Some(match is_listed(object) {
            true => Kind::Deferred,
            false => Kind::Value,
        });
    }
    // A failure is an exception, of which the class has a flag.
    if facts.is_exception() && is_kind_of(object, &objects(object.py()).failure) {
        return Some(Kind::Failure);
    }
    let classes = classes(object.py());
    let is_plain =
        facts.has_plain_attributes && finds(object, &classes.class_name, &classes.class_descriptor);
    is_plain.then_some(Kind::Value)
}

/// Whether the object is a Deferred: `type(object) in _DEFERRED_SUBCLASSES`. The object is not asked.
#[inline(always)]
fn is_deferred(object: &Bound<'_, PyAny>) -> bool {
    let facts = ClassFacts::of(object);
    match kind_by_class(object, &facts) {
        Some(kind) => kind == Kind::Deferred,
        None => is_deferred_subclass(object, &facts) && is_listed(object),
    }
}

/// The object as a Deferred, if it is one.
#[inline(always)]
pub fn as_deferred<'a, 'py>(object: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, Deferred>> {
    match is_deferred(object) {
        true => object.cast().ok(),
        false => None,
    }
}

/// Whether a class is a subclass of `Deferred`. Objects of most classes are smaller, which is seen at once.
#[inline(always)]
fn is_deferred_subclass(object: &Bound<'_, PyAny>, facts: &ClassFacts) -> bool {
    facts.size.unsigned_abs() >= size_of::<Deferred>()
        && is_kind_of(object, &classes(object.py()).deferred)
}

/// Whether the object's class is in Twisted's list of subclasses.
fn is_listed(object: &Bound<'_, PyAny>) -> bool {
    let class = object.get_type();
    let list = classes(object.py()).subclasses.bind(object.py());
    // The list may become shorter only by what a program does, which does not run meanwhile.
    (0..list.len())
        .rev()
        .any(|at| list.get_item(at).is_ok_and(|item| item.is(&class)))
}

/// As `isinstance` answers it. What it raises is raised by the callback that gets the object, too.
#[cold]
fn ask(object: &Bound<'_, PyAny>) -> Kind {
    match object.is_instance(objects(object.py()).failure.bind(object.py())) {
        Ok(true) => Kind::Failure,
        Ok(false) => Kind::Value,
        Err(error) => {
            forget(object.py(), error);
            Kind::Value
        }
    }
}

/// Whether the class of a Deferred has another `method` than the one that this module gave it.
#[inline(always)]
pub fn overrides_in_class(deferred: &Bound<'_, PyAny>, method: Method) -> bool {
    match known(deferred) {
        Some(known) => known.overridden.load(Relaxed) & method as u16 != 0,
        None => replaced::any(deferred.py()) || class_overrides(&deferred.get_type(), method),
    }
}
