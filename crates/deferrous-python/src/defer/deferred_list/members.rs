//! The fields that a `DeferredList` has in addition to those of a Deferred.

use std::cell::Cell;

use pyo3::ffi;

use super::super::deferred::{Deferred, Layout as DeferredLayout};
use crate::interp::{Maybe, Obj, copied, type_error};

/// The memory layout of a `DeferredList`.
#[repr(C)]
pub struct Layout {
    deferred: DeferredLayout,
    pub members: Members,
}

/// What `__init__` sets.
#[derive(Default)]
pub struct Members {
    pub deferreds: Cell<Option<Obj>>,
    pub results: Cell<Option<Obj>>,
    pub fire_on_one_callback: Cell<Option<Obj>>,
    pub fire_on_one_errback: Cell<Option<Obj>>,
    pub consume_errors: Cell<Option<Obj>>,
    pub finished: Cell<isize>,
}

/// What `__init__` has set.
#[inline(always)]
pub const fn members(list: &Deferred) -> &Members {
    // SAFETY: it is a `DeferredList`: only its methods and the callbacks that it adds get here. The members are
    // cells, and nothing has a mutable reference to them before the object's end.
    unsafe { &(*list.object().as_ptr().cast::<Layout>()).members }
}

/// One of the members that `__init__` sets.
pub fn required(member: &Cell<Option<Obj>>) -> Maybe {
    copied(member).ok_or_else(|| type_error("DeferredList.__init__() has not been called"))
}

impl Members {
    /// Sets what there is before `__init__` sets anything.
    pub fn set_nothing(&self) -> Maybe<()> {
        // SAFETY: the thread is attached.
        let list = || unsafe { Obj::owned(ffi::PyList_New(0)) };
        let off = || Obj::bool(false);
        self.set_deferreds(list()?);
        self.set_results(list()?);
        self.set_flags([off(), off(), off()]);
        Ok(())
    }

    /// Sets the list of the Deferreds.
    pub fn set_deferreds(&self, deferreds: Obj) {
        drop(self.deferreds.replace(Some(deferreds)));
    }

    /// Sets the list of their results.
    pub fn set_results(&self, results: Obj) {
        drop(self.results.replace(Some(results)));
    }

    /// Sets `fireOnOneCallback`, `fireOnOneErrback` and `consumeErrors`: nothing has fired yet.
    pub fn set_flags(&self, flags: [Obj; 3]) {
        let [on_callback, on_errback, consume] = flags;
        self.finished.set(0);
        let before = (
            self.fire_on_one_callback.replace(Some(on_callback)),
            self.fire_on_one_errback.replace(Some(on_errback)),
            self.consume_errors.replace(Some(consume)),
        );
        drop(before);
    }

    /// Takes everything away.
    pub fn take(&self) {
        let before = self.all().map(Cell::take);
        drop(before);
    }

    pub const fn all(&self) -> [&Cell<Option<Obj>>; 5] {
        [
            &self.deferreds,
            &self.results,
            &self.fire_on_one_callback,
            &self.fire_on_one_errback,
            &self.consume_errors,
        ]
    }
}
