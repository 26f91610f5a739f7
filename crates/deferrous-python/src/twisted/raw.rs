//! The same objects and names for modules that do not use PyO3 yet.

use std::sync::OnceLock;

use pyo3::ffi;

use super::Objects;
use crate::interp::{Attached, Maybe, Obj, Raw, raise};

macro_rules! names {
    ($($field:ident = $text:literal),* $(,)?) => {
        /// Interned names of attributes.
        #[allow(missing_docs)]
        pub struct Names { $(pub $field: Obj),* }

        impl Names {
            fn new() -> Maybe<Self> {
                Ok(Names { $($field: Obj::name($text)?),* })
            }
        }
    };
}

names! {
    add_both = "addBoth",
    add_callback = "addCallback",
    add_errback = "addErrback",
    add_callbacks = "addCallbacks",
    append = "append",
    callback = "callback",
    callback_args = "callbackArgs",
    cancel = "cancel",
    class = "__class__",
    continuation = "_continuation",
    creator = "creator",
    debug = "debug",
    defer = "defer",
    defer_to_thread_pool = "deferToThreadPool",
    deferred = "Deferred",
    dict = "__dict__",
    errback = "errback",
    errback_args = "errbackArgs",
    fail_result = "failResult",
    get_debug_tracebacks = "_getDebugTracebacks",
    init = "__init__",
    invoker = "invoker",
    name = "__name__",
    pause = "pause",
    run_callbacks = "_runCallbacks",
    start_run_callbacks = "_startRunCallbacks",
    throw = "throw",
    throw_into = "throwExceptionIntoGenerator",
    trap = "trap",
    value = "value",
    cb_deferred = "_cbDeferred",
    raise_exception = "raiseException",
    call_from_thread = "callFromThread",
    call_with_logger = "callWithLogger",
    call = "call",
    call_in_thread_with_callback = "callInThreadWithCallback",
    context = "context",
    contexts = "contexts",
    current_context = "currentContext",
    delayed_call = "DelayedCall",
    disconnect_selectable = "_disconnectSelectable",
    do_iteration = "doIteration",
    do_read = "doRead",
    do_read_or_write = "_doReadOrWrite",
    do_write = "doWrite",
    event_loop = "_loop",
    failure = "Failure",
    fileno = "fileno",
    fire_system_event = "fireSystemEvent",
    get_thread_pool = "getThreadPool",
    joined = "joined",
    just_stopped = "_justStopped",
    log = "log",
    reactor = "reactor",
    poll = "poll",
    run_until_current = "runUntilCurrent",
    running = "running",
    seconds = "seconds",
    started = "_started",
    team = "_team",
    timeout = "timeout",
    tracker = "theContextTracker",
    wake_up = "wakeUp",
    waker = "waker",
}

/// The objects of Twisted, and the names of attributes.
pub struct Twisted {
    pub names: Names,
    pub failure: Obj,
    pub debug_info: Obj,
    pub cancelled_error: Obj,
    pub already_called_error: Obj,
    pub first_error: Obj,
    pub deferred: Obj,
    pub parse_results: Obj,
    pub generator_return: Obj,
    pub internal_cancelled: Obj,
    pub passthru: Obj,
    pub failthru: Obj,
    pub continue_: Obj,
    pub no_kwargs: Obj,
    pub not_a_coroutine: Obj,
    pub log: Obj,
    pub traceback: Obj,
    pub is_coroutine: Obj,
    pub empty: Obj,
    /// Whether what is awaited has to be fired. Before Twisted 26.10 it had to have a result.
    pub awaits_called: bool,
}

static TWISTED: OnceLock<Attached<Twisted>> = OnceLock::new();

/// Twisted's objects.
///
/// # Panics
///
/// If the module has not been loaded.
#[inline(always)]
pub fn twisted() -> &'static Twisted {
    match TWISTED.get() {
        Some(twisted) => &twisted.0,
        None => unloaded(),
    }
}

#[cold]
fn unloaded() -> ! {
    panic!("the module is used before it was loaded")
}

/// The names of attributes.
#[inline(always)]
pub fn names() -> &'static Names {
    &twisted().names
}

/// Whether `class` is that of Twisted's failures, and no subclass.
#[inline(always)]
pub fn is_failure_class(class: *mut ffi::PyTypeObject) -> bool {
    twisted().failure.is(class.cast())
}

/// Imports a module.
pub fn import(module: &str) -> Maybe {
    let name = Obj::name(module)?;
    // SAFETY: the name is alive, and the thread is attached. What importing gives is the top package;
    // the module is found among those that are imported then.
    unsafe {
        drop(Obj::owned(ffi::PyImport_Import(name.as_ptr()))?);
        let module = ffi::PyImport_GetModule(name.as_ptr());
        if module.is_null() && ffi::PyErr_Occurred().is_null() {
            return Err(raise(
                ffi::PyExc_ImportError,
                "a module is gone that was imported",
            ));
        }
        Obj::owned(module)
    }
}

/// Views the objects that were found.
pub fn load(objects: &Objects) -> Maybe<()> {
    let twisted = Twisted {
        names: Names::new()?,
        failure: Obj::view(&objects.failure).clone(),
        debug_info: Obj::view(&objects.debug_info).clone(),
        cancelled_error: Obj::view(&objects.cancelled_error).clone(),
        already_called_error: Obj::view(&objects.already_called_error).clone(),
        first_error: Obj::view(&objects.first_error).clone(),
        deferred: Obj::view(&objects.deferred).clone(),
        parse_results: Obj::view(&objects.parse_results).clone(),
        generator_return: Obj::view(&objects.generator_return).clone(),
        internal_cancelled: Obj::view(&objects.internal_cancelled).clone(),
        passthru: Obj::view(&objects.passthru).clone(),
        failthru: Obj::view(&objects.failthru).clone(),
        continue_: Obj::view(&objects.continue_).clone(),
        no_kwargs: Obj::view(&objects.no_kwargs).clone(),
        not_a_coroutine: Obj::view(&objects.not_a_coroutine).clone(),
        log: Obj::view(&objects.log).clone(),
        traceback: Obj::view(&objects.traceback).clone(),
        is_coroutine: Obj::view(&objects.is_coroutine).clone(),
        empty: Obj::tuple([])?,
        awaits_called: objects.awaits_called,
    };
    let _ = TWISTED.set(Attached(twisted));
    Ok(())
}

/// `None`, alive for ever, as an argument.
#[inline(always)]
pub fn none() -> Raw {
    // SAFETY: reading a static of the interpreter.
    unsafe { ffi::Py_None() }
}
