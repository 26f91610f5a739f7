//! A queue whose first two entries need no allocation.

use std::{collections::VecDeque, mem};

use arrayvec::ArrayVec;

/// Most Deferreds have at most this many links at any moment.
const INLINE: usize = 2;

/// The size of the first allocation, made for the third entry.
const FIRST_CAPACITY: usize = 8;

/// First in, first out; the first two entries need no allocation.
pub(super) struct Queue<T>(Entries<T>);

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

impl<T> Queue<T> {
    /// Appends an entry. Inlined, so that the caller makes the entry where it is to be.
    #[inline(always)]
    pub(super) fn push(&mut self, entry: T) {
        if self.is_full() {
            self.grow();
        }
        match &mut self.0 {
            Entries::Few(few) => few.push(entry),
            Entries::Many(many) => many.push_back(entry),
        }
    }

    /// Takes the first entry.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        self.pop_if(|_| true)
    }

    /// Takes the first entry if it is as wanted.
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

    /// The entry that was pushed last.
    pub(super) fn last(&self) -> Option<&T> {
        match &self.0 {
            Entries::Few(few) => few.last(),
            Entries::Many(many) => many.back(),
        }
    }

    /// How many entries there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Entries::Few(few) => few.len(),
            Entries::Many(many) => many.len(),
        }
    }

    /// Whether there are none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
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
    fn grow(&mut self) {
        match &mut self.0 {
            Entries::Few(few) => {
                let mut many = VecDeque::with_capacity(FIRST_CAPACITY);
                many.extend(mem::take(few));
                self.0 = Entries::Many(many);
            }
            Entries::Many(many) => many.reserve(1),
        }
    }
}
