//! The links that have not run yet, and a queue whose first two entries need no allocation.

use std::{collections::VecDeque, mem};

use arrayvec::ArrayVec;

use super::Host;

/// One entry of the queue.
pub enum Entry<H: Host> {
    /// A callback/errback pair.
    Call(H::Link),
    /// A Deferred that waits for this one and takes its outcome.
    Resume(H::Cell),
}

/// The links of one Deferred that have not run yet, first in, first out.
///
/// [`Queue`] is one. A host brings its own where the links must also be something else, for
/// example a list that programs can see.
pub trait Links<H: Host>: Default {
    /// Appends an entry.
    fn push(&mut self, entry: Entry<H>);

    /// Takes the first entry.
    fn pop(&mut self) -> Option<Entry<H>>;

    /// Takes the first entry if it is an [`Entry::Call`].
    fn pop_link(&mut self) -> Option<H::Link>;

    /// The entry that was pushed last, where that can be told without taking it.
    fn last(&self) -> Option<&Entry<H>>;

    /// How many entries there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Most Deferreds have at most this many links at any moment.
const INLINE: usize = 2;

/// The size of the first allocation, made for the third entry.
const FIRST_CAPACITY: usize = 8;

/// First in, first out; the first two entries need no allocation.
pub struct Queue<T>(Entries<T>);

enum Entries<T> {
    Few(ArrayVec<T, INLINE>),
    Many(VecDeque<T>),
}

impl<T> Default for Queue<T> {
    #[inline(always)]
    fn default() -> Self {
        Queue(Entries::Few(ArrayVec::new_const()))
    }
}

impl<H: Host> Links<H> for Queue<Entry<H>> {
    #[inline(always)]
    fn push(&mut self, entry: Entry<H>) {
        self.append(entry);
    }

    #[inline]
    fn pop(&mut self) -> Option<Entry<H>> {
        self.pop_if(|_| true)
    }

    #[inline(always)]
    fn pop_link(&mut self) -> Option<H::Link> {
        match self.pop_if(|entry| matches!(entry, Entry::Call(_)))? {
            Entry::Call(link) => Some(link),
            Entry::Resume(_) => None,
        }
    }

    fn last(&self) -> Option<&Entry<H>> {
        match &self.0 {
            Entries::Few(few) => few.last(),
            Entries::Many(many) => many.back(),
        }
    }

    #[inline]
    fn len(&self) -> usize {
        match &self.0 {
            Entries::Few(few) => few.len(),
            Entries::Many(many) => many.len(),
        }
    }
}

impl<T> Queue<T> {
    /// The entries, first to last.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let (few, many) = match &self.0 {
            Entries::Few(few) => (few.as_slice(), None),
            Entries::Many(many) => (&[] as &[T], Some(many)),
        };
        few.iter().chain(many.into_iter().flatten())
    }

    /// Puts an item before all others.
    pub fn push_front(&mut self, item: T) {
        if self.is_full() {
            self.make_room();
        }
        match &mut self.0 {
            Entries::Few(few) => few.insert(0, item),
            Entries::Many(many) => many.push_front(item),
        }
    }

    /// Inlined, so that the caller makes the item where it is to be.
    #[inline(always)]
    fn append(&mut self, item: T) {
        if self.is_full() {
            self.make_room();
        }
        match &mut self.0 {
            Entries::Few(few) => few.push(item),
            Entries::Many(many) => many.push_back(item),
        }
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        match &self.0 {
            Entries::Few(few) => few.is_full(),
            Entries::Many(many) => many.len() == many.capacity(),
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        match &mut self.0 {
            Entries::Few(few) => {
                let mut many = VecDeque::with_capacity(FIRST_CAPACITY);
                many.extend(mem::take(few));
                self.0 = Entries::Many(many);
            }
            Entries::Many(many) => many.reserve(1),
        }
    }

    /// Takes the first one if it is as wanted.
    #[inline(always)]
    pub(super) fn pop_if(&mut self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        match &mut self.0 {
            Entries::Few(few) => match few.first() {
                Some(first) if wanted(first) => few.pop_at(0),
                _ => None,
            },
            Entries::Many(many) => match many.front() {
                Some(first) if wanted(first) => many.pop_front(),
                _ => None,
            },
        }
    }
}
