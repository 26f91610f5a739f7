//! The layout of a Deferred in memory, and its life as the interpreter sees it: made, walked by the
//! collector, and ended.

use std::{
    cell::{Cell, UnsafeCell},
    ffi::{c_int, c_void},
    mem::ManuallyDrop,
    ptr,
};

use deferrous::chain::{Entry, State};
use pyo3::ffi;

use super::debug;
use crate::{
    classes::{Kind, Method, classes, facts, kind, overrides},
    entries::Entries,
    host::Python,
    interp::{Maybe, Obj, Raw, Room, Visitor, end, guarded},
};

/// What a Deferred is in memory.
#[repr(C)]
pub struct Layout {
    base: ffi::PyObject,
    /// The attributes that programs set; null until they do.
    attributes: Cell<Raw>,
    weak_references: Cell<Raw>,
    /// Twisted's `DebugInfo`, once there is something for it to hold.
    pub debug_info: UnsafeCell<Option<Obj>>,
    /// `__init__` has run.
    pub is_made: Cell<bool>,
    /// There was a failure at the end of the chain at some time.
    pub had_failure: Cell<bool>,
    /// The failure that the chain ended with and that nobody has handled; Python's `None` where there is a
    /// `DebugInfo`, which has it then.
    pub unhandled: UnsafeCell<Option<Obj>>,
    state: UnsafeCell<ManuallyDrop<State<Python>>>,
}

/// The offsets that the interpreter is told.
pub const ATTRIBUTES: usize = std::mem::offset_of!(Layout, attributes);
pub const WEAK_REFERENCES: usize = std::mem::offset_of!(Layout, weak_references);

/// The memory of Deferreds that have ended, of the class itself.
static ROOM: Room = Room::new();

/// Writes what follows the header.
///
/// # Safety
///
/// `raw` is memory for a Deferred.
#[inline(always)]
unsafe fn fill(raw: Raw, state: State<Python>) {
    // SAFETY: as the caller says. What a subclass adds is left as it is.
    unsafe {
        let layout = raw.cast::<Layout>();
        (&raw mut (*layout).attributes).write(Cell::new(ptr::null_mut()));
        (&raw mut (*layout).weak_references).write(Cell::new(ptr::null_mut()));
        (&raw mut (*layout).debug_info).write(UnsafeCell::new(None));
        (&raw mut (*layout).had_failure).write(Cell::new(false));
        (&raw mut (*layout).is_made).write(Cell::new(true));
        (&raw mut (*layout).unhandled).write(UnsafeCell::new(None));
        (&raw mut (*layout).state).write(UnsafeCell::new(ManuallyDrop::new(state)));
    }
}

/// A reference to a Deferred.
#[derive(Clone)]
#[repr(transparent)]
pub struct Deferred(Obj);

impl Deferred {
    /// A new Deferred of the class itself.
    #[inline(always)]
    pub fn new(state: State<Python>) -> Maybe<Self> {
        // SAFETY: the class is alive and is laid out as said; its objects come back to this room.
        let object = unsafe {
            let class = classes().deferred.as_ptr().cast();
            ROOM.make(class, |raw| fill(raw, state))
        };
        object.map(Deferred)
    }

    /// A new Deferred of `class`.
    ///
    /// # Safety
    ///
    /// `class` is the class of Deferreds or a subclass of it.
    pub unsafe fn allocate(class: *mut ffi::PyTypeObject, state: State<Python>) -> Maybe<Self> {
        if classes().deferred.is(class.cast()) {
            return Self::new(state);
        }
        // SAFETY: as the caller says.
        unsafe { Room::allocate(class, |raw| fill(raw, state)) }.map(Deferred)
    }

    /// The object as a Deferred, if it is one.
    #[inline(always)]
    pub fn of(object: &Obj) -> Option<Self> {
        (kind(object) == Kind::Deferred).then(|| Deferred(object.clone()))
    }

    /// The object as a Deferred.
    ///
    /// # Safety
    ///
    /// It is one.
    #[inline(always)]
    pub const unsafe fn from_object(object: Obj) -> Self {
        Deferred(object)
    }

    /// The `self` of a method, which the interpreter has checked, for the time of the call.
    ///
    /// # Safety
    ///
    /// `raw` is a Deferred that stays alive for as long as the result is used.
    #[inline(always)]
    pub unsafe fn from_self(raw: &Raw) -> &Self {
        // SAFETY: a `Deferred` is one pointer to an object, as `Raw` is.
        unsafe { &*ptr::from_ref(raw).cast::<Deferred>() }
    }

    /// The object.
    #[inline(always)]
    pub const fn object(&self) -> &Obj {
        &self.0
    }

    /// The object, given away.
    #[inline(always)]
    pub fn into_object(self) -> Obj {
        self.0
    }

    /// What is in memory.
    #[inline(always)]
    pub const fn layout(&self) -> &Layout {
        // SAFETY: it is a Deferred, which starts with this.
        unsafe { &*self.0.as_ptr().cast::<Layout>() }
    }

    /// Borrows the state for the length of `body`, which must run no Python code.
    #[inline(always)]
    pub fn with<R>(&self, body: impl FnOnce(&mut State<Python>) -> R) -> R {
        // SAFETY: nothing that is called while a state is borrowed reaches for a state, and only
        // the thread that is attached gets here.
        body(unsafe { &mut *self.layout().state.get() })
    }

    /// Whether there is a failure that nobody has handled, or may be one.
    #[inline(always)]
    pub const fn is_unhandled(&self) -> bool {
        // SAFETY: it is looked at, and nothing runs meanwhile.
        unsafe { (*self.layout().unhandled.get()).is_some() }
    }

