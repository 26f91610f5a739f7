//! What the reactor uses of Twisted and of the package, found when the first event loop is made: importing it
//! earlier would import Twisted's reactors before anybody wants one.

use std::sync::OnceLock;

use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyType},
};

use super::{names::names, system_clock::SystemClock};
use crate::{
    failure::Trail,
    interp::{UntilChanged, class_attribute, class_attributes, fallible, handling, name},
    transport,
};

/// The objects of Twisted.
pub struct Support {
    /// The dict of `twisted.internet.base`.
    pub base: Py<PyDict>,
    /// Twisted's class of delayed calls.
    pub delayed_call: Py<PyType>,
    /// Whether that is at its place, and its `debug` is off.
    pub debug_is_off: UntilChanged,
    pub log: Py<PyAny>,
    /// What `reactor.seconds` is unless somebody replaces it.
    pub system_time: Py<PyAny>,
    /// What the class of reactors has for that.
    pub system_time_of_class: Py<PyAny>,
    pub system_clock: SystemClock,
    pub already_called: Py<PyAny>,
    pub already_cancelled: Py<PyAny>,
    pub connection_done: Py<PyAny>,
    pub connection_lost: Py<PyAny>,
    pub no_descriptor: Py<PyAny>,
    pub describe: Py<PyAny>,
    pub format_creator: Py<PyAny>,
    /// Calls a function with arguments of any kind.
    pub make_call: Py<PyAny>,
    /// The method `wakeUp` of the reactor.
    pub wake_up: Py<PyAny>,
    pub waker_class: Py<PyType>,
    /// The function `wakeUp` of that class.
    pub waker_method: Py<PyAny>,
    pub frames: Frames,
    /// `runUntilCurrent`, `timeout` and `doIteration`.
    pub parts_of_a_turn: [Py<PyAny>; 3],
    /// `callFromThread` and `wakeUp`, which it calls.
    pub call_from_thread: Py<PyAny>,
    pub do_read_or_write: Py<PyAny>,
    pub add_writer: Py<PyAny>,
    pub remove_writer: Py<PyAny>,
    /// Twisted's methods of streams, and of TLS.
    pub streams: Py<PyDict>,
    pub for_tls: Py<PyDict>,
    report: [Py<PyAny>; 5],
}

/// Where an exception came up that nobody catches.
#[derive(Clone, Copy)]
pub enum Occasion {
    MainLoop = 0,
    ThreadCall = 1,
    TimedCall = 2,
    /// `log.err()`, as for jobs in threads and descriptors.
    Elsewhere = 3,
    /// The same outside the context of the selectable, whose prefix is handed over.
    Selectable = 4,
}

/// Where exceptions pass through Twisted's reactor.
pub struct Frames {
    pub run_until_current: Trail,
    pub timeout: Trail,
    pub do_iteration: Trail,
    pub thread_call: Trail,
    pub timed_call: Trail,
    pub do_read: Trail,
    pub do_write: Trail,
    pub disconnect: Trail,
}

impl Frames {
    fn new(trails: &Bound<'_, PyDict>) -> PyResult<Self> {
        let passed = |name: &str| Trail::new(trails, name);
        Ok(Frames {
            run_until_current: passed("runUntilCurrent")?,
            timeout: passed("timeout")?,
            do_iteration: passed("doIteration")?,
            thread_call: passed("thread call")?,
            timed_call: passed("timed call")?,
            do_read: passed("doRead")?,
            do_write: passed("doWrite")?,
            disconnect: passed("disconnect")?,
        })
    }
}

static SUPPORT: OnceLock<Support> = OnceLock::new();

/// What is handed to the reactor while the module is loaded.
struct Given {
    /// The class of a reactor's methods.
    methods: Py<PyType>,
    /// Imports what the reactor needs of the package: a module of functions, the class of wakers, the trails,
    /// Twisted's methods of streams, what these look up, and what is needed for TLS.
    find: Py<PyAny>,
}

static GIVEN: PyOnceLock<Given> = PyOnceLock::new();

/// Keeps the class of a reactor's methods, and the function that imports what the reactor needs of the package.
pub fn prepare(methods: &Bound<'_, PyType>, find: &Bound<'_, PyAny>) {
    GIVEN.get_or_init(find.py(), || Given {
        methods: methods.clone().unbind(),
        find: find.clone().unbind(),
    });
}

/// Twisted's objects.
///
/// # Panics
///
/// If no event loop has been made.
#[inline(always)]
pub fn support() -> &'static Support {
    match SUPPORT.get() {
        Some(support) => support,
        None => panic!("the reactor is used before there is one"),
    }
}

