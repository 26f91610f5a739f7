//! Letting other threads use the interpreter.

use pyo3::ffi;

/// Runs `body` without the interpreter, which other threads may use meanwhile.
pub fn detached<R>(body: impl FnOnce() -> R) -> R {
    struct Attach(*mut ffi::PyThreadState);
    impl Drop for Attach {
        fn drop(&mut self) {
            // SAFETY: this thread was attached with this state before.
            unsafe { ffi::PyEval_RestoreThread(self.0) }
        }
    }
    // SAFETY: the thread is attached, and is so again when `_attach` is dropped, also by a panic. `body`
    // touches no object.
    let _attach = Attach(unsafe { ffi::PyEval_SaveThread() });
    body()
}
