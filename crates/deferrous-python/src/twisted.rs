//! What this module uses of Twisted, found once when it is loaded.

use std::sync::OnceLock;

use pyo3::ffi;

use crate::interp::{Attached, Maybe, Obj, Raised, Raw, raise};

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
    capture_vars = "captureVars",
    class = "__class__",
    continuation = "_continuation",
    count = "count",
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
    parents = "_parents",
    pause = "pause",
    run_callbacks = "_runCallbacks",
    start_run_callbacks = "_startRunCallbacks",
    tb = "tb",
    throw = "throw",
    throw_into = "throwExceptionIntoGenerator",
    trap = "trap",
    type_ = "type",
    value = "value",
    cb_deferred = "_cbDeferred",
    check = "check",
    raise_exception = "raiseException",
    traceback = "__traceback__",
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
    pub failure_globals: Obj,
    pub debug_info: Obj,
    pub cancelled_error: Obj,
    pub already_called_error: Obj,
    pub first_error: Obj,
    pub deferred: Obj,
    pub deferred_list: Obj,
    pub primitive: Obj,
    pub parse_results: Obj,
    pub failure_group: Obj,
    pub generator_return: Obj,
    pub internal_cancelled: Obj,
    pub passthru: Obj,
    pub failthru: Obj,
    pub continue_: Obj,
    pub no_kwargs: Obj,
    pub warn_about_function: Obj,
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

/// Whether `Deferred.__iter__` asks for `called`, and not for a result. Releases of Twisted are told apart
/// by what they do, as there are also those that are patched; what is unknown counts as the newest.
fn iterating_asks_for_called(deferred: &Obj) -> Maybe<bool> {
    let code = deferred.get("__iter__")?.get("__code__");
    let no_result = Obj::name("_NO_RESULT")?;
    let Ok(names) = code.and_then(|code| code.get("co_names")) else {
        // SAFETY: an exception is set.
        unsafe { ffi::PyErr_Clear() };
        return Ok(true);
    };
    // SAFETY: both are alive.
    match unsafe { ffi::PySequence_Contains(names.as_ptr(), no_result.as_ptr()) } {
        -1 => Err(Raised),
        found => Ok(found == 0),
    }
}

/// Imports Twisted and finds what is used of it.
pub fn load() -> Maybe<()> {
    if TWISTED.get().is_some() {
        return Ok(());
    }
    let defer = import("twisted.internet.defer")?;
    let failure = import("twisted.python.failure")?;
    let of = |name: &str| defer.get(name);
    let class = failure.get("Failure")?;
    let twisted = Twisted {
        names: Names::new()?,
        failure: class,
        failure_globals: failure.get("__dict__")?,
        debug_info: of("DebugInfo")?,
        cancelled_error: of("CancelledError")?,
        already_called_error: of("AlreadyCalledError")?,
        first_error: of("FirstError")?,
        deferred: of("Deferred")?,
        deferred_list: of("DeferredList")?,
        primitive: of("_ConcurrencyPrimitive")?,
        parse_results: of("_parseDeferredListResult")?,
        failure_group: of("FailureGroup")?,
        generator_return: of("_DefGen_Return")?,
        internal_cancelled: of("_InternalInlineCallbacksCancelledError")?,
        passthru: of("passthru")?,
        failthru: of("_failthru")?,
        continue_: of("_CONTINUE")?,
        no_kwargs: of("_NONE_KWARGS")?,
        not_a_coroutine: of("NotACoroutineError")?,
        log: of("log")?,
        warn_about_function: import("twisted.python.deprecate")?.get("warnAboutFunction")?,
        traceback: import("traceback")?,
        is_coroutine: import("asyncio")?.get("iscoroutine")?,
        empty: Obj::tuple([])?,
        awaits_called: iterating_asks_for_called(&of("Deferred")?)?,
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
