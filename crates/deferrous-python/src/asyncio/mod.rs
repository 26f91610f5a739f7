//! asyncio's event loop: its ready queue, timers, handles and descriptors, and the turn.
//!
//! Programs use a class of Python that derives from [`LoopCore`] and from the standard library's loop for selectors, which
//! has everything that is not here. As in the standard library, a callback that is to be called is an object, a handle,
//! which waits in the ready queue, among the timers or with a descriptor.

mod call;
mod clock;
mod core;
mod debugging;
mod descriptors;
mod handle;
mod hooks;
mod names;
mod ready;
mod scheduling;
mod state;
mod support;
mod timer;
mod turn;
mod watching;

use pyo3::prelude::*;

use crate::interp::{add_method, begin_life};

pub use self::{
    ready::ReadyQueue,
    state::{Handle, LoopCore, TimerHandle},
};

/// Makes the names, and the methods that are called without a tuple being made.
pub fn load(py: Python<'_>) -> PyResult<()> {
    names::load(py)?;
    begin_life::<Handle>(py);
    begin_life::<TimerHandle>(py);
    add_method::<scheduling::CallSoon>(py)?;
    add_method::<scheduling::CallSoonThreadsafe>(py)?;
    add_method::<scheduling::CallLater>(py)?;
    add_method::<scheduling::CallAt>(py)?;
    add_method::<watching::AddReader>(py)?;
    add_method::<watching::AddWriter>(py)
}

/// Hand over what loops need that is Python. The package does it when it is asked for a loop.
///
/// Args:
///     functions: what reports errors and slow callbacks.
///     stock: the standard library's class of loops, whose methods are inherited.
#[pyfunction]
pub fn prepare_loops(functions: &Bound<'_, PyAny>, stock: &Bound<'_, PyAny>) -> PyResult<()> {
    support::load(functions, stock.cast()?)
}
