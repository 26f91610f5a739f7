//! What is known of classes: which are Deferreds or failures, and which override what.
//!
//! The answers are found by looking attributes up, and kept under the version tag that the
//! interpreter gives a class and takes away when the class or a base of it changes. So a method that
//! somebody replaces later, in a class or its base, is seen.

use std::{
    cell::{Cell, UnsafeCell},
    ptr,
    sync::OnceLock,
};

use pyo3::ffi;

use crate::{
    interp::{Attached, Maybe, Obj, Raised, Raw},
    replaced,
    twisted::{is_failure_class, names, twisted},
};

/// What an object is to a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Value,
    Failure,
    Deferred,
    /// Its `__class__` may say something else than its type: it has to be asked.
    Ask,
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

/// What is known of one class.
#[derive(Clone, Copy)]
pub struct Facts {
    tag: u32,
    overridden: u16,
    pub kind: Kind,
    /// Whether `debug` is true in the class.
    pub debug: bool,
}

/// The classes made by this module, with the methods that they came with.
pub struct Classes {
    pub deferred: Obj,
    pub deferred_list: Obj,
    /// Twisted's list of the class and its subclasses.
    pub subclasses: Obj,
    /// What `gatherResults` adds to its list.
    pub parse_results: Obj,
    methods: Vec<Obj>,
    cancel_of_deferred: Obj,
}

static CLASSES: OnceLock<Attached<Classes>> = OnceLock::new();

/// How many places there are for classes that are remembered; a power of two.
const PLACES: usize = 128;

/// The classes that share a place, the one that was looked up last before the other. With one alone, two that
/// a program uses by turns would be looked up each time where their tags meet.
type Place = [Option<Facts>; 2];

static FACTS: Attached<UnsafeCell<[Place; PLACES]>> =
    Attached(UnsafeCell::new([[None; 2]; PLACES]));

