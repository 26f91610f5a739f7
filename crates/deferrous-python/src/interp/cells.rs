//! Reading the cells of objects that user code can reach.

use std::cell::Cell;

use super::{Obj, Raw};

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

/// Which object is in the cell, and its class, to be compared with others. Nothing keeps it alive.
#[inline(always)]
pub const fn peek(cell: &Cell<Option<Obj>>) -> Option<(Raw, *mut pyo3::ffi::PyTypeObject)> {
    // SAFETY: a cell stays on one thread, and looking runs nothing that could write to it. The object is alive now.
    match unsafe { &*cell.as_ptr() } {
        Some(object) => Some((object.as_ptr(), object.class())),
        None => None,
    }
}