/// Imports what is used. Returns whether that had not been done.
pub fn load(py: Python<'_>) -> PyResult<bool> {
    if SUPPORT.get().is_some() {
        return Ok(false);
    }
    let given = GIVEN.get(py).ok_or_else(|| not_loaded(py))?;
    let found = Support::find(py, given)?;
    Ok(SUPPORT.set(found).is_ok())
}

#[cold]
fn not_loaded(py: Python<'_>) -> PyErr {
    fallible::error::<PyRuntimeError>(py, "the module is used before it was loaded")
}

impl Support {
    fn find(py: Python<'_>, given: &Given) -> PyResult<Self> {
        let (functions, waker_class, trails, streams): (
            Bound<'_, PyAny>,
            Bound<'_, PyType>,
            Bound<'_, PyDict>,
            Bound<'_, PyAny>,
        ) = given.find.bind(py).call0()?.extract()?;
        let (streams, globals, for_tls): (Bound<'_, PyDict>, Bound<'_, PyAny>, Bound<'_, PyDict>) =
            streams.extract()?;
        transport::load(&streams, &globals, &for_tls, &trails)?;
        let of = |module, name| fallible::import(py, module, name).map(Bound::unbind);
        let error = "twisted.internet.error";
        let own = |name| given.methods.getattr(py, fallible::text(py, name)?);
        let function = |name| {
            functions
                .getattr(fallible::text(py, name)?)
                .map(Bound::unbind)
        };
        let system_time = fallible::import(py, "twisted.python.runtime", "seconds")?;
        let base = py.import(name!(py, "twisted.internet.base")?)?.dict();
        let delayed_call = of("twisted.internet.base", "DelayedCall")?.into_bound(py);
        let delayed_call = delayed_call.cast_into::<PyType>()?;
        let dicts = [base.clone(), class_attributes(&delayed_call)?];
        Ok(Support {
            system_clock: SystemClock::of(&system_time),
            system_time_of_class: in_class_of_reactors(&system_time)?.unbind(),
            system_time: system_time.unbind(),
            already_called: of(error, "AlreadyCalled")?,
            already_cancelled: of(error, "AlreadyCancelled")?,
            connection_done: of("twisted.internet.main", "CONNECTION_DONE")?,
            connection_lost: of("twisted.internet.main", "CONNECTION_LOST")?,
            no_descriptor: of("twisted.internet.posixbase", "_NO_FILEDESC")?,
            log: of("twisted.python", "log")?,
            describe: function("describe")?,
            format_creator: function("format_creator")?,
            make_call: function("make_call")?,
            wake_up: own("wakeUp")?,
            waker_method: waker_class.getattr(name!(py, "wakeUp")?)?.unbind(),
            waker_class: waker_class.unbind(),
            frames: Frames::new(&trails)?,
            parts_of_a_turn: [
                own("runUntilCurrent")?,
                own("timeout")?,
                own("doIteration")?,
            ],
            call_from_thread: own("callFromThread")?,
            do_read_or_write: own("_doReadOrWrite")?,
            add_writer: own("addWriter")?,
            remove_writer: own("removeWriter")?,
            streams: streams.unbind(),
            for_tls: for_tls.unbind(),
            report: [
                function("main_loop")?,
                function("thread_call")?,
                function("timed_call")?,
                function("elsewhere")?,
                function("selectable")?,
            ],
            base: base.unbind(),
            delayed_call: delayed_call.unbind(),
            debug_is_off: UntilChanged::watching(&dicts)?,
        })
    }
}

/// What Twisted's class of reactors has by the name `seconds`, a static method, if that gives this function.
fn in_class_of_reactors<'py>(system_time: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = system_time.py();
    let class = fallible::import(py, "twisted.internet.base", "ReactorBase")?;
    let (class, seconds) = (class.cast::<PyType>()?, names(py).seconds.bind(py));
    let found = class_attribute(class, seconds).filter(|_| {
        let given = class.getattr(seconds);
        given.is_ok_and(|given| given.is(system_time))
    });
    Ok(found.unwrap_or_else(|| system_time.clone()))
}

/// Logs an exception that was raised, as Twisted does on this occasion. `about` goes to the function
/// that does it.
#[cold]
pub fn report_error(
    py: Python<'_>,
    error: PyErr,
    occasion: Occasion,
    about: Option<&Bound<'_, PyAny>>,
) {
    let exception = error.into_value(py).into_bound(py);
    match occasion {
        Occasion::ThreadCall => support().frames.thread_call.add_to(&exception),
        Occasion::TimedCall => support().frames.timed_call.add_to(&exception),
        // The turn and the selectable know more.
        Occasion::MainLoop | Occasion::Elsewhere | Occasion::Selectable => {}
    }
    let function = support().report[occasion as usize].bind(py);
    let reported = handling(&exception, || match about {
        Some(about) => function.call1((about,)),
        None => function.call0(),
    });
    if let Err(error) = reported {
        error.write_unraisable(py, Some(function));
    }
}