/// Notes the classes that this module made; returns the list of them that their subclasses join.
pub fn register(deferred: Obj, deferred_list: Obj, parse_results: Obj) -> Maybe {
    let methods = METHODS
        .iter()
        .map(|&method| {
            let class = if matches!(method, Method::CbDeferred | Method::Cancel) {
                &deferred_list
            } else {
                &deferred
            };
            class.getattr(method.name())
        })
        .collect::<Maybe<Vec<_>>>()?;
    // SAFETY: the pair is a tuple and alive.
    let subclasses = unsafe {
        let both = Obj::tuple([deferred.clone(), deferred_list.clone()])?;
        Obj::owned(ffi::PySequence_List(both.as_ptr()))?
    };
    replaced::on_change(forget);
    let _ = CLASSES.set(Attached(Classes {
        cancel_of_deferred: deferred.getattr(&names().cancel)?,
        deferred,
        deferred_list,
        subclasses: subclasses.clone(),
        parse_results,
        methods,
    }));
    Ok(subclasses)
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

/// What is known of `class`.
#[inline(always)]
pub fn facts(class: *mut ffi::PyTypeObject) -> Facts {
    replaced::notice();
    // SAFETY: the class is alive; only attached threads get here, one at a time, and nothing runs
    // while the entry is read.
    unsafe {
        let tag = version_tag(class);
        let place = &(&*FACTS.0.get())[tag as usize % PLACES];
        for known in place.iter().flatten() {
            if known.tag == tag && tag != 0 {
                return *known;
            }
        }
    }
    look_up(class)
}

/// Forgets what is known of all classes.
fn forget() {
    // SAFETY: only attached threads get here, one at a time, and no entry is borrowed: `facts` copies it.
    unsafe { *FACTS.0.get() = [[None; 2]; PLACES] };
}

/// The version tag of `class`; 0 if it has none.
///
/// # Safety
///
/// `class` is alive.
#[inline(always)]
pub unsafe fn version_tag(class: *mut ffi::PyTypeObject) -> u32 {
    // Later versions set the tag to 0 where it is not valid, and do not keep the flag.
    #[cfg(not(Py_3_12))]
    // SAFETY: as the caller says.
    if unsafe { (*class).tp_flags } & ffi::Py_TPFLAGS_VALID_VERSION_TAG == 0 {
        return 0;
    }
    // SAFETY: as the caller says.
    unsafe { (*class).tp_version_tag }
}

#[cold]
#[inline(never)]
fn look_up(class: *mut ffi::PyTypeObject) -> Facts {
    // An exception on its way has nothing to do with this.
    let pending = crate::interp::set_aside();
    let facts = find(class).unwrap_or_else(|Raised| {
        crate::interp::write_unraisable(Raised, class.cast());
        Facts {
            tag: 0,
            overridden: u16::MAX,
            kind: Kind::Ask,
            debug: false,
        }
    });
    crate::interp::put_back(pending);
    // SAFETY: as in `facts`. The tag is read after the attributes were, which is when a class gets
    // one.
    unsafe {
        let tag = version_tag(class);
        if tag != 0 {
            let place = &mut (*FACTS.0.get())[tag as usize % PLACES];
            *place = [Some(Facts { tag, ..facts }), place[0]];
        }
    }
    facts
}

fn find(class: *mut ffi::PyTypeObject) -> Maybe<Facts> {
    let kind = find_kind(class)?;
    let mut facts = Facts {
        tag: 0,
        overridden: 0,
        kind,
        debug: false,
    };
    if kind != Kind::Deferred {
        return Ok(facts);
    }
    // SAFETY: the class is alive.
    let class = unsafe { Obj::borrowed(class.cast()) };
    facts.debug = class.getattr(&names().debug)?.is_true()?;
    if replaced::any() {
        // Twisted's functions call every method by its name.
        facts.overridden = u16::MAX;
        return Ok(facts);
    }
    let classes = classes();
    let is_list = is_subclass(class.as_ptr().cast(), &classes.deferred_list);
    for (&method, own) in METHODS.iter().zip(&classes.methods) {
        if matches!(method, Method::CbDeferred) && !is_list {
            continue;
        }
        // That of a `DeferredList` is another than that of other Deferreds.
        let own = match method {
            Method::Cancel => &classes.cancel_of_deferred,
            _ => own,
        };
        if !own.is(class.getattr(method.name())?.as_ptr()) {
            facts.overridden |= method as u16;
        }
    }
    Ok(facts)
}

fn is_subclass(class: *mut ffi::PyTypeObject, base: &Obj) -> bool {
    // SAFETY: both are classes and alive.
    unsafe { ffi::PyType_IsSubtype(class, base.as_ptr().cast()) != 0 }
}

fn find_kind(class: *mut ffi::PyTypeObject) -> Maybe<Kind> {
    if is_subclass(class, &classes().deferred) {
        // Twisted knows them by `__init_subclass__`, which a class may keep from running.
        // SAFETY: the list and the class are alive.
        let known =
            unsafe { ffi::PySequence_Contains(classes().subclasses.as_ptr(), class.cast()) };
        return match known {
            -1 => Err(Raised),
            0 => Ok(Kind::Value),
            _ => Ok(Kind::Deferred),
        };
    }
    if is_subclass(class, &twisted().failure) {
        return Ok(Kind::Failure);
    }
    // SAFETY: the class is alive, and so is the base of all.
    unsafe {
        let plain_getattr: ffi::getattrofunc = ffi::PyObject_GenericGetAttr;
        let is_plain = (*class)
            .tp_getattro
            .is_some_and(|own| ptr::fn_addr_eq(own, plain_getattr));
        if !is_plain {
            return Ok(Kind::Ask);
        }
        // In a class, `__class__` is the metaclass; what counts is where instances find it.
        let mro = Obj::borrowed((*class).tp_mro);
        for at in 0..ffi::PyTuple_GET_SIZE(mro.as_ptr()) {
            let base = ffi::PyTuple_GET_ITEM(mro.as_ptr(), at);
            if ptr::eq(base, (&raw mut ffi::PyBaseObject_Type).cast()) {
                continue;
            }
            let dict = Obj::borrowed(base).getattr(&names().dict)?;
            if ffi::PySequence_Contains(dict.as_ptr(), names().class.as_ptr()) != 0 {
                ffi::PyErr_Clear();
                return Ok(Kind::Ask);
            }
        }
    }
    Ok(Kind::Value)
}

/// What `object` is to a chain.
#[inline(always)]
pub fn kind(object: &Obj) -> Kind {
    let class = object.class();
    if is_failure_class(class) {
        return Kind::Failure;
    }
    if classes().deferred.is(class.cast()) {
        return Kind::Deferred;
    }
    // SAFETY: the class is alive.
    unsafe {
        let plain_getattr: ffi::getattrofunc = ffi::PyObject_GenericGetAttr;
        if (*class).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0
            && (*class)
                .tp_getattro
                .is_some_and(|own| ptr::fn_addr_eq(own, plain_getattr))
        {
            return Kind::Value;
        }
    }
    match facts(class).kind {
        Kind::Ask => ask(object),
        kind => kind,
    }
}

/// As `isinstance` answers it. What it raises is raised by the callback that gets the object, too.
#[cold]
fn ask(object: &Obj) -> Kind {
    match object.is_instance(&twisted().failure) {
        Ok(true) => Kind::Failure,
        Ok(false) => Kind::Value,
        Err(Raised) => {
            // SAFETY: the thread is attached.
            unsafe { ffi::PyErr_Clear() };
            Kind::Value
        }
    }
}

/// Whether `object`, of a class of Deferreds and with the attributes in `attributes`, has another
/// `method` than the one that this module gave it.
#[inline(always)]
pub fn overrides(object: &Obj, attributes: &Cell<Raw>, method: Method) -> bool {
    facts(object.class()).overridden & method as u16 != 0
        || (!attributes.get().is_null() && has_attribute(attributes.get(), method.name()))
}

#[inline(never)]
fn has_attribute(attributes: Raw, name: &Obj) -> bool {
    // SAFETY: the dict belongs to an object that is alive, and its key is a `str`.
    unsafe { ffi::PyDict_Contains(attributes, name.as_ptr()) > 0 }
}
