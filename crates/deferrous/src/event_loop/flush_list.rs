//! What has something to send, or to tell the poller, before the loop waits.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

/// A list that a loop works off once a turn, before it waits.
///
/// Sending there, and not where a program writes, joins what was written in a turn into one call of the
/// system. Whoever puts something on it asks [`Watched::list`](super::Watched::list) first, so that nothing
/// is on it twice.
///
/// ```
/// use deferrous::event_loop::FlushList;
/// let list = FlushList::new();
/// list.add("first");
/// list.work_off(|item| if item == "first" { list.add("for the next turn") });
/// assert!(!list.is_empty());
/// ```
pub struct FlushList<T> {
    items: RefCell<Vec<T>>,
    /// The memory of the list that was worked off last.
    spare: Cell<Vec<T>>,
}

impl<T> FlushList<T> {
    /// Nothing is on it.
    pub const fn new() -> Self {
        FlushList {
            items: RefCell::new(Vec::new()),
            spare: Cell::new(Vec::new()),
        }
    }

    /// Whether nothing is on it.
    pub fn is_empty(&self) -> bool {
        self.items.borrow().is_empty()
    }

    /// Puts `item` on the list.
    pub fn add(&self, item: T) {
        self.items.borrow_mut().push(item);
    }

    /// Takes all items off the list, and calls `flush` with each. What is added meanwhile stays for the next
    /// time.
    pub fn work_off(&self, flush: impl FnMut(T)) {
        if self.is_empty() {
            return;
        }
        let mut items = self.items.replace(self.spare.take());
        items.drain(..).for_each(flush);
        self.spare.set(items);
    }
}

impl<T> Default for FlushList<T> {
    fn default() -> Self {
        FlushList::new()
    }
}

impl<T> fmt::Debug for FlushList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlushList")
            .field("len", &self.items.borrow().len())
            .finish_non_exhaustive()
    }
}
