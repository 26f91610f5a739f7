//! Taking turns: `DeferredLock`, `DeferredSemaphore` and `DeferredQueue`.
//!
//! Their cost is that of the Deferreds they make; they are classes of PyO3's, whose attributes programs
//! may read and set as those of Twisted's.

mod lock;
mod primitive;
mod queue;
mod semaphore;
mod support;

pub use lock::DeferredLock;
pub use primitive::{Execute, Primitive};
pub use queue::DeferredQueue;
pub use semaphore::DeferredSemaphore;

use pyo3::prelude::*;

use crate::interp::add_method;
use primitive::Run;

/// Completes the base class of locks and semaphores.
pub fn load(py: Python<'_>) -> PyResult<()> {
    add_method::<Run>(py)
}
