//! A reactor as a turn sees it: its attributes without the detour over the class, and which methods it has.
//!
//! A turn of the loop asks for a dozen attributes. Most are in the reactor's `__dict__`. What the class has is asked
//! each time, as a program may change it, unless the interpreter tells of changes.

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyString, PyTuple, PyType},
};

use super::{names::names, state::EventLoop, support::support};
use crate::interp::{
    Field, KnownPlace, SeenAttributes, UntilChanged, attributes, class_attribute, class_attributes,
    fallible, finds, has_mro, is_exactly, item,
};

/// A class of reactors whose methods are those of this module and Twisted's `seconds`. A program has one.
struct OwnClass {
    class: Py<PyType>,
    mro: Py<PyTuple>,
    /// Whether that is so still.
    unchanged: UntilChanged,
    /// Where its reactors have their event loops, while they have nothing in the place of these methods.
    event_loop: Field<Option<KnownPlace>>,
}

static OWN_CLASS: PyOnceLock<OwnClass> = PyOnceLock::new();

/// Whether all methods that a turn needs are those of this module, in the class of the reactor and that of wakers.
#[inline]
fn class_is_ours(reactor: &Bound<'_, PyAny>) -> bool {
    match OWN_CLASS.get(reactor.py()) {
        Some(own) => {
            own.unchanged.is_watched()
                && is_exactly(reactor, &own.class)
                && has_mro(reactor, &own.mro)
                && own.unchanged.get(reactor.py(), || has_own_methods(reactor))
        }
        None => remember_class(reactor),
    }
}

/// Has the interpreter tell of changes of the class, if it is ours now.
#[cold]
fn remember_class(reactor: &Bound<'_, PyAny>) -> bool {
    let (py, class) = (reactor.py(), reactor.get_type());
    if !has_own_methods(reactor) {
        return false;
    }
    let watch = || {
        let mro = class.mro();
        let mut dicts = vec![class_attributes(support().waker_class.bind(py))?];
        for base in &mro {
            dicts.push(class_attributes(base.cast()?)?);
        }
        PyResult::Ok((mro, UntilChanged::watching(&dicts)?))
    };
    if let Ok((mro, unchanged)) = watch() {
        let own = OwnClass {
            class: class.unbind(),
            mro: mro.unbind(),
            unchanged,
            event_loop: Field::new(None),
        };
        let _ = OWN_CLASS.set(py, own);
    }
    true
}

/// The methods that a turn needs, with their names.
fn methods(py: Python<'_>) -> [(&'static Py<PyString>, &'static Py<PyAny>); 9] {
    let (names, support) = (names(py), support());
    let [run_until_current, timeout, do_iteration] = &support.parts_of_a_turn;
    [
        (&names.run_until_current, run_until_current),
        (&names.timeout, timeout),
        (&names.do_iteration, do_iteration),
        (&names.call_from_thread, &support.call_from_thread),
        (&names.wake_up, &support.wake_up),
        (&names.seconds, &support.system_time_of_class),
        (&names.do_read_or_write, &support.do_read_or_write),
        (&names.add_writer, &support.add_writer),
        (&names.remove_writer, &support.remove_writer),
    ]
}

#[cold]
fn has_own_methods(reactor: &Bound<'_, PyAny>) -> bool {
    let (names, support) = (names(reactor.py()), support());
    let waker = support.waker_class.bind(reactor.py());
    methods(reactor.py())
        .iter()
        .all(|(name, own)| finds(reactor, name, own))
        && class_attribute(waker, names.wake_up.bind(reactor.py()))
            .is_some_and(|found| found.is(&support.waker_method))
}

/// Where a reactor has its event loop in itself, if it has no attribute in the place of a method. The class is ours.
#[inline]
fn place_of_event_loop(reactor: &Bound<'_, PyAny>) -> Option<KnownPlace> {
    if !KnownPlace::EXIST {
        return None;
    }
    let own = OWN_CLASS.get(reactor.py())?;
    let known = match own.event_loop.get(reactor.py()) {
        Some(known) if known.is_valid(reactor) => Some(known),
        _ => find_event_loop(reactor, own),
    };
    known.filter(|known| known.is_somewhere())
}

/// The same, found out by the names of all attributes that reactors of the class have had.
#[cold]
fn find_event_loop(reactor: &Bound<'_, PyAny>, own: &OwnClass) -> Option<KnownPlace> {
    let py = reactor.py();
    let methods = methods(py).map(|(name, _)| name);
    let found = KnownPlace::of(reactor, &names(py).event_loop, &methods);
    own.event_loop.set(py, found);
    found
}

