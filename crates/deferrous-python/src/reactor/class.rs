//! What is known of a reactor's class, and its attributes without the detour over the class.
//!
//! A turn of the loop asks for a dozen attributes. Most are in the reactor's `__dict__`, and whether the
//! class has its say is known for as long as the class stays as it is.

use std::{cell::Cell, ptr};

use pyo3::ffi;

use super::support::support;
use crate::{
    interp::{Attached, Maybe, Obj, Raised, version_tag},
    twisted::names,
};

/// What is known of a class.
#[derive(Clone, Copy)]
struct Facts {
    class: *mut ffi::PyTypeObject,
    /// The version tag that the class had. Another class may have the same one later.
    tag: u32,
    /// The parts of a turn are those of this module.
    turns_are_ours: bool,
    /// `callFromThread` is that of this module.
    call_from_thread_is_ours: bool,
    /// It tells the time of the system.
    has_system_time: bool,
    /// `wakeUp` is that of this module.
    wakes_by_itself: bool,
    /// The version tag of the class of our wakers, whose `wakeUp` is the one that it was made with.
    waker: u32,
}

/// Of the last class that was asked for: a program has one reactor.
static FACTS: Attached<Cell<Facts>> = Attached(Cell::new(Facts {
    class: ptr::null_mut(),
    tag: 0,
    turns_are_ours: false,
    call_from_thread_is_ours: false,
    has_system_time: false,
    wakes_by_itself: false,
    waker: 0,
}));

#[inline]
fn facts(reactor: &Obj) -> Facts {
    // SAFETY: the class is alive.
    let tag = unsafe { version_tag(reactor.class()) };
    let known = FACTS.0.get();
    if known.tag == tag && tag != 0 && ptr::eq(known.class, reactor.class()) {
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
    let call_from_thread_is_ours =
        reactor.class_has(&names.call_from_thread, &support.call_from_thread);
    let has_system_time = reactor.class_has(&names.seconds, &support.system_time);
    let wakes_by_itself = reactor.class_has(&names.wake_up, &support.wake_up);
    let waker = waker_tag().unwrap_or_default();
    // The tag is read after the attributes were, which is when a class gets one.
    // SAFETY: the class is alive.
    let tag = unsafe { version_tag(reactor.class()) };
    let facts = Facts {
        class: reactor.class(),
        tag,
        turns_are_ours,
        call_from_thread_is_ours,
        has_system_time,
        wakes_by_itself,
        waker,
    };
    FACTS.0.set(facts);
    facts
}

/// The version tag of the class of our wakers, unless somebody has replaced its `wakeUp`.
fn waker_tag() -> Option<u32> {
    let support = support();
    match support.waker_class.getattr(&names().wake_up) {
        // SAFETY: it is a class, and alive.
        Ok(method) => method
            .is(support.waker_method.as_ptr())
            .then(|| unsafe { version_tag(support.waker_class.as_ptr().cast()) }),
        Err(Raised) => {
            // SAFETY: the thread is attached.
            unsafe { ffi::PyErr_Clear() };
            None
        }
    }
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

    /// Whether the loop wakes itself when there is something to do: nobody has replaced `reactor.wakeUp`,
    /// `reactor.waker` or the method of that.
    #[inline]
    pub fn wakes_by_itself(&self, reactor: &Obj) -> bool {
        let names = names();
        facts(reactor).wakes_by_itself
            && self.find(&names.wake_up).is_none()
            && self
                .find(&names.waker)
                .is_some_and(|waker| is_own_waker(reactor, &waker))
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

/// Whether `waker` is one of ours, with the method that it was made with.
#[inline]
pub fn is_own_waker(reactor: &Obj, waker: &Obj) -> bool {
    let own = facts(reactor).waker;
    // SAFETY: the class is alive.
    own != 0
        && support().waker_class.is(waker.class().cast())
        && own == unsafe { version_tag(waker.class()) }
}

/// Whether results of jobs may go into the mailbox of a reactor of ours, past its `callFromThread`: nobody has
/// replaced that.
pub fn takes_results(reactor: &Obj) -> Maybe<bool> {
    let attributes = Attributes::of(reactor)?;
    let is_replaced = attributes.find(&names().call_from_thread).is_some();
    Ok(facts(reactor).call_from_thread_is_ours && !is_replaced)
}
