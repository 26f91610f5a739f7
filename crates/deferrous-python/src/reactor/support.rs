//! What the reactor uses of Twisted, found when the first event loop is made: importing it earlier would
//! import Twisted's reactors before anybody wants one.

use std::sync::OnceLock;

use pyo3::{prelude::*, types::PyType};

use super::{methods::ReactorMethods, system_clock::SystemClock};
use crate::{
    failure::{Trail, handling},
    interp::{Attached, Obj, Raised, from_result, to_result},
};

/// The objects of Twisted.
pub struct Support {
    /// The dict of `twisted.internet.base`.
    pub base: Obj,
    pub log: Py<PyAny>,
    /// What `reactor.seconds` is unless somebody replaces it.
    pub system_time: Py<PyAny>,
    pub system_clock: SystemClock,
    pub already_called: Obj,
    pub already_cancelled: Obj,
    pub connection_done: Py<PyAny>,
    pub connection_lost: Py<PyAny>,
    pub no_descriptor: Py<PyAny>,
    pub describe: Obj,
    pub format_creator: Obj,
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
    report: [Py<PyAny>; 4],
}

/// Where an exception came up that nobody catches.
#[derive(Clone, Copy)]
pub enum Occasion {
    MainLoop = 0,
    ThreadCall = 1,
    TimedCall = 2,
    /// `log.err()`, as for jobs in threads and descriptors.
    Elsewhere = 3,
}

/// The frames of Twisted's that an exception has passed through.
pub struct Passed(Trail);

impl Passed {
    /// Notes in the traceback of `exception` that it has come this way.
    fn lead_to(&self, exception: &Bound<'_, PyAny>) {
        self.0.lead_to(&Obj::from_bound(exception));
    }

    /// The same for an exception that is raised.
    #[cold]
    pub fn through(&self, py: Python<'_>, error: PyErr) -> PyErr {
        let exception = error.into_value(py).into_bound(py).into_any();
        self.lead_to(&exception);
        PyErr::from_value(exception)
    }
}

/// Where exceptions pass through Twisted's reactor.
pub struct Frames {
    pub run_until_current: Passed,
    pub timeout: Passed,
    pub do_iteration: Passed,
    pub thread_call: Passed,
    pub timed_call: Passed,
    pub do_read: Passed,
    pub do_write: Passed,
    pub disconnect: Passed,
}

impl Frames {
    fn find(py: Python<'_>) -> PyResult<Self> {
        let module = py.import("deferrous._reactor_frames")?;
        let found = Obj::from_bound(&module.call_method0("find")?);
        let passed = |name: &str| to_result(py, Trail::find(&found, name)).map(Passed);
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

static SUPPORT: OnceLock<Attached<Support>> = OnceLock::new();

/// Twisted's objects.
///
/// # Panics
///
/// If no event loop has been made.
#[inline(always)]
pub fn support() -> &'static Support {
    match SUPPORT.get() {
        Some(support) => &support.0,
        None => panic!("the reactor is used before there is one"),
    }
}

/// Imports what is used.
pub fn load(py: Python<'_>) -> PyResult<()> {
    if SUPPORT.get().is_none() {
        let found = Support::find(py)?;
        let _ = SUPPORT.set(Attached(found));
    }
    Ok(())
}

impl Support {
    fn find(py: Python<'_>) -> PyResult<Self> {
        let of = |module: &str, name: &str| py.import(module)?.getattr(name).map(Bound::unbind);
        let old =
            |module: &str, name: &str| of(module, name).map(|it| Obj::from_bound(it.bind(py)));
        let error = "twisted.internet.error";
        let own = py.get_type::<ReactorMethods>();
        let own = |name: &str| own.getattr(name).map(Bound::unbind);
        let others = py.import("deferrous._core")?.getattr("reactor_methods")?;
        let others = |name: &str| others.get_item(name).map(Bound::unbind);
        let report = |name: &str| of("deferrous._reporting", name);
        let waker_class = of("deferrous._waker", "Waker")?.into_bound(py);
        let system_time = of("twisted.python.runtime", "seconds")?;
        Ok(Support {
            system_clock: SystemClock::of(&Obj::from_bound(system_time.bind(py))),
            system_time,
            already_called: old(error, "AlreadyCalled")?,
            already_cancelled: old(error, "AlreadyCancelled")?,
            connection_done: of("twisted.internet.main", "CONNECTION_DONE")?,
            connection_lost: of("twisted.internet.main", "CONNECTION_LOST")?,
            no_descriptor: of("twisted.internet.posixbase", "_NO_FILEDESC")?,
            log: of("twisted.python", "log")?,
            describe: old("deferrous._reporting", "describe")?,
            format_creator: old("deferrous._reporting", "format_creator")?,
            wake_up: others("wakeUp")?,
            waker_method: waker_class.getattr("wakeUp")?.unbind(),
            waker_class: waker_class.cast_into::<PyType>()?.unbind(),
            frames: Frames::find(py)?,
            parts_of_a_turn: [
                own("runUntilCurrent")?,
                others("timeout")?,
                own("doIteration")?,
            ],
            call_from_thread: others("callFromThread")?,
            report: [
                report("main_loop")?,
                report("thread_call")?,
                report("timed_call")?,
                report("elsewhere")?,
            ],
            base: old("twisted.internet.base", "__dict__")?,
        })
    }
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
    let exception = error.into_value(py).into_bound(py).into_any();
    match occasion {
        Occasion::ThreadCall => support().frames.thread_call.lead_to(&exception),
        Occasion::TimedCall => support().frames.timed_call.lead_to(&exception),
        // The turn and the selectable know more.
        Occasion::MainLoop | Occasion::Elsewhere => {}
    }
    let function = support().report[occasion as usize].bind(py);
    let reported = handling(&Obj::from_bound(&exception), || {
        let called = match about {
            Some(about) => function.call1((about,)),
            None => function.call0(),
        };
        from_result(py, called.map(drop))
    });
    if let Err(error) = to_result(py, reported) {
        error.write_unraisable(py, Some(function));
    }
}

/// As [`report_error`], for the modules that do not use PyO3's types yet.
#[cold]
pub fn report(_: Raised, occasion: Occasion, about: Option<&Obj>) {
    let none = Obj::none();
    let py = none.py();
    let about = about.map(|about| about.as_py().bind(py));
    report_error(py, PyErr::fetch(py), occasion, about);
}
