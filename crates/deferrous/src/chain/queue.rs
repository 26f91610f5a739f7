//! A queue whose first two entries need no allocation.

use std::collections::VecDeque;

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

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        match self {
            Queue::Few(few) => {
                if let Err(full) = few.try_push(item) {
                    let mut many = VecDeque::with_capacity(FIRST_CAPACITY);
                    many.extend(few.drain(..));
                    many.push_back(full.element());
                    *self = Queue::Many(many);
                }
            }
            Queue::Many(many) => many.push_back(item),
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        match self {
            Queue::Few(few) => few.pop_at(0),
            Queue::Many(many) => many.pop_front(),
        }
    }

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
