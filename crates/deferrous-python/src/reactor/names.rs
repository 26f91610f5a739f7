//! The names that the reactor looks up. They are made while the module is loaded, so that a turn needs no memory for
//! them.

use pyo3::{prelude::*, sync::PyOnceLock, types::PyString};

use crate::interp::fallible;

macro_rules! names {
    ($($field:ident = $text:literal),* $(,)?) => {
        /// The names, as interned objects.
        pub struct Names { $(pub $field: Py<PyString>),* }

        /// Makes the names.
        pub fn load(py: Python<'_>) -> PyResult<()> {
            NAMES.get_or_try_init(py, || PyResult::Ok(Names {
                $($field: fallible::interned(py, $text)?.unbind()),*
            }))?;
            Ok(())
        }
    };
}

names! {
    call_from_thread = "callFromThread",
    call_with_logger = "callWithLogger",
    creator = "creator",
    debug = "debug",
    delayed_call = "DelayedCall",
    disconnect_selectable = "_disconnectSelectable",
    do_iteration = "doIteration",
    do_read = "doRead",
    do_read_or_write = "_doReadOrWrite",
    do_write = "doWrite",
    errno = "errno",
    event_loop = "_loop",
    extend = "extend",
    fileno = "fileno",
    fire_system_event = "fireSystemEvent",
    last_repr = "_repr",
    just_stopped = "_justStopped",
    poll = "poll",
    run_until_current = "runUntilCurrent",
    running = "running",
    seconds = "seconds",
    shutdown = "shutdown",
    started = "_started",
    time = "time",
    timeout = "timeout",
    wake_up = "wakeUp",
    waker = "waker",
}

static NAMES: PyOnceLock<Names> = PyOnceLock::new();

/// The names.
///
/// # Panics
///
/// If the module has not been loaded.
#[inline(always)]
pub fn names(py: Python<'_>) -> &'static Names {
    match NAMES.get(py) {
        Some(names) => names,
        None => unloaded(),
    }
}

#[cold]
fn unloaded() -> ! {
    panic!("the module is used before it was loaded")
}
