//! A reactor as a turn sees it: its attributes without the detour over the class, and what is known of that.
//!
//! A turn of the loop asks for a dozen attributes. Most are in the reactor's `__dict__`, and whether the
//! class has its say is known for as long as the class stays as it is.

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDict, PyString},
};

use super::{
    names::names,
    state::EventLoop,
    support::{Support, support},
};
use crate::interp::{ClassVersion, Field, attributes, item};

/// What is known of a class.
#[derive(Clone, Copy)]
struct Facts {
    class: Option<ClassVersion>,
    /// The parts of a turn are those of this module.
    turns_are_ours: bool,
    /// `callFromThread` is that of this module.
    call_from_thread_is_ours: bool,
    /// It tells the time of the system.
    has_system_time: bool,
    /// `wakeUp` is that of this module.
    wakes_by_itself: bool,
    /// The class of our wakers, if its `wakeUp` is the one that it was made with.
    waker: Option<ClassVersion>,
}

/// Of the last class that was asked for: a program has one reactor.
static FACTS: Field<Facts> = Field::new(Facts {
    class: None,
    turns_are_ours: false,
    call_from_thread_is_ours: false,
    has_system_time: false,
    wakes_by_itself: false,
    waker: None,
});

#[inline]
fn facts(reactor: &Bound<'_, PyAny>) -> Facts {
    let known = FACTS.get(reactor.py());
    if known.class.is_some() && known.class == ClassVersion::of(reactor) {
        return known;
    }
    look_up(reactor)
}

#[cold]
fn look_up(reactor: &Bound<'_, PyAny>) -> Facts {
    let (py, support) = (reactor.py(), support());
    let class = reactor.get_type();
    let has = |name: &Bound<'_, PyString>, own: &Py<PyAny>| {
        class.getattr(name).is_ok_and(|found| found.is(own))
    };
    let [run_until_current, timeout, do_iteration] = &support.parts_of_a_turn;
    let mut facts = Facts {
        class: None,
        turns_are_ours: has(names(py).run_until_current.bind(py), run_until_current)
            && has(names(py).timeout.bind(py), timeout)
            && has(names(py).do_iteration.bind(py), do_iteration),
        call_from_thread_is_ours: has(
            names(py).call_from_thread.bind(py),
            &support.call_from_thread,
        ),
        has_system_time: has(names(py).seconds.bind(py), &support.system_time),
        wakes_by_itself: has(names(py).wake_up.bind(py), &support.wake_up),
        waker: waker_version(py, support),
    };
    // The version is read after the attributes were, which is when a class gets one.
    facts.class = ClassVersion::of(reactor);
    FACTS.set(py, facts);
    facts
}

/// The class of our wakers, unless somebody has replaced its `wakeUp`.
fn waker_version(py: Python<'_>, support: &Support) -> Option<ClassVersion> {
    let class = support.waker_class.bind(py);
    let method = class.getattr(names(py).wake_up.bind(py)).ok()?;
    method
        .is(&support.waker_method)
        .then(|| ClassVersion::of_class(class))
        .flatten()
}

/// A reactor, and its `__dict__`.
pub struct Reactor<'a, 'py> {
    pub object: &'a Bound<'py, PyAny>,
    attributes: Bound<'py, PyDict>,
}

impl<'a, 'py> Reactor<'a, 'py> {
    #[inline]
    pub fn of(object: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        let attributes = attributes(object)?;
        Ok(Reactor { object, attributes })
    }

    /// Whether the dict has this name: a method of the class is replaced for this reactor.
    #[inline]
    fn replaces(&self, name: &Bound<'py, PyString>) -> bool {
        self.attributes.contains(name).unwrap_or(false)
    }

    /// What the dict has by this name.
    #[inline]
    fn find(&self, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
        item(&self.attributes, name)
    }

    /// `reactor.name`, which is usually in the dict.
    #[inline]
    pub fn get(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.find(name)
            .map_or_else(|| self.object.getattr(name), Ok)
    }

    /// Its event loop.
    #[inline]
    pub fn event_loop(&self) -> PyResult<Bound<'py, EventLoop>> {
        let py = self.object.py();
        let found = self.get(names(py).event_loop.bind(py))?;
        found.cast_into_exact().map_err(|_| {
            PyTypeError::new_err("the attribute _loop of this reactor is not an event loop: only DeferrousReactor.__init__ may set it")
        })
    }

    /// What tells the reactor's time.
    #[inline]
    pub fn seconds(&self) -> PyResult<Bound<'py, PyAny>> {
        let py = self.object.py();
        let seconds = names(py).seconds.bind(py);
        if !self.replaces(seconds) && facts(self.object).has_system_time {
            return Ok(support().system_time.bind(py).clone());
        }
        self.get(seconds)
    }

    /// Whether the loop wakes itself when there is something to do: nobody has replaced `reactor.wakeUp`,
    /// `reactor.waker` or the method of that.
    #[inline]
    pub fn wakes_by_itself(&self) -> bool {
        let py = self.object.py();
        facts(self.object).wakes_by_itself
            && !self.replaces(names(py).wake_up.bind(py))
            && self
                .find(names(py).waker.bind(py))
                .is_some_and(|waker| self.is_own_waker(&waker))
    }

    /// Whether nobody has replaced a part of a turn.
    #[inline]
    pub fn turns_are_ours(&self) -> bool {
        let py = self.object.py();
        facts(self.object).turns_are_ours
            && !self.replaces(names(py).run_until_current.bind(py))
            && !self.replaces(names(py).timeout.bind(py))
            && !self.replaces(names(py).do_iteration.bind(py))
    }

    /// Whether `waker` is one of ours, with the method that it was made with.
    #[inline]
    pub fn is_own_waker(&self, waker: &Bound<'py, PyAny>) -> bool {
        let own = facts(self.object).waker;
        own.is_some() && own == ClassVersion::of(waker)
    }

    /// Whether results of jobs may be sent to its event loop, past its `callFromThread`: nobody has replaced that.
    pub fn takes_results(&self) -> bool {
        let py = self.object.py();
        facts(self.object).call_from_thread_is_ours
            && !self.replaces(names(py).call_from_thread.bind(py))
    }
}
