//! Deferreds that wait for their turn, in order.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::{Rc, Weak},
};

use crate::deferred::{Deferred, Trigger, deferred_with_canceller};

/// Waiting triggers by number, so that a cancelled one is found quickly.
pub(super) struct Waiters<T>(Rc<RefCell<Numbered<T>>>);

struct Numbered<T> {
    next: u64,
    waiting: BTreeMap<u64, Trigger<T>>,
}

impl<T: 'static> Waiters<T> {
    pub(super) fn new() -> Self {
        Waiters(Rc::new(RefCell::new(Numbered {
            next: 0,
            waiting: BTreeMap::new(),
        })))
    }

    /// A Deferred at the end of the queue. Cancelling it takes it out.
    pub(super) fn wait(&self) -> Deferred<T> {
        let mut queue = self.0.borrow_mut();
        let number = queue.next;
        queue.next += 1;
        let weak: Weak<RefCell<Numbered<T>>> = Rc::downgrade(&self.0);
        let (trigger, deferred) = deferred_with_canceller(move |_| {
            if let Some(queue) = weak.upgrade() {
                let removed = queue.borrow_mut().waiting.remove(&number);
                drop(removed);
            }
        });
        queue.waiting.insert(number, trigger);
        deferred
    }

    /// Takes the first in the queue.
    pub(super) fn next(&self) -> Option<Trigger<T>> {
        let first = self.0.borrow_mut().waiting.pop_first();
        first.map(|(_, trigger)| trigger)
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().waiting.len()
    }
}