/// The event loop of a reactor that has nothing in the place of a method, neither in its class nor in itself. `None` also
/// if that takes looking up names.
#[inline]
pub fn own_event_loop<'py>(reactor: &Bound<'py, PyAny>) -> Option<Bound<'py, EventLoop>> {
    let place = class_is_ours(reactor).then(|| place_of_event_loop(reactor))??;
    place.value(reactor)?.cast_into_exact().ok()
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

    /// Whether the reactor has this method of [`methods`] by its name: neither its class nor its dict has another.
    #[inline]
    fn has_own(&self, name: &Py<PyString>, own: &Py<PyAny>) -> bool {
        let class_is_ours = class_is_ours(self.object);
        if class_is_ours && place_of_event_loop(self.object).is_some() {
            return true;
        }
        (class_is_ours || finds(self.object, name, own))
            && self.find(name.bind(self.object.py())).is_none()
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
        if let Some(event_loop) = own_event_loop(self.object) {
            return Ok(event_loop);
        }
        let py = self.object.py();
        let found = self.get(names(py).event_loop.bind(py))?;
        found.cast_into_exact().map_err(|_| {
            let message = "the attribute _loop of this reactor is not an event loop: only DeferrousReactor.__init__ may set it";
            fallible::error::<PyTypeError>(py, message)
        })
    }

    /// What tells the reactor's time.
    #[inline]
    pub fn seconds(&self) -> PyResult<Bound<'py, PyAny>> {
        let py = self.object.py();
        let (seconds, support) = (&names(py).seconds, support());
        if self.has_own(seconds, &support.system_time_of_class) {
            return Ok(support.system_time.bind(py).clone());
        }
        self.get(seconds.bind(py))
    }

    /// Whether the loop wakes itself when there is something to do: nobody has replaced `reactor.wakeUp`,
    /// `reactor.waker` or the method of that.
    #[inline]
    pub fn wakes_by_itself(&self, event_loop: &EventLoop) -> bool {
        class_is_ours(self.object) && event_loop.knows_waker(self.object)
            || self.look_up_waker(event_loop)
    }

    /// The same, found out by looking up the names. The event loop keeps what it has seen.
    #[cold]
    fn look_up_waker(&self, event_loop: &EventLoop) -> bool {
        let (py, is_own) = (self.object.py(), self.has_own_waker());
        let seen = || {
            let names = names(py);
            SeenAttributes::of(self.object, [names.waker.bind(py), names.wake_up.bind(py)])
        };
        let seen = is_own.then(seen).flatten();
        event_loop.own_waker.set(py, seen.map(Box::new));
        is_own
    }

    /// Whether the loop wakes itself, where the event loop is not at hand.
    pub fn has_own_waker(&self) -> bool {
        let py = self.object.py();
        self.has_own(&names(py).wake_up, &support().wake_up)
            && self
                .find(names(py).waker.bind(py))
                .is_some_and(|waker| self.is_own_waker(&waker))
    }

    /// Whether nobody has replaced its `_doReadOrWrite`.
    #[inline]
    pub fn handles_events_by_itself(&self) -> bool {
        let name = &names(self.object.py()).do_read_or_write;
        self.has_own(name, &support().do_read_or_write)
    }

    /// Whether nobody has replaced its `addWriter`.
    #[inline]
    pub fn adds_writers_by_itself(&self) -> bool {
        let name = &names(self.object.py()).add_writer;
        self.has_own(name, &support().add_writer)
    }

    /// Whether nobody has replaced its `removeWriter`.
    #[inline]
    pub fn removes_writers_by_itself(&self) -> bool {
        let name = &names(self.object.py()).remove_writer;
        self.has_own(name, &support().remove_writer)
    }

    /// Whether nobody has replaced a part of a turn.
    #[inline]
    pub fn turns_are_ours(&self) -> bool {
        let names = names(self.object.py());
        let [run_until_current, timeout, do_iteration] = &support().parts_of_a_turn;
        self.has_own(&names.run_until_current, run_until_current)
            && self.has_own(&names.timeout, timeout)
            && self.has_own(&names.do_iteration, do_iteration)
    }

    /// Whether `waker` is one of ours, with the method that it was made with.
    #[inline]
    pub fn is_own_waker(&self, waker: &Bound<'py, PyAny>) -> bool {
        is_exactly(waker, &support().waker_class)
            && (class_is_ours(self.object)
                || finds(waker, &names(waker.py()).wake_up, &support().waker_method))
    }

    /// Whether results of jobs may be sent to its event loop, past its `callFromThread`: nobody has replaced that.
    pub fn takes_results(&self) -> bool {
        let call_from_thread = &names(self.object.py()).call_from_thread;
        self.has_own(call_from_thread, &support().call_from_thread)
    }
}
