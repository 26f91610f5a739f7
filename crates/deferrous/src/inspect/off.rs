//! Without the feature `inspect` nothing is remembered: types without a size, and functions that do nothing.
//!
//! Programs cannot ask:
//!
//! ```compile_fail,E0603
//! println!("{}", deferrous::inspect::snapshot());
//! ```

// Their types are of interest with the feature alone.
#![allow(clippy::extra_unused_type_parameters)]

use std::ops::Deref;

/// No number.
#[derive(Clone, Copy)]
pub(crate) struct Id;

/// No record.
pub(crate) struct Entry;

/// No place.
#[derive(Clone, Copy)]
pub(crate) struct Place;

/// Nothing ends with it.
pub(crate) struct Guard;

/// No record of a job.
pub(crate) struct JobEntry;

#[inline(always)]
pub(crate) const fn made<T, C>(_: &C, _: &'static str) {}

#[inline(always)]
pub(crate) const fn polled() -> Id {
    Id
}

impl Id {
    pub(crate) const NONE: Id = Id;

    #[inline(always)]
    pub(crate) fn of(_: impl FnOnce() -> Id) -> Id {
        Id
    }

    #[inline(always)]
    pub(crate) const fn named(self, _: &'static str) {}

    #[inline(always)]
    pub(crate) fn detail(self, _: impl FnOnce() -> String) {}

    #[inline(always)]
    pub(crate) const fn coroutine<F>(self) {}

    #[inline(always)]
    pub(crate) const fn typed<T>(self) {}

    #[inline(always)]
    pub(crate) const fn waits_for(self, _: Id) {}

    #[inline(always)]
    pub(crate) const fn limited_by(self, _: Id) {}

    #[inline(always)]
    pub(crate) const fn held_by(self, _: Id) {}

    #[inline(always)]
    pub(crate) const fn awaited_by(self, _: Id) {}

    #[inline(always)]
    pub(crate) const fn awaited_here(self) {}

    #[inline(always)]
    pub(crate) const fn paused(self, _: bool) {}

    #[inline(always)]
    pub(crate) fn due<P>(self, _: impl FnOnce() -> P) {}

    #[inline(always)]
    pub(crate) const fn forget(self) {}

    #[inline(always)]
    pub(crate) const fn polling(self) -> Guard {
        Guard
    }
}

impl Entry {
    #[inline(always)]
    pub(crate) const fn unmade() -> Entry {
        Entry
    }

    #[inline(always)]
    pub(crate) const fn delayed_call() -> Entry {
        Entry
    }

    #[inline(always)]
    pub(crate) const fn primitive<T>(_: &'static str) -> Entry {
        Entry
    }

    #[inline(always)]
    pub(crate) const fn permit(_: Id) -> Entry {
        Entry
    }

    #[inline(always)]
    pub(crate) const fn watch(_: &'static str) -> Entry {
        Entry
    }

    #[inline(always)]
    pub(crate) const fn socket(_: &'static str) -> Entry {
        Entry
    }

    #[inline(always)]
    pub(crate) const fn id(&self) -> Id {
        Id
    }
}

impl Deref for Entry {
    type Target = Id;

    #[inline(always)]
    fn deref(&self) -> &Id {
        &Id
    }
}

impl Place {
    #[inline(always)]
    pub(crate) const fn caller() -> Place {
        Place
    }

    #[inline(always)]
    pub(crate) fn of<R>(self, make: impl FnOnce() -> R) -> R {
        make()
    }
}

impl JobEntry {
    #[inline(always)]
    pub(crate) const fn new<J>() -> JobEntry {
        JobEntry
    }

    #[inline(always)]
    pub(crate) const fn id(&self) -> Id {
        Id
    }

    #[inline(always)]
    pub(crate) const fn begin(&self) {}
}

#[cfg(test)]
mod tests {
    use super::{Entry, Guard, Id, JobEntry, Place};

    #[test]
    fn what_is_not_remembered_takes_no_room() {
        let sizes = [
            size_of::<Entry>(),
            size_of::<Guard>(),
            size_of::<Id>(),
            size_of::<JobEntry>(),
            size_of::<Place>(),
        ];
        assert_eq!(sizes, [0; 5]);
        assert!(!std::mem::needs_drop::<(Entry, Guard, JobEntry)>());
    }
}
