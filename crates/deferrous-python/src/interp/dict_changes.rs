//! An answer about a few dicts, such as the names of a module, that is cached until one of them changes.

use std::cell::Cell;

#[cfg(not(Py_3_12))]
use super::notice_changes;
use super::{Attached, Maybe, Obj, watch_dicts};

/// How often a watched dict has changed.
static CHANGES: Attached<Cell<u64>> = Attached(Cell::new(0));

fn count() {
    CHANGES.0.set(CHANGES.0.get() + 1);
}

/// The cached answer to a question about watched dicts. It is asked again after one of them has changed.
pub struct UntilChanged {
    /// Whether the interpreter tells of changes.
    is_watched: bool,
    /// The number of changes when the question was last asked.
    known_at: Cell<Option<u64>>,
    known: Cell<bool>,
}

impl UntilChanged {
    /// Watches dicts, which are kept alive for ever.
    pub fn new(dicts: &[Obj]) -> Maybe<Self> {
        Ok(UntilChanged {
            is_watched: watch_dicts(dicts, count)?,
            known_at: Cell::new(None),
            known: Cell::new(false),
        })
    }

    /// The answer of `find_out`, which is called again after a change. It must not change the dicts.
    #[inline(always)]
    pub fn get(&self, find_out: impl FnOnce() -> bool) -> bool {
        #[cfg(not(Py_3_12))]
        notice_changes();
        let now = self.is_watched.then(|| CHANGES.0.get());
        if now.is_some() && self.known_at.get() == now {
            return self.known.get();
        }
        self.find_out_again(now, find_out)
    }

    #[cold]
    fn find_out_again(&self, now: Option<u64>, find_out: impl FnOnce() -> bool) -> bool {
        let found = find_out();
        self.known_at.set(now);
        self.known.set(found);
        found
    }
}
