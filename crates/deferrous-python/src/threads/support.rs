//! What the thread pool uses of Twisted, found when the first team is made.

use std::sync::OnceLock;

use pyo3::ffi;

use super::{
    names::{ContextCall, Modules},
    own_method::OwnMethod,
};
use crate::{
    failure::{Trail, handling},
    interp::{Attached, Maybe, Obj, Raised, Task, take_raised, write_unraisable},
    twisted::{import, names},
};

/// The objects of Twisted.
pub struct Support {
    /// The modules whose names programs may replace.
    pub modules: Modules,
    /// What teams call with what tasks raise.
    log_exception: Obj,
    pub statistics: Obj,
    pub already_quit: Obj,
    pub internet: Obj,
    /// What defers to pools of another kind.
    pub defer_otherwise: Obj,
    /// The methods of pools and reactors that programs may replace.
    pub call_in_thread_with_callback: OwnMethod,
    pub call_from_thread: OwnMethod,
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
    let threads = import("twisted._threads")?;
    let pools = import("deferrous._pools")?;
    let own_method = |name: &Obj| Ok(OwnMethod::new(name, pools.getattr(name)?));
    let frames = import("deferrous._reactor_frames")?
        .get("find_in_pool")?
        .call(&[])?;
    let trail = |name: &str| Trail::find(&frames, name);
    let support = Support {
        modules: Modules::load()?,
        log_exception: import("twisted._threads._pool")?.get("err")?,
        statistics: import("twisted._threads._team")?.get("Statistics")?,
        already_quit: threads.get("AlreadyQuit")?,
        internet: import("twisted.internet")?,
        defer_otherwise: pools.get("defer_otherwise")?,
        call_in_thread_with_callback: own_method(&names().call_in_thread_with_callback)?,
        call_from_thread: own_method(&names().call_from_thread)?,
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
    /// The innermost context of this thread.
    pub fn context(&self) -> Maybe {
        let contexts = contexts(&self.modules.tracker()?)?;
        // SAFETY: the object is alive.
        unsafe { Obj::owned(ffi::PySequence_GetItem(contexts.as_ptr(), -1)) }
    }

    /// Does a task within a context; `context.call(context, function, *arguments, **keywords)`.
    pub fn in_context(&self, context: &Obj, task: &Task) -> Maybe {
        match self.modules.context_call()? {
            ContextCall::Usual(tracker) => call_with_context(tracker, context, task),
            ContextCall::Other(call) => task.hand_over(&call, [context.clone()]),
        }
    }

    /// `log.err(failure)`.
    pub fn log_failure(&self, failure: &Obj) -> Maybe<()> {
        self.modules.log()?.get("err")?.call(&[failure.as_ptr()])?;
        Ok(())
    }

    /// Logs the exception that was raised where nobody catches it.
    #[cold]
    pub fn log_raised(&self, raised: Raised) {
        let exception = take_raised(raised);
        if let Err(raised) = handling(&exception, || self.log_exception.call(&[])) {
            write_unraisable(raised, exception.as_ptr());
        }
    }
}

/// The contexts of this thread, a list of dicts, the innermost last.
fn contexts(tracker: &Obj) -> Maybe {
    tracker
        .call_method(&names().current_context, [std::ptr::null_mut()])?
        .getattr(&names().contexts)
}

/// Twisted's `ThreadedContextTracker.callWithContext`.
fn call_with_context(tracker: &Obj, context: &Obj, task: &Task) -> Maybe {
    let contexts = contexts(tracker)?;
    // SAFETY: the objects are alive. The list may be any that a tracker has, and changes during the call
    // only as other calls with contexts begin and end.
    unsafe {
        if ffi::PyList_Append(contexts.as_ptr(), context.as_ptr()) < 0 {
            return Err(Raised);
        }
        let result = task.call();
        let pending = crate::interp::set_aside();
        let length = ffi::PyList_GET_SIZE(contexts.as_ptr());
        let popped =
            ffi::PyList_SetSlice(contexts.as_ptr(), length - 1, length, std::ptr::null_mut());
        if popped < 0 {
            ffi::PyErr_Clear();
        }
        crate::interp::put_back(pending);
        result
    }
}
