//! What the collector is shown of an object.

use std::ffi::{c_int, c_void};

use pyo3::ffi;

use std::cell::Cell;

use super::{Counted, Obj, Raw};

/// What holds references to Python objects that the collector has to see.
pub trait Traverse {
    /// Shows `visitor` each reference, once.
    fn traverse(&self, visitor: &mut Visitor);
}

/// The collector, while it looks at an object: what `tp_traverse` is given.
pub struct Visitor {
    visit: ffi::visitproc,
    argument: *mut c_void,
    status: c_int,
}

impl Visitor {
    /// One that has seen the object's class.
    ///
    /// # Safety
    ///
    /// The arguments are those of `tp_traverse`. Until that returns nothing is changed, and no Python
    /// code runs.
    #[inline(always)]
    pub unsafe fn of(raw: Raw, visit: ffi::visitproc, argument: *mut c_void) -> Self {
        // SAFETY: as the caller says; the object has a reference to its class.
        let status = unsafe { visit((*raw).ob_type.cast(), argument) };
        Visitor {
            visit,
            argument,
            status,
        }
    }

    /// One that goes on in the same object, where the traversal of the base class has ended well.
    pub const fn continued(visit: ffi::visitproc, argument: *mut c_void) -> Self {
        Visitor {
            visit,
            argument,
            status: 0,
        }
    }

    /// Shows one object that this one has a reference to. Each reference is shown, and once.
    #[inline(always)]
    pub fn see(&mut self, object: &Obj) {
        self.see_raw(object.as_ptr());
    }

    /// The same, where there may be none.
    #[inline(always)]
    pub fn see_raw(&mut self, object: Raw) {
        if self.status == 0 && !object.is_null() {
            // SAFETY: the object is alive, since this one refers to it, and `visit` is the collector's.
            self.status = unsafe { (self.visit)(object, self.argument) };
        }
    }

    /// Shows what is in a cell.
    #[inline(always)]
    pub fn see_cell<T: Counted + Traverse>(&mut self, cell: &Cell<Option<T>>) {
        // SAFETY: the collector looks at objects while nothing else runs, and what it calls writes to no cell.
        if let Some(value) = unsafe { &*cell.as_ptr() } {
            value.traverse(self);
        }
    }

    /// What `tp_traverse` answers.
    #[inline(always)]
    pub const fn status(self) -> c_int {
        self.status
    }
}

impl Traverse for Obj {
    #[inline(always)]
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.see(self);
    }
}
