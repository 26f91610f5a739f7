//! What the thread pool uses of Twisted, found when the first team is made.

use std::sync::OnceLock;

use pyo3::ffi;

use crate::{
    failure::{Trail, handling},
    python::{Attached, Maybe, Obj, Raised, take_raised, type_error, write_unraisable},
    twisted::{import, names},
};

/// The objects of Twisted.
pub struct Support {
    /// The dict of `twisted.python.context`.
    context: Obj,
    pub log: Obj,
    pub statistics: Obj,
    pub already_quit: Obj,
    pub internet: Obj,
    /// What defers to pools of another kind.
    pub defer_otherwise: Obj,
    /// The methods that subclasses may replace.
    pub call_in_thread_with_callback: Obj,
    pub call_from_thread: Obj,
    pub frames: Frames,
}

/// Where exceptions pass through Twisted's thread pool.
pub struct Frames {
    /// From the function of a job.
    pub job: Trail,
    /// From what is told of the result.
    pub on_result: Trail,
    /// From anything else that a worker does.
    pub work: Trail,
}

static SUPPORT: OnceLock<Attached<Support>> = OnceLock::new();

/// Twisted's objects; imports them the first time.
#[inline]
pub fn support() -> Maybe<&'static Support> {
    match SUPPORT.get() {
        Some(support) => Ok(&support.0),
        None => load(),
    }
}

#[cold]
fn load() -> Maybe<&'static Support> {
    let context = import("twisted.python.context")?;
    let threads = import("twisted._threads")?;
    let pools = import("deferrous._pools")?;
    let frames = import("deferrous._reactor_frames")?
        .get("find_in_pool")?
        .call(&[])?;
    let trail = |name: &str| Trail::find(&frames, name);
    let support = Support {
        context: context.get("__dict__")?,
        log: import("twisted.python.log")?,
        statistics: import("twisted._threads._team")?.get("Statistics")?,
        already_quit: threads.get("AlreadyQuit")?,
        internet: import("twisted.internet")?,
        defer_otherwise: pools.get("defer_otherwise")?,
        call_in_thread_with_callback: pools.get("callInThreadWithCallback")?,
        call_from_thread: pools.get("callFromThread")?,
        frames: Frames {
            job: trail("job")?,
            on_result: trail("onResult")?,
            work: trail("work")?,
        },
    };
    let _ = SUPPORT.set(Attached(support));
    match SUPPORT.get() {
        Some(support) => Ok(&support.0),
        None => Err(Raised),
    }
}

impl Support {
    /// `twisted.python.context.theContextTracker`.
    fn tracker(&self) -> Maybe {
        let name = &names().tracker;
        // SAFETY: the dict and the name are alive, and what is found is kept.
        unsafe {
            let found = ffi::PyDict_GetItemWithError(self.context.as_ptr(), name.as_ptr());
            if found.is_null() {
                return Err(type_error("twisted.python.context has no tracker any more"));
            }
            Ok(Obj::borrowed(found))
        }
    }

    /// The contexts of this thread, a list of dicts, the innermost last.
    pub fn contexts(&self) -> Maybe {
        self.tracker()?
            .call_method(&names().current_context, [std::ptr::null_mut()])?
            .getattr(&names().contexts)
    }

    /// The innermost context of this thread.
    pub fn context(&self) -> Maybe {
        let contexts = self.contexts()?;
        // SAFETY: the object is alive.
        unsafe { Obj::owned(ffi::PySequence_GetItem(contexts.as_ptr(), -1)) }
    }

    /// Runs `body` with a context around it; Twisted's `context.call`.
    pub fn in_context(&self, context: &Obj, body: impl FnOnce() -> Maybe) -> Maybe {
        let contexts = self.contexts()?;
        // SAFETY: the objects are alive. The list may be any that a tracker has, and changes while `body`
        // runs only as other calls with contexts begin and end.
        unsafe {
            if ffi::PyList_Append(contexts.as_ptr(), context.as_ptr()) < 0 {
                return Err(Raised);
            }
            let result = body();
            let pending = crate::python::set_aside();
            let length = ffi::PyList_GET_SIZE(contexts.as_ptr());
            let popped =
                ffi::PyList_SetSlice(contexts.as_ptr(), length - 1, length, std::ptr::null_mut());
            if popped < 0 {
                ffi::PyErr_Clear();
            }
            crate::python::put_back(pending);
            result
        }
    }

    /// `log.err(failure)`, or without one, in an exception handler.
    pub fn log_error(&self, failure: Option<&Obj>) -> Maybe<()> {
        let err = self.log.get("err")?;
        let failure = failure.map(Obj::as_ptr);
        err.call(failure.as_slice())?;
        Ok(())
    }

    /// Logs the exception that was raised where nobody catches it.
    #[cold]
    pub fn log_raised(&self, raised: Raised) {
        let exception = take_raised(raised);
        if let Err(raised) = handling(&exception, || self.log_error(None)) {
            write_unraisable(raised, exception.as_ptr());
        }
    }
}
