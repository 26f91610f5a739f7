//! What is known of a reactor's class, and its attributes without the detour over the class.
//!
//! A turn of the loop asks for a dozen attributes. Most are in the reactor's `__dict__`, and whether the
//! class has its say is known for as long as the class stays as it is.

use std::cell::Cell;

use pyo3::ffi;

use super::support::support;
use crate::{
    classes::version_tag,
    python::{Attached, Maybe, Obj},
    twisted::names,
};

/// What is known of a class.
#[derive(Clone, Copy, Default)]
struct Facts {
    tag: u32,
    /// The parts of a turn are those of this module.
    turns_are_ours: bool,
    /// It tells the time of the system.
    has_system_time: bool,
}

/// Of the last class that was asked for: a program has one reactor.
static FACTS: Attached<Cell<Facts>> = Attached(Cell::new(Facts {
    tag: 0,
    turns_are_ours: false,
    has_system_time: false,
}));

#[inline]
fn facts(reactor: &Obj) -> Facts {
    // SAFETY: the class is alive.
    let tag = unsafe { version_tag(reactor.class()) };
    let known = FACTS.0.get();
    if known.tag == tag && tag != 0 {
        return known;
    }
    look_up(reactor)
}

#[cold]
fn look_up(reactor: &Obj) -> Facts {
    let (names, support) = (names(), support());
    let parts = [
        &names.run_until_current,
        &names.timeout,
        &names.do_iteration,
    ];
    let turns_are_ours = parts
        .iter()
        .zip(&support.parts_of_a_turn)
        .all(|(name, own)| reactor.class_has(name, own));
    let has_system_time = reactor.class_has(&names.seconds, &support.system_time);
    // The tag is read after the attributes were, which is when a class gets one.
    // SAFETY: the class is alive.
    let tag = unsafe { version_tag(reactor.class()) };
    let facts = Facts {
        tag,
        turns_are_ours,
        has_system_time,
    };
    FACTS.0.set(facts);
    facts
}

/// The `__dict__` of a reactor.
pub struct Attributes(Obj);

impl Attributes {
    #[inline]
    pub fn of(reactor: &Obj) -> Maybe<Self> {
        // SAFETY: the object is alive.
        unsafe {
            Obj::owned(ffi::PyObject_GenericGetDict(
                reactor.as_ptr(),
                std::ptr::null_mut(),
            ))
        }
        .map(Attributes)
    }

    /// What the dict has by this name.
    #[inline]
    pub fn find(&self, name: &Obj) -> Option<Obj> {
        // SAFETY: the dict and the name are alive, and what is found is kept. Names are hashed and compared
        // without running Python code.
        unsafe {
            let found = ffi::PyDict_GetItemWithError(self.0.as_ptr(), name.as_ptr());
            (!found.is_null()).then(|| Obj::borrowed(found))
        }
    }

    /// `reactor.name`, which is usually in the dict.
    #[inline]
    pub fn get(&self, reactor: &Obj, name: &Obj) -> Maybe {
        self.find(name).map_or_else(|| reactor.getattr(name), Ok)
    }

    /// What tells the reactor's time.
    #[inline]
    pub fn seconds(&self, reactor: &Obj) -> Maybe {
        let seconds = &names().seconds;
        match self.find(seconds) {
            Some(replaced) => Ok(replaced),
            None if facts(reactor).has_system_time => Ok(support().system_time.clone()),
            None => reactor.getattr(seconds),
        }
    }

    /// Whether nobody has replaced a part of a turn.
    #[inline]
    pub fn turn_as_ours(&self, reactor: &Obj) -> bool {
        let names = names();
        facts(reactor).turns_are_ours
            && self.find(&names.run_until_current).is_none()
            && self.find(&names.timeout).is_none()
            && self.find(&names.do_iteration).is_none()
    }
}
