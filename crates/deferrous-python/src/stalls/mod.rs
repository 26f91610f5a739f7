//! Stalls: turns of the loop that take too long, noticed by a thread that needs no interpreter.
//!
//! The loop only says, in atomics, when a turn began (see [`turns`]) and what it is doing. The thread reads them, and looks
//! at the loop's thread from outside: its processor time, and what it sleeps in. It asks a thread of Python for the stack,
//! which takes it as soon as it gets the interpreter. A function of C that kept that until then is still on top of the stack.

mod calls;
mod collections;
mod facts;
mod observed;
mod record;
mod watchdog;

use std::{mem, sync::Mutex};

use pyo3::{prelude::*, types::PyTuple};

use crate::{
    interp::fallible,
    metrics::turns::{self, Timing},
};
use calls::{lock, set_describe};

pub use calls::{Kind, called, called_for_thread, turn_to};
pub use collections::note_collection;
pub use watchdog::Watchdog;

/// Called when a loop begins, in its thread. It belongs to the package.
static BEGIN: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// Have `begin` called in the thread of each loop of deferrous that begins, or nothing any more.
///
/// Args:
///     begin: a function without arguments, or None.
///     describe: names what was called: it gets the kind, a number, and the object, or None if that is gone,
///         and returns what is shown.
///
/// Any thread may call it.
#[pyfunction]
#[pyo3(signature = (begin, describe, /))]
pub fn watch_loops(py: Python<'_>, begin: Option<Bound<'_, PyAny>>, describe: &Bound<'_, PyAny>) {
    set_describe(describe);
    turns::set_timed(Timing::Stalls, begin.is_some());
    let earlier = mem::replace(&mut *lock(&BEGIN), begin.map(Bound::unbind));
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
///     a tuple: its number, and when it began, in seconds by the clock of `time.monotonic()`; None while the
///     loop waits.
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

/// A turn of a loop that is not deferrous's begins: it has waited. Only its thread may call it.
#[pyfunction]
pub fn begin_turn() {
    if turns::are_timed() {
        turns::begin();
    }
}

/// A turn of a loop that is not deferrous's ends: it waits. Only its thread may call it.
#[pyfunction]
pub fn end_turn() {
    if turns::are_timed() {
        turns::end();
    }
}
