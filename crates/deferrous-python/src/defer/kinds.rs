//! What objects are to a chain, Deferreds, failures or values, and which methods of Deferreds are overridden.
//!
//! Of the two classes of this module it is remembered which methods a program has replaced, until their attributes
//! change. Other classes are asked each time: the interpreter has a cache of its own for that.

use std::{cell::Cell, ptr, sync::OnceLock};

use pyo3::ffi;

use crate::{
    interp::{
        Attached, Maybe, Obj, Raised, Raw, put_back, set_aside, type_error, write_unraisable,
    },
    replaced,
    twisted::{is_failure_class, names, twisted},
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

const METHODS: [Method; 12] = [
    Method::StartRunCallbacks,
    Method::RunCallbacks,
    Method::Pause,
    Method::Continuation,
    Method::Errback,
    Method::AddCallbacks,
    Method::AddBoth,
    Method::Cancel,
    Method::Callback,
    Method::CbDeferred,
    Method::AddCallback,
    Method::AddErrback,
];

impl Method {
    /// Its name in Python.
    pub fn name(self) -> &'static Obj {
        let names = names();
        match self {
            Method::StartRunCallbacks => &names.start_run_callbacks,
            Method::RunCallbacks => &names.run_callbacks,
            Method::Pause => &names.pause,
            Method::Continuation => &names.continuation,
            Method::Errback => &names.errback,
            Method::AddCallbacks => &names.add_callbacks,
            Method::AddBoth => &names.add_both,
            Method::Cancel => &names.cancel,
            Method::Callback => &names.callback,
            Method::CbDeferred => &names.cb_deferred,
            Method::AddCallback => &names.add_callback,
            Method::AddErrback => &names.add_errback,
        }
    }
}

/// The classes made by this module, with the methods that they came with.
pub struct Classes {
    pub deferred: Obj,
    pub deferred_list: Obj,
    /// Twisted's list of the class and its subclasses.
    pub subclasses: Obj,
    /// What `gatherResults` adds to its list.
    pub parse_results: Obj,
    /// The C functions of `callback` and `errback`.
    pub firing: [usize; 2],
    /// The C function that reports failures of Deferreds that the collector has found.
    pub finalizer: usize,
    methods: Vec<Obj>,
    cancel_of_deferred: Obj,
    /// `object.__class__`, where instances of most classes find it.
    class_descriptor: Obj,
}

static CLASSES: OnceLock<Attached<Classes>> = OnceLock::new();

/// What is known of a class whose attributes are watched.
struct Known {
    /// Whether the rest is right.
    is_known: Cell<bool>,
    overridden: Cell<u16>,
    debug: Cell<bool>,
}

impl Known {
    const fn new() -> Self {
        Known {
            is_known: Cell::new(false),
            overridden: Cell::new(0),
            debug: Cell::new(false),
        }
    }
}

static DEFERRED: Attached<Known> = Attached(Known::new());
static DEFERRED_LIST: Attached<Known> = Attached(Known::new());

/// Notes the classes that this module made, and the C functions of theirs that others compare with; returns the
/// list of the classes that their subclasses join.
pub fn register(
    deferred: Obj,
    deferred_list: Obj,
    parse_results: Obj,
    firing: [usize; 2],
    finalizer: usize,
) -> Maybe {
    let methods = METHODS
        .iter()
        .map(|&method| {
            let class = if matches!(method, Method::CbDeferred | Method::Cancel) {
                &deferred_list
            } else {
                &deferred
            };
            class_attribute(class, method.name())
        })
        .collect::<Maybe<Vec<_>>>()?;
    // SAFETY: the base of all classes is alive for ever.
    let object = unsafe { Obj::borrowed((&raw mut ffi::PyBaseObject_Type).cast()) };
    // SAFETY: the pair is a tuple and alive.
    let subclasses = unsafe {
        let both = Obj::tuple([deferred.clone(), deferred_list.clone()])?;
        Obj::owned(ffi::PySequence_List(both.as_ptr()))?
    };
    replaced::on_change(forget);
    let _ = CLASSES.set(Attached(Classes {
        cancel_of_deferred: class_attribute(&deferred, &names().cancel)?,
        class_descriptor: class_attribute(&object, &names().class)?,
        deferred,
        deferred_list,
        subclasses: subclasses.clone(),
        parse_results,
        firing,
        finalizer,
        methods,
    }));
    Ok(subclasses)
}

