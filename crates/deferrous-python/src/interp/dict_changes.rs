//! An answer about a few dicts, such as the names of a module, that is cached until one of them changes.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};

use pyo3::{prelude::*, types::PyDict};

#[cfg(not(Py_3_12))]
use super::notice_changes;
use super::{Group, watch_dicts};

/// How often a watched dict has changed, and one more. Threads that have the interpreter read and write it.
static CHANGES: AtomicU64 = AtomicU64::new(1);

fn count() {
    CHANGES.store(CHANGES.load(Relaxed) + 1, Relaxed);
}

/// A number that is another one after a watched dict has changed.
#[inline(always)]
pub fn changes(_py: Python<'_>) -> u64 {
    #[cfg(not(Py_3_12))]
    notice_changes(_py, Group::Others);
    CHANGES.load(Relaxed)
}

/// The cached answer to a question about watched dicts. It is asked again after one of them has changed.
pub struct UntilChanged {
    /// Whether the interpreter tells of changes.
    is_watched: bool,
    /// The number of changes when the question was last asked; 0 if it was not.
    known_at: AtomicU64,
    known: AtomicU16,
}

impl UntilChanged {
    /// Watches dicts, which are kept alive for ever.
    pub fn watching(dicts: &[Bound<'_, PyDict>]) -> PyResult<Self> {
        Ok(UntilChanged {
            is_watched: watch_dicts(Group::Others, dicts, count)?,
            known_at: AtomicU64::new(0),
            known: AtomicU16::new(0),
        })
    }

    /// Whether the answer is cached at all.
    pub const fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// The answer of `find_out`, which is called again after a change. It must not change the dicts.
    #[inline(always)]
    pub fn get(&self, py: Python<'_>, find_out: impl FnOnce() -> bool) -> bool {
        self.get_flags(py, || u16::from(find_out())) != 0
    }

    /// The same, for sixteen answers at once.
    #[inline(always)]
    pub fn get_flags(&self, py: Python<'_>, find_out: impl FnOnce() -> u16) -> u16 {
        let now = changes(py);
        if self.known_at.load(Relaxed) == now {
            return self.known.load(Relaxed);
        }
        self.find_out_again(now, find_out)
    }

    #[cold]
    fn find_out_again(&self, now: u64, find_out: impl FnOnce() -> u16) -> u16 {
        let found = find_out();
        if self.is_watched {
            self.known.store(found, Relaxed);
            self.known_at.store(now, Relaxed);
        }
        found
    }
}
