//! A queue whose first two entries need no allocation.

use std::{collections::VecDeque, mem};

use arrayvec::ArrayVec;

/// Most Deferreds have at most this many links at any moment.
const INLINE: usize = 2;

/// The size of the first allocation, made for the third entry.
const FIRST_CAPACITY: usize = 8;

/// First in, first out.
pub(super) enum Queue<T> {
    Few(ArrayVec<T, INLINE>),
    Many(VecDeque<T>),
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Queue::Few(ArrayVec::new_const())
    }

    /// Inlined, so that the caller makes the item where it is to be.
    #[inline(always)]
    pub(super) fn push(&mut self, item: T) {
        if self.is_full() {
            self.make_room();
        }
        match self {
            Queue::Few(few) => few.push(item),
            Queue::Many(many) => many.push_back(item),
        }
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        match self {
            Queue::Few(few) => few.is_full(),
            Queue::Many(many) => many.len() == many.capacity(),
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        match self {
            Queue::Few(few) => {
                let mut many = VecDeque::with_capacity(FIRST_CAPACITY);
                many.extend(mem::take(few));
                *self = Queue::Many(many);
            }
            Queue::Many(many) => many.reserve(1),
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        self.pop_if(|_| true)
    }

    /// Takes the first one if it is as wanted.
    #[inline(always)]
    pub(super) fn pop_if(&mut self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        match self {
            Queue::Few(few) => match few.first() {
                Some(first) if wanted(first) => few.pop_at(0),
                _ => None,
            },
            Queue::Many(many) => match many.front() {
                Some(first) if wanted(first) => many.pop_front(),
                _ => None,
            },
        }
    }

    /// The one that was pushed last.
    pub(super) fn last(&self) -> Option<&T> {
        match self {
            Queue::Few(few) => few.last(),
            Queue::Many(many) => many.back(),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Queue::Few(few) => few.len(),
            Queue::Many(many) => many.len(),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
