//! Deferreds that wait for their turn, in order.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::{Rc, Weak},
};

use crate::deferred::{Deferred, Trigger, deferred_with_canceller};

/// Waiting triggers by the number they drew, so that one that is cancelled is found quickly.
pub(super) struct Waiters<T>(Rc<RefCell<Drawn<T>>>);

struct Drawn<T> {
    next: u64,
    waiting: BTreeMap<u64, Trigger<T>>,
}

impl<T: 'static> Waiters<T> {
    pub(super) fn new() -> Self {
        Waiters(Rc::new(RefCell::new(Drawn {
            next: 0,
            waiting: BTreeMap::new(),
        })))
    }

    /// A Deferred at the end of the row. Cancelling it takes it out.
    pub(super) fn wait(&self) -> Deferred<T> {
        let mut drawn = self.0.borrow_mut();
        let number = drawn.next;
        drawn.next += 1;
        let row: Weak<RefCell<Drawn<T>>> = Rc::downgrade(&self.0);
        let (trigger, deferred) = deferred_with_canceller(move |_| {
            if let Some(row) = row.upgrade() {
                let left = row.borrow_mut().waiting.remove(&number);
                drop(left);
            }
        });
        drawn.waiting.insert(number, trigger);
        deferred
    }

    /// Takes the first in the row.
    pub(super) fn next(&self) -> Option<Trigger<T>> {
        let first = self.0.borrow_mut().waiting.pop_first();
        first.map(|(_, trigger)| trigger)
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().waiting.len()
    }
}