    /// Whether a subclass, or a program, has put another method in the place of this one.
    #[inline(always)]
    pub fn overrides(&self, method: Method) -> bool {
        overrides(&self.0, &self.layout().attributes, method)
    }

    /// `self.debug`.
    #[inline(always)]
    pub fn debug(&self) -> bool {
        if self.layout().attributes.get().is_null() {
            return facts(self.0.class()).debug;
        }
        debug::is_on(&self.0)
    }
}

/// `tp_traverse`: every object that the Deferred refers to.
///
/// # Safety
///
/// Called by the interpreter's collector.
pub unsafe extern "C" fn traverse(raw: Raw, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: the object is a Deferred. Nothing here changes it or runs code of Python.
    unsafe {
        let layout = &*raw.cast::<Layout>();
        let mut visitor = Visitor::of(raw, visit, argument);
        visitor.see_raw(layout.attributes.get());
        for part in [&layout.debug_info, &layout.unhandled] {
            if let Some(part) = &*part.get() {
                visitor.see(part);
            }
        }
        each(&*layout.state.get(), &mut |object| visitor.see_raw(object));
        visitor.status()
    }
}

/// Shows every object that a state refers to.
fn each(state: &State<Python>, mut see: &mut dyn FnMut(Raw)) {
    let words = [
        state.outcome().map(Obj::as_ptr),
        state.canceller().map(Obj::as_ptr),
        state.waiting_on().map(|inner| inner.object().as_ptr()),
    ];
    words.into_iter().flatten().for_each(&mut see);
    match state.links() {
        Entries::Listed(list) => see(list.as_ptr()),
        Entries::Hidden(queue) => {
            for entry in queue.iter() {
                match entry {
                    Entry::Call(link) => link.each(&mut see),
                    Entry::Resume(waiting) => see(waiting.object().as_ptr()),
                }
            }
        }
    }
}

/// `tp_clear`: lets go of every object.
///
/// # Safety
///
/// Called by the interpreter's collector.
pub unsafe extern "C" fn clear(raw: Raw) -> c_int {
    // SAFETY: the object is a Deferred, and stays alive during the call.
    unsafe {
        let deferred = Deferred::from_self(&raw);
        let layout = deferred.layout();
        let info = [&layout.debug_info, &layout.unhandled].map(|part| (*part.get()).take());
        let attributes = layout.attributes.replace(ptr::null_mut());
        let state = deferred.with(|state| std::mem::replace(state, State::new(None)));
        drop((info, state));
        ffi::Py_XDECREF(attributes);
    }
    0
}

/// `tp_finalize`: reports a failure that nobody handled, of a Deferred that the collector has found.
///
/// # Safety
///
/// Called by the interpreter, before anything of the object is taken away.
pub unsafe extern "C" fn finalize(raw: Raw) {
    // SAFETY: the object is a Deferred, and stays alive during the call.
    unsafe {
        // One that nothing else refers to is not the collector's, but at its end: what it holds
        // comes to its end before the report, as with Twisted's.
        if ffi::Py_REFCNT(raw) > 1 {
            report(debug::unreported(Deferred::from_self(&raw)));
        }
    }
}

/// Whether the collector has a Deferred of this class report its failure: a class may have a `__del__`.
pub fn reports_itself(deferred: &Deferred) -> bool {
    let own: ffi::destructor = finalize;
    // SAFETY: the class is alive.
    unsafe { (*deferred.object().class()).tp_finalize }
        .is_some_and(|found| ptr::fn_addr_eq(found, own))
}

/// Calls the `__del__` that a program has set on the class, as the interpreter does for classes made in Python.
/// Returns whether the object is alive again.
///
/// # Safety
///
/// `raw` is a Deferred that nothing refers to, before anything of it is taken away.
#[inline(always)]
pub unsafe fn is_revived(raw: Raw) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        !reports_itself(Deferred::from_self(&raw))
            && ffi::PyObject_CallFinalizerFromDealloc(raw) < 0
    }
}

/// Reports the failure, if there is one.
fn report(failure: Option<Obj>) {
    let Some(failure) = failure else {
        return;
    };
    let pending = crate::interp::set_aside();
    if let Err(raised) = guarded(|| debug::report(&failure)) {
        crate::interp::write_unraisable(raised, failure.as_ptr());
    }
    crate::interp::put_back(pending);
}

/// `tp_dealloc`.
///
/// # Safety
///
/// Called by the interpreter when nothing refers to the object any more.
pub unsafe extern "C" fn dealloc(raw: Raw) {
    // SAFETY: the object is a Deferred that nothing refers to. It is out of the collector's sight
    // before anything of it is taken away, and its memory is given back last.
    unsafe {
        if is_revived(raw) {
            return;
        }
        let layout = raw.cast::<Layout>();
        ffi::PyObject_GC_UnTrack(raw.cast());
        let failure = match (*layout).had_failure.get() {
            true => debug::unreported(Deferred::from_self(&raw)),
            false => None,
        };
        if !(*layout).weak_references.get().is_null() {
            ffi::PyObject_ClearWeakRefs(raw);
        }
        ffi::Py_XDECREF((*layout).attributes.get());
        drop((*(*layout).debug_info.get()).take());
        end(&mut *(*layout).state.get());
        report(failure);
        let class = (*raw).ob_type;
        if classes().deferred.is(class.cast()) {
            return ROOM.give_back(raw);
        }
        if let Some(free) = (*class).tp_free {
            free(raw.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}
