//! What the reactor uses of Twisted, found when the first event loop is made: importing it earlier would
//! import Twisted's reactors before anybody wants one.

use std::sync::OnceLock;

use super::system_clock::SystemClock;
use crate::{
    failure::{Trail, handling},
    interp::{Attached, Maybe, Obj, Raised, take_raised, write_unraisable},
    twisted::import,
};

/// The objects of Twisted.
pub struct Support {
    /// The dict of `twisted.internet.base`.
    pub base: Obj,
    pub log: Obj,
    /// What `reactor.seconds` is unless somebody replaces it.
    pub system_time: Obj,
    pub system_clock: SystemClock,
    pub already_called: Obj,
    pub already_cancelled: Obj,
    pub connection_done: Obj,
    pub connection_lost: Obj,
    pub no_descriptor: Obj,
    pub describe: Obj,
    pub format_creator: Obj,
    /// The method `wakeUp` of the reactor.
    pub wake_up: Obj,
    pub waker_class: Obj,
    /// The function `wakeUp` of that class.
    pub waker_method: Obj,
    pub frames: Frames,
    /// `runUntilCurrent`, `timeout` and `doIteration`.
    pub parts_of_a_turn: [Obj; 3],
    /// `callFromThread` and `wakeUp`, which it calls.
    pub call_from_thread: Obj,
    report: [Obj; 4],
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
    fn find() -> Maybe<Self> {
        let found = import("deferrous._reactor_frames")?
            .get("find")?
            .call(&[])?;
        let trail = |name: &str| Trail::find(&found, name);
        Ok(Frames {
            run_until_current: trail("runUntilCurrent")?,
            timeout: trail("timeout")?,
            do_iteration: trail("doIteration")?,
            thread_call: trail("thread call")?,
            timed_call: trail("timed call")?,
            do_read: trail("doRead")?,
            do_write: trail("doWrite")?,
            disconnect: trail("disconnect")?,
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
pub fn load() -> Maybe<()> {
    if SUPPORT.get().is_some() {
        return Ok(());
    }
    let base = import("twisted.internet.base")?;
    let error = import("twisted.internet.error")?;
    let main = import("twisted.internet.main")?;
    let reporting = import("deferrous._reporting")?;
    let waker_class = import("deferrous._waker")?.get("Waker")?;
    let methods = import("deferrous._core")?.get("reactor_methods")?;
    let method = |name: &str| {
        let name = Obj::name(name)?;
        // SAFETY: both are alive.
        unsafe { Obj::owned(pyo3::ffi::PyObject_GetItem(methods.as_ptr(), name.as_ptr())) }
    };
    let system_time = import("twisted.python.runtime")?.get("seconds")?;
    let support = Support {
        system_clock: SystemClock::of(&system_time),
        system_time,
        already_called: error.get("AlreadyCalled")?,
        already_cancelled: error.get("AlreadyCancelled")?,
        connection_done: main.get("CONNECTION_DONE")?,
        connection_lost: main.get("CONNECTION_LOST")?,
        no_descriptor: import("twisted.internet.posixbase")?.get("_NO_FILEDESC")?,
        log: import("twisted.python.log")?,
        describe: reporting.get("describe")?,
        format_creator: reporting.get("format_creator")?,
        wake_up: method("wakeUp")?,
        waker_method: waker_class.get("wakeUp")?,
        waker_class,
        frames: Frames::find()?,
        parts_of_a_turn: [
            method("runUntilCurrent")?,
            method("timeout")?,
            method("doIteration")?,
        ],
        call_from_thread: method("callFromThread")?,
        report: [
            reporting.get("main_loop")?,
            reporting.get("thread_call")?,
            reporting.get("timed_call")?,
            reporting.get("elsewhere")?,
        ],
        base: base.get("__dict__")?,
    };
    let _ = SUPPORT.set(Attached(support));
    Ok(())
}

/// Logs the exception that was raised, as Twisted does on this occasion. `about` goes to the function
/// that does it.
#[cold]
pub fn report(raised: Raised, occasion: Occasion, about: Option<&Obj>) {
    let exception = take_raised(raised);
    match occasion {
        Occasion::ThreadCall => support().frames.thread_call.lead_to(&exception),
        Occasion::TimedCall => support().frames.timed_call.lead_to(&exception),
        // The turn and the selectable know more.
        Occasion::MainLoop | Occasion::Elsewhere => {}
    }
    let function = &support().report[occasion as usize];
    let about = about.map(Obj::as_ptr);
    let arguments = about.as_slice();
    if let Err(raised) = handling(&exception, || function.call(arguments)) {
        write_unraisable(raised, function.as_ptr());
    }
}
