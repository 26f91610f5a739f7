//! The memory layout of a Deferred: its result, its callbacks, and the reasons not to run them.
//!
//! User code can reach a Deferred at any time. So its parts are in cells that are read by copying and written by
//! replacing: none is borrowed while anything else runs.

use std::{
    cell::{Cell, UnsafeCell},
    mem::ManuallyDrop,
    ptr,
};

use pyo3::ffi;

use super::{
    callback::{Callback, Canceller},
    kinds::{self, Kind, Method, classes, is_deferred_class, kind, kind_of_class},
};
use crate::interp::{
    Counted, Maybe, Obj, Queue, Raw, Room, Traverse, Visitor, copied, peek, raise,
};

/// What follows the header of a Deferred.
#[repr(C)]
pub struct Layout {
    base: ffi::PyObject,
    /// The attributes that programs set; null until they do.
    pub attributes: Cell<Raw>,
    pub weak_references: Cell<Raw>,
    pub parts: UnsafeCell<ManuallyDrop<Parts>>,
}

/// The parts of a Deferred, most of them by Twisted's names.
pub struct Parts {
    /// Absent until it is fired, or if a program has deleted it.
    pub result: Cell<Option<Obj>>,
    pub callbacks: Queue<Callback>,
    /// The list that programs see as `_callbacks`, once one has asked. The callbacks are in it from then on.
    pub listed: Cell<Option<Obj>>,
    pub canceller: Cell<Option<Canceller>>,
    pub chained_to: Cell<Option<Deferred>>,
    pub debug_info: Cell<Option<Obj>>,
    /// The failure that the chain ended with and that nobody has handled; Python's `None` where there is a
    /// `DebugInfo`, which has it then.
    pub unhandled: Cell<Option<Obj>>,
    pub paused: Cell<i32>,
    pub called: Cell<bool>,
    pub running_callbacks: Cell<bool>,
    pub suppress_already_called: Cell<bool>,
    /// `__init__` has run.
    pub is_initialised: Cell<bool>,
    /// There was a failure at the end of the chain at some time.
    pub had_failure: Cell<bool>,
}

/// The offsets that the interpreter is told.
pub const ATTRIBUTES: usize = std::mem::offset_of!(Layout, attributes);
pub const WEAK_REFERENCES: usize = std::mem::offset_of!(Layout, weak_references);

/// The memory of Deferreds that have ended, of the class itself.
pub static ROOM: Room = Room::new();

impl Parts {
    /// Those of a Deferred that has not been fired.
    #[inline(always)]
    pub const fn new(canceller: Option<Canceller>) -> Self {
        Parts {
            result: Cell::new(None),
            callbacks: Queue::new(),
            listed: Cell::new(None),
            canceller: Cell::new(canceller),
            chained_to: Cell::new(None),
            debug_info: Cell::new(None),
            unhandled: Cell::new(None),
            paused: Cell::new(0),
            called: Cell::new(false),
            running_callbacks: Cell::new(false),
            suppress_already_called: Cell::new(false),
            is_initialised: Cell::new(true),
            had_failure: Cell::new(false),
        }
    }

    /// Those of a Deferred that has been fired with `result`, and runs nothing.
    #[inline(always)]
    pub fn fired(result: Obj) -> Self {
        let mut parts = Self::new(None);
        parts.result = Cell::new(Some(result));
        parts.called = Cell::new(true);
        parts
    }
}

/// Writes what follows the header.
///
/// # Safety
///
/// `raw` is memory for a Deferred.
#[inline(always)]
unsafe fn fill(raw: Raw, parts: Parts) {
    // SAFETY: the caller gives memory for a whole layout, of which each field is written once here. The fields of a
    // subclass come after it.
    unsafe {
        let layout = raw.cast::<Layout>();
        (&raw mut (*layout).attributes).write(Cell::new(ptr::null_mut()));
        (&raw mut (*layout).weak_references).write(Cell::new(ptr::null_mut()));
        (&raw mut (*layout).parts).write(UnsafeCell::new(ManuallyDrop::new(parts)));
    }
}

impl Counted for Deferred {}

impl Traverse for Deferred {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.see(&self.0);
    }
}

/// A reference to a Deferred.
#[derive(Clone)]
#[repr(transparent)]
pub struct Deferred(Obj);

