//! Stalls: turns of the loop that take too long, noticed by a thread that needs no interpreter.
//!
//! The loop only says, in atomics, when a turn began (see [`turns`]) and what it is doing. The thread reads them, and looks
//! at the loop's thread from outside: its processor time, and what it sleeps in. It asks a thread of Python for the stack,
//! which takes it as soon as it gets the interpreter. A function of C that kept that until then is still on top of the stack.

mod facts;
mod observed;
mod record;
mod watchdog;

use std::{
    cell::Cell,
    sync::{
        Mutex, PoisonError,
        atomic::{
            AtomicU8, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyList, PyTuple},
};

use crate::{
    interp::fallible,
    metrics::turns::{self, Timing},
};

pub use watchdog::Watchdog;

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
/// The number of the turn that takes too long; 0 if none does.
static NOTICED: AtomicU64 = AtomicU64::new(0);
/// When the collection began that runs now in the loop's thread, in nanoseconds; 0 if none does.
static COLLECTING_SINCE: AtomicU64 = AtomicU64::new(0);
/// The turn in which the loop's thread has collected last, for how long altogether, and how often.
static COLLECTED_IN: AtomicU64 = AtomicU64::new(0);
static COLLECTED: AtomicU64 = AtomicU64::new(0);
static COLLECTIONS: AtomicU64 = AtomicU64::new(0);

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

/// Called when a loop begins, in its thread. It belongs to the package.
static BEGIN: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

thread_local! {
    /// Whether this is the thread of the loop that is watched.
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// The turn goes on to something else.
#[inline(always)]
pub fn turn_to(kind: Kind) {
    KIND.store(kind as u8, Relaxed);
}

fn kind() -> u8 {
    KIND.load(Relaxed)
}

/// A call has ended: names it if it was part of a stall. `object` has the function, or is the descriptor.
#[inline(always)]
pub fn called(object: &Bound<'_, PyAny>) {
    if NOTICED.load(Relaxed) != 0 {
        count_call(object);
    }
}

/// The same of what another thread has asked for, of which nothing is left.
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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the names of what was called in a stall that is over, and how many calls there were.
fn take_called(py: Python<'_>, turn: u64) -> PyResult<(Bound<'_, PyList>, u64)> {
    let mut all = lock(&CALLED);
    let found = all.iter().position(|called| called.turn == turn);
    let found = found.map(|at| all.swap_remove(at));
    drop(all);
    let (named, count) = found.map_or((Vec::new(), 0), |it| (it.named, it.count));
    let named = named.into_iter().map(|it| it.into_bound(py));
    Ok((fallible::list_of(py, named)?, count))
}

/// For how many nanoseconds the loop's thread has collected garbage in a turn, and how often.
fn collected_in(number: u64) -> (u64, u64) {
    let (mut time, mut count) = (0, 0);
    if COLLECTED_IN.load(Acquire) == number {
        (time, count) = (COLLECTED.load(Relaxed), COLLECTIONS.load(Relaxed));
    }
    match COLLECTING_SINCE.load(Relaxed) {
        0 => (time, count),
        since => (time + turns::now().saturating_sub(since), count + 1),
    }
}

/// Notes collections of the loop's thread: one of `gc.callbacks`.
///
/// Args:
///     phase: "start" or "stop".
///     info: what Python tells of the collection.
#[pyfunction]
#[pyo3(signature = (phase, info, /))]
pub fn note_collection(phase: &str, info: &Bound<'_, PyAny>) {
    let _ = info;
    if !IS_WATCHED.get() {
        return;
    }
    let now = turns::now();
    if phase == "start" {
        COLLECTING_SINCE.store(now, Relaxed);
        return;
    }
    let since = COLLECTING_SINCE.swap(0, Relaxed);
    if since == 0 {
        return;
    }
    let number = turns::number();
    if COLLECTED_IN.load(Relaxed) != number {
        COLLECTED.store(0, Relaxed);
        COLLECTIONS.store(0, Relaxed);
    }
    COLLECTED.fetch_add(now.saturating_sub(since), Relaxed);
    COLLECTIONS.fetch_add(1, Relaxed);
    COLLECTED_IN.store(number, Release);
}

/// Have `begin` called in the thread of each loop of deferrous that begins, or nothing any more.
///
/// Args:
///     begin: a function without arguments, or None.
///     describe: names what was called: it gets the kind, a number, and the object, or None if that is gone, and
///         returns what is shown.
///
/// Any thread may call it.
#[pyfunction]
#[pyo3(signature = (begin, describe, /))]
pub fn watch_loops(py: Python<'_>, begin: Option<Bound<'_, PyAny>>, describe: &Bound<'_, PyAny>) {
    DESCRIBE.get_or_init(py, || describe.clone().unbind());
    turns::set_timed(Timing::Stalls, begin.is_some());
    let earlier = std::mem::replace(&mut *lock(&BEGIN), begin.map(Bound::unbind));
    drop(earlier.map(|it| it.into_bound(py)));
}

/// A loop begins: calls what is to watch it, if something is.
pub fn begin_loop(py: Python<'_>) -> PyResult<()> {
    let begin = lock(&BEGIN).as_ref().map(|begin| begin.clone_ref(py));
    match begin {
        Some(begin) => begin.bind(py).call0().map(drop),
        None => Ok(()),
    }
}

/// The turn that runs now.
///
/// Returns:
///     a tuple: its number, and when it began, in seconds by the clock of `time.monotonic()`; None while the loop waits.
///
/// Any thread may call it.
#[pyfunction]
pub fn running_turn(py: Python<'_>) -> PyResult<Option<Bound<'_, PyTuple>>> {
    let shown = |(number, began)| {
        fallible::tuple(
            py,
            [record::count(py, number)?, record::seconds(py, began)?],
        )
    };
    turns::running().map(shown).transpose()
}

/// A turn of a loop that is not deferrous's begins: it has waited for events. Only that thread may call it.
#[pyfunction]
pub fn begin_turn() {
    if turns::are_timed() {
        turns::begin();
    }
}

/// A turn of a loop that is not deferrous's ends: it waits for events. Only that thread may call it.
#[pyfunction]
pub fn end_turn() {
    if turns::are_timed() {
        turns::end();
    }
}
