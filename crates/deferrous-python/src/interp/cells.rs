//! Reading the cells of objects that user code can reach.

use std::cell::Cell;

use super::Obj;

/// What is copied by taking new references only: no Python code runs.
pub trait Counted: Clone {}

impl Counted for Obj {}

/// A copy of what is in the cell.
#[inline(always)]
pub fn copied<T: Counted>(cell: &Cell<Option<T>>) -> Option<T> {
    // SAFETY: a cell stays on one thread, and counting references runs nothing that could write to it.
    unsafe { (*cell.as_ptr()).clone() }
}

/// Whether there is something in the cell.
#[inline(always)]
pub const fn is_some<T: Counted>(cell: &Cell<Option<T>>) -> bool {
    // SAFETY: a cell stays on one thread, and looking runs nothing that could write to it.
    unsafe { (*cell.as_ptr()).is_some() }
}