impl Deferred {
    /// A new Deferred of the class itself.
    #[inline(always)]
    pub fn new(parts: Parts) -> Maybe<Self> {
        // SAFETY: the class is alive and is laid out as said; its objects come back to this room.
        let object = unsafe {
            let class = classes().deferred.as_ptr().cast();
            ROOM.make(class, |raw| fill(raw, parts))
        };
        object.map(Deferred)
    }

    /// A new Deferred of `class`.
    ///
    /// # Safety
    ///
    /// `class` is the class of Deferreds or a subclass of it.
    pub unsafe fn allocate(class: *mut ffi::PyTypeObject, parts: Parts) -> Maybe<Self> {
        if classes().deferred.is(class.cast()) {
            return Self::new(parts);
        }
        // SAFETY: as the caller says.
        unsafe { Room::allocate(class, |raw| fill(raw, parts)) }.map(Deferred)
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

    /// Whether both are the same object.
    #[inline(always)]
    pub fn is(&self, other: &Self) -> bool {
        self.0.is(other.0.as_ptr())
    }

    /// The attributes that programs have set, or null.
    #[inline(always)]
    pub const fn attributes(&self) -> Raw {
        // SAFETY: it is a Deferred, which starts with this, and the cell is copied.
        unsafe { (*self.0.as_ptr().cast::<Layout>()).attributes.get() }
    }

    /// The parts: cells, none of which lends what is in it.
    #[inline(always)]
    pub fn parts(&self) -> &Parts {
        // SAFETY: it is a Deferred, which starts with this. Nothing has a mutable reference to the parts before
        // the object's end.
        unsafe { &*(*self.0.as_ptr().cast::<Layout>()).parts.get() }
    }

    /// `self.result`.
    #[inline(always)]
    pub fn result(&self) -> Option<Obj> {
        copied(&self.parts().result)
    }

    /// `self.result`, which a program may have deleted.
    #[inline(always)]
    pub fn required_result(&self) -> Maybe {
        match self.result() {
            Some(result) => Ok(result),
            None => Err(no_attribute(self, "result")),
        }
    }

    /// `self.result = result`. Dropping the old result may run user code, which sees the new one.
    #[inline(always)]
    pub fn set_result(&self, result: Obj) {
        drop(self.parts().result.replace(Some(result)));
    }

    /// What `self.result` is to a chain.
    #[inline(always)]
    pub fn result_kind(&self) -> Maybe<Kind> {
        match peek(&self.parts().result).and_then(|(_, class)| kind_of_class(class)) {
            Some(kind) => Ok(kind),
            None => self.required_result().map(|result| kind(&result)),
        }
    }

    /// Whether `self.result` is this object.
    #[inline(always)]
    pub fn has_result(&self, object: Raw) -> bool {
        peek(&self.parts().result).is_some_and(|(result, _)| std::ptr::eq(result, object))
    }

    /// `self.result`, if that is a Deferred. No object is asked.
    #[inline(always)]
    pub fn deferred_result(&self) -> Maybe<Option<Self>> {
        match peek(&self.parts().result) {
            None => Err(no_attribute(self, "result")),
            Some((_, class)) if is_deferred_class(class) => Ok(self.result().map(Deferred)),
            Some(_) => Ok(None),
        }
    }

    /// Notes the result of a Deferred that is fired. Its callbacks have not run.
    #[inline(always)]
    pub fn set_called_with(&self, result: Obj) {
        let parts = self.parts();
        parts.called.set(true);
        // The canceller isn't called any more, and could be part of a cycle.
        drop(parts.canceller.take());
        self.set_result(result);
    }

    /// Whether a subclass, or a program, has put another method in the place of this one.
    #[inline(always)]
    pub fn overrides(&self, method: Method) -> bool {
        kinds::overrides(&self.0, self.attributes(), method)
    }
}

/// Raises that there is no such attribute.
#[cold]
pub fn no_attribute(deferred: &Deferred, name: &str) -> crate::interp::Raised {
    // SAFETY: the class is alive and its name ends with a zero.
    let class = unsafe { std::ffi::CStr::from_ptr((*deferred.object().class()).tp_name) };
    let class = class.to_string_lossy();
    let class = class.rsplit('.').next().unwrap_or("Deferred");
    // SAFETY: reading a static of the interpreter.
    let error = unsafe { ffi::PyExc_AttributeError };
    raise(
        error,
        &format!("'{class}' object has no attribute '{name}'"),
    )
}