/// What a class has by this name, as instances find it.
fn class_attribute(class: &Obj, name: &Obj) -> Maybe {
    Obj::class_attribute(class.as_ptr().cast(), name)
        .ok_or_else(|| type_error("a class lacks an attribute that it should have"))
}

/// The classes that this module made.
///
/// # Panics
///
/// If the module has not been loaded.
#[inline(always)]
pub fn classes() -> &'static Classes {
    match CLASSES.get() {
        Some(classes) => &classes.0,
        None => unloaded(),
    }
}

#[cold]
fn unloaded() -> ! {
    panic!("a Deferred is used before the module was loaded")
}

/// Forgets what is known of the two classes.
fn forget() {
    DEFERRED.0.is_known.set(false);
    DEFERRED_LIST.0.is_known.set(false);
}

/// What is known of a class of this module. After a change it is found out again.
#[inline(always)]
fn known(class: *mut ffi::PyTypeObject) -> Option<&'static Known> {
    let classes = classes();
    let known = if classes.deferred.is(class.cast()) {
        &DEFERRED.0
    } else if classes.deferred_list.is(class.cast()) {
        &DEFERRED_LIST.0
    } else {
        return None;
    };
    replaced::notice();
    if !known.is_known.get() {
        find_out(class, known);
    }
    Some(known)
}

#[cold]
#[inline(never)]
fn find_out(class: *mut ffi::PyTypeObject, known: &Known) {
    // Set first: looking up `debug` may run code, which may change the class.
    known.is_known.set(replaced::is_watched());
    let mut overridden = 0;
    for &method in &METHODS {
        if replaced::any() || class_overrides(class, method) {
            overridden |= method as u16;
        }
    }
    known.overridden.set(overridden);
    known.debug.set(look_up_debug(class));
}

/// Whether `debug` is true in a class of Deferreds.
#[inline(always)]
pub fn class_debug(class: *mut ffi::PyTypeObject) -> bool {
    match known(class) {
        Some(known) => known.debug.get(),
        None => look_up_debug(class),
    }
}

fn look_up_debug(class: *mut ffi::PyTypeObject) -> bool {
    // An exception on its way has nothing to do with this.
    let pending = set_aside();
    // SAFETY: the class is alive.
    let class = unsafe { Obj::borrowed(class.cast()) };
    let debug = class
        .getattr(&names().debug)
        .and_then(|debug| debug.is_true())
        .unwrap_or_else(|raised| {
            write_unraisable(raised, class.as_ptr());
            false
        });
    put_back(pending);
    debug
}

/// Whether a class of Deferreds has another `method` than the one that this module gave it.
fn class_overrides(class: *mut ffi::PyTypeObject, method: Method) -> bool {
    let classes = classes();
    if matches!(method, Method::CbDeferred) && !is_subclass(class, &classes.deferred_list) {
        return false;
    }
    // That of a `DeferredList` is another than that of other Deferreds.
    let own = match method {
        Method::Cancel => &classes.cancel_of_deferred,
        _ => &classes.methods[(method as u16).trailing_zeros() as usize],
    };
    Obj::class_attribute(class, method.name()).is_none_or(|found| !found.is(own.as_ptr()))
}

fn is_subclass(class: *mut ffi::PyTypeObject, base: &Obj) -> bool {
    // SAFETY: both are classes and alive.
    unsafe { ffi::PyType_IsSubtype(class, base.as_ptr().cast()) != 0 }
}

/// Whether objects of the class find their attributes as most do.
#[inline(always)]
fn has_plain_attributes(class: *mut ffi::PyTypeObject) -> bool {
    let plain: ffi::getattrofunc = ffi::PyObject_GenericGetAttr;
    // SAFETY: the class is alive.
    unsafe { (*class).tp_getattro }.is_some_and(|own| ptr::fn_addr_eq(own, plain))
}

