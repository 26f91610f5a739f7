//! What a turn calls, for the line that tells of its stall. The loop notes it.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
};

use pyo3::{prelude::*, sync::PyOnceLock, types::PyList};

use crate::{interp::fallible, metrics::turns};

/// What a turn is doing.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Kind {
    /// Calls from other threads, and the results of jobs.
    ThreadCalls = 1,
    Timers = 2,
    Descriptors = 3,
    /// Sending what was written.
    Sending = 4,
}

static KIND: AtomicU8 = AtomicU8::new(0);
/// The number of the turn that takes too long; 0 if none does. Relaxed everywhere: the number of the turn is all that it says,
/// and who sees it late names fewer calls.
pub static NOTICED: AtomicU64 = AtomicU64::new(0);

/// Names what was called while a stall went on. It belongs to the package.
static DESCRIBE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
/// What was called in the stalls that have not been told of yet. Only attached threads lock it.
static CALLED: Mutex<Vec<Called>> = Mutex::new(Vec::new());

/// The calls that have ended in a stall since it was noticed.
struct Called {
    /// The number of the turn.
    turn: u64,
    count: u64,
    /// The names of the first ones.
    named: Vec<Py<PyAny>>,
}

/// How many of the calls of a stall are named.
const MOST_NAMED: u64 = 4;
/// Of how many stalls calls are kept. Nobody has asked for those of older ones.
const MOST_STALLS: usize = 16;

/// The turn goes on to something else.
#[inline(always)]
pub fn turn_to(kind: Kind) {
    // Relaxed: it stands alone, and is of the moment.
    KIND.store(kind as u8, Relaxed);
}

/// What the turn is doing, as the number of a [`Kind`].
pub fn kind() -> u8 {
    // Relaxed: it stands alone, and is of the moment.
    KIND.load(Relaxed)
}

/// A call has ended: names it if it was part of a stall. `object` has the function, or is the descriptor.
#[inline(always)]
pub fn called(object: &Bound<'_, PyAny>) {
    if NOTICED.load(Relaxed) != 0 {
        count_call(object);
    }
}

/// The same for a call from another thread, whose function is gone by then.
#[inline(always)]
pub fn called_for_thread(py: Python<'_>) {
    if NOTICED.load(Relaxed) != 0 {
        count_call(py.None().bind(py));
    }
}

#[cold]
fn count_call(object: &Bound<'_, PyAny>) {
    let (py, turn) = (object.py(), turns::number());
    if NOTICED.load(Relaxed) != turn || !is_first_call(turn) {
        return;
    }
    let Some(describe) = DESCRIBE.get(py) else {
        return;
    };
    match describe.bind(py).call1((kind(), object)) {
        Ok(named) => {
            let mut all = lock(&CALLED);
            if let Some(called) = all.iter_mut().find(|called| called.turn == turn) {
                called.named.push(named.unbind());
            }
        }
        Err(error) => error.write_unraisable(py, Some(object)),
    }
}

/// Counts a call. Returns whether it is one of the first of its stall.
fn is_first_call(turn: u64) -> bool {
    let mut all = lock(&CALLED);
    if let Some(called) = all.iter_mut().find(|called| called.turn == turn) {
        called.count += 1;
        return called.count <= MOST_NAMED;
    }
    // Objects are dropped when the lock is free.
    let oldest = (all.len() == MOST_STALLS).then(|| all.remove(0));
    all.push(Called {
        turn,
        count: 1,
        named: Vec::new(),
    });
    drop(all);
    drop(oldest);
    true
}

/// Has `describe` name what is called, from the first time on.
pub fn set_describe(describe: &Bound<'_, PyAny>) {
    DESCRIBE.get_or_init(describe.py(), || describe.clone().unbind());
}

/// Locks what no thread keeps locked when it fails.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the names of what was called in a stall that is over, and how many calls there were.
pub fn take_called(py: Python<'_>, turn: u64) -> PyResult<(Bound<'_, PyList>, u64)> {
    let mut all = lock(&CALLED);
    let found = all.iter().position(|called| called.turn == turn);
    let found = found.map(|at| all.swap_remove(at));
    drop(all);
    let (named, count) = found.map_or((Vec::new(), 0), |it| (it.named, it.count));
    let named = named.into_iter().map(|it| it.into_bound(py));
    Ok((fallible::list_of(py, named)?, count))
}
