//! Deferreds that wait for their turn, in order.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::{Rc, Weak},
};

use crate::{
    deferred::{Deferred, Trigger, deferred_with_canceller},
    inspect,
};

/// Waiting triggers by number, so that a cancelled one is found quickly.
pub(super) struct Waiters<T> {
    queue: Rc<RefCell<Numbered<T>>>,
    /// The lock, semaphore or queue that they wait at.
    primitive: inspect::Entry,
}

struct Numbered<T> {
    next: u64,
    waiting: BTreeMap<u64, Trigger<T>>,
}

impl<T: 'static> Waiters<T> {
    /// Nobody waits yet at a lock, semaphore or queue of that name.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn new(name: &'static str) -> Self {
        Waiters {
            queue: Rc::new(RefCell::new(Numbered {
                next: 0,
                waiting: BTreeMap::new(),
            })),
            primitive: inspect::Entry::primitive::<T>(name),
        }
    }

    /// The number under which what they wait at is inspected.
    pub(super) fn inspected(&self) -> inspect::Id {
        self.primitive.id()
    }

    /// A Deferred at the end of the queue. Cancelling it takes it out.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn wait(&self) -> Deferred<T> {
        let mut queue = self.queue.borrow_mut();
        let number = queue.next;
        queue.next += 1;
        let weak: Weak<RefCell<Numbered<T>>> = Rc::downgrade(&self.queue);
        let (trigger, deferred) = deferred_with_canceller(move |_| {
            if let Some(queue) = weak.upgrade() {
                let removed = queue.borrow_mut().waiting.remove(&number);
                drop(removed);
            }
        });
        deferred.inspected().waits_for(self.inspected());
        queue.waiting.insert(number, trigger);
        deferred
    }

    /// Takes the first in the queue.
    pub(super) fn next(&self) -> Option<Trigger<T>> {
        let first = self.queue.borrow_mut().waiting.pop_first();
        first.map(|(_, trigger)| trigger)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.borrow().waiting.len()
    }
}