/// What objects of the class are to a chain, where the class alone says so.
#[inline(always)]
pub fn kind_of_class(class: *mut ffi::PyTypeObject) -> Option<Kind> {
    if is_failure_class(class) {
        return Some(Kind::Failure);
    }
    if classes().deferred.is(class.cast()) {
        return Some(Kind::Deferred);
    }
    // SAFETY: the class is alive.
    let is_builtin = unsafe { (*class).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 };
    (is_builtin && has_plain_attributes(class)).then_some(Kind::Value)
}

/// What `object` is to a chain.
#[inline(always)]
pub fn kind(object: &Obj) -> Kind {
    match kind_of_class(object.class()) {
        Some(kind) => kind,
        None => kind_of_other(object),
    }
}

/// As [`kind`], for objects of classes that a program has made.
#[inline(never)]
fn kind_of_other(object: &Obj) -> Kind {
    let class = object.class();
    if is_deferred_subclass(class) {
        // Twisted knows them by `__init_subclass__`, which a class may keep from running.
        return match is_listed(class) {
            true => Kind::Deferred,
            false => Kind::Value,
        };
    }
    // A failure is an exception, of which the class has a flag.
    // SAFETY: the class is alive.
    let is_exception = unsafe { (*class).tp_flags & ffi::Py_TPFLAGS_BASE_EXC_SUBCLASS != 0 };
    if is_exception && is_subclass(class, &twisted().failure) {
        return Kind::Failure;
    }
    if has_plain_attributes(class)
        && Obj::class_attribute_is(class, &names().class, &classes().class_descriptor)
    {
        return Kind::Value;
    }
    ask(object)
}

/// Whether objects of the class are Deferreds: `class in _DEFERRED_SUBCLASSES`. No object is asked.
#[inline(always)]
pub fn is_deferred_class(class: *mut ffi::PyTypeObject) -> bool {
    match kind_of_class(class) {
        Some(kind) => kind == Kind::Deferred,
        None => is_deferred_subclass(class) && is_listed(class),
    }
}

/// Whether a class is a subclass of `Deferred`. Objects of most classes are smaller, which is seen at once.
#[inline(always)]
fn is_deferred_subclass(class: *mut ffi::PyTypeObject) -> bool {
    let deferred = &classes().deferred;
    // SAFETY: both are classes and alive.
    let is_as_large = unsafe {
        (*class).tp_basicsize >= (*deferred.as_ptr().cast::<ffi::PyTypeObject>()).tp_basicsize
    };
    is_as_large && is_subclass(class, deferred)
}

/// Whether a subclass is in Twisted's list of them.
fn is_listed(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the list is alive, and its length is looked at for each item; nothing runs meanwhile.
    unsafe {
        let list = classes().subclasses.as_ptr();
        (0..ffi::PyList_GET_SIZE(list))
            .rev()
            .any(|at| ptr::eq(ffi::PyList_GET_ITEM(list, at), class.cast()))
    }
}

/// As `isinstance` answers it. What it raises is raised by the callback that gets the object, too.
#[cold]
fn ask(object: &Obj) -> Kind {
    match object.is_instance(&twisted().failure) {
        Ok(true) => Kind::Failure,
        Ok(false) => Kind::Value,
        Err(Raised) => {
            drop(set_aside());
            Kind::Value
        }
    }
}

/// Whether `object`, of a class of Deferreds and with the attributes in `attributes`, has another
/// `method` than the one that this module gave it.
#[inline(always)]
pub fn overrides(object: &Obj, attributes: Raw, method: Method) -> bool {
    let in_class = match known(object.class()) {
        Some(known) => known.overridden.get() & method as u16 != 0,
        None => replaced::any() || class_overrides(object.class(), method),
    };
    in_class || (!attributes.is_null() && has_attribute(attributes, method.name()))
}

#[inline(never)]
fn has_attribute(attributes: Raw, name: &Obj) -> bool {
    // SAFETY: the dict belongs to an object that is alive, and its key is a `str`.
    unsafe { ffi::PyDict_Contains(attributes, name.as_ptr()) > 0 }
}
