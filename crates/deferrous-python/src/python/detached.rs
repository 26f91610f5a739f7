//! Letting other threads use the interpreter.

use std::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use pyo3::ffi;

/// How long a thread that always has work may keep others from running, as CPython's own loop lets it.
const SWITCH: Duration = Duration::from_millis(5);

/// Whether the last thread that came to or from [`detached`] was about to let go of the interpreter.
static FREE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// When this thread last let others run.
    static LET_GO: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Runs `body` without the interpreter, which other threads may use meanwhile.
pub fn detached<R>(body: impl FnOnce() -> R) -> R {
    struct Attach(*mut ffi::PyThreadState);
    impl Drop for Attach {
        fn drop(&mut self) {
            // SAFETY: this thread was attached with this state before.
            unsafe { ffi::PyEval_RestoreThread(self.0) }
            FREE.store(false, Ordering::Relaxed);
        }
    }
    // Whoever has the interpreter sets it, so that no earlier thread does after a later one.
    FREE.store(true, Ordering::Relaxed);
    // SAFETY: the thread is attached, and is so again when `_attach` is dropped, also by a panic. `body`
    // touches no object.
    let _attach = Attach(unsafe { ffi::PyEval_SaveThread() });
    let result = body();
    LET_GO.set(Some(Instant::now()));
    result
}

/// Whether a thread that asks for the interpreter probably need not sleep for it: what other threads do with it
/// outside of [`detached`] is not known here.
pub fn is_free() -> bool {
    FREE.load(Ordering::Relaxed)
}

/// Whether this thread has kept the interpreter for as long as it may while others wait for it.
///
/// Functions of Python ask themselves. A loop of Rust that calls nothing but built-in functions does not
/// get there.
pub fn is_time_to_let_go() -> bool {
    match LET_GO.get() {
        Some(then) => then.elapsed() >= SWITCH,
        None => true,
    }
}
