//! Letting other threads use the interpreter.

use std::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use pyo3::{ffi, prelude::*, sync::PyOnceLock};

use super::fallible;

/// How long a thread that always has work goes on before it [gives way](give_way).
const TURN: Duration = Duration::from_millis(5);

/// Whether the last thread that came to or from [`detached`] was about to let go of the interpreter.
static FREE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// When this thread last let others run.
    static LET_GO: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Runs `body` without the interpreter, which other threads may use meanwhile.
pub fn detached<R: Send>(py: Python<'_>, body: impl FnOnce() -> R + Send) -> R {
    struct Attached;
    impl Drop for Attached {
        fn drop(&mut self) {
            FREE.store(false, Ordering::Relaxed);
        }
    }
    // Whoever has the interpreter sets it, so that no earlier thread does after a later one.
    FREE.store(true, Ordering::Relaxed);
    let _attached = Attached;
    py.detach(|| {
        let result = body();
        LET_GO.set(Some(Instant::now()));
        result
    })
}

/// Whether a thread that asks for the interpreter probably need not sleep for it: what other threads do with it
/// outside of [`detached`] is not known here.
pub fn is_free() -> bool {
    FREE.load(Ordering::Relaxed)
}

/// Whether this is the only thread that Python knows: nobody waits for the interpreter.
pub fn is_alone(_py: Python<'_>) -> bool {
    // SAFETY: the token says that this thread is attached. No other one can be taken from the list meanwhile, and the
    // list has at least this one.
    unsafe {
        let first = ffi::PyInterpreterState_ThreadHead(ffi::PyInterpreterState_Get());
        ffi::PyThreadState_Next(first).is_null()
    }
}

/// Whether this thread has had the interpreter for a while.
///
/// Functions of Python let others run by themselves. A loop of Rust that calls nothing but built-in
/// functions does not get there.
pub fn is_time_to_give_way() -> bool {
    match LET_GO.get() {
        Some(then) => then.elapsed() >= TURN,
        None => true,
    }
}

/// Lets another thread run if one has asked for the interpreter for long enough, as each function of Python
/// does: an empty one is called.
///
/// To let go of the interpreter for a moment does not do it. Who waits for it wakes up too late, and begins
/// to wait anew: again and again, as it waits for as long as the moments are apart.
pub fn give_way(py: Python<'_>) -> PyResult<()> {
    static EMPTY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LET_GO.set(Some(Instant::now()));
    let empty = EMPTY.get_or_try_init(py, || {
        let eval = fallible::import(py, "builtins", "eval")?;
        let globals = fallible::dict(py)?;
        eval.call1((fallible::text(py, "lambda: None")?, globals))
            .map(Bound::unbind)
    })?;
    empty.bind(py).call0().map(drop)
}
