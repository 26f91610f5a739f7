//! A queue in an object that user code can reach: first in, first out.
//!
//! As a [`Field`](super::Field), it lends no reference. Items go in and come out, or are copied.

use std::{cell::UnsafeCell, collections::VecDeque, mem};

use arrayvec::ArrayVec;

use super::{Traverse, Visitor};

/// How many items need no allocation.
const INLINE: usize = 4;
/// The size of the first allocation.
const FIRST_CAPACITY: usize = 12;

enum Items<T> {
    Few(ArrayVec<T, INLINE>),
    Many(VecDeque<T>),
}

/// The queue. It stays on one thread, as it is not `Sync`.
pub struct Queue<T>(UnsafeCell<Items<T>>);

impl<T> Queue<T> {
    /// An empty queue.
    #[inline(always)]
    pub const fn new() -> Self {
        Queue(UnsafeCell::new(Items::Few(ArrayVec::new_const())))
    }

    /// Runs `body` on the items.
    #[inline(always)]
    fn access<R>(&self, body: impl FnOnce(&mut Items<T>) -> R) -> R {
        // SAFETY: this is private, and the bodies below only move items in memory, compare pointers or take new
        // references: none runs other code, and none gets here again.
        body(unsafe { &mut *self.0.get() })
    }

    /// Appends an item.
    #[inline(always)]
    pub fn push(&self, item: T) {
        self.access(|items| match items {
            Items::Few(few) if !few.is_full() => few.push(item),
            items => items.spill().push_back(item),
        });
    }

    /// Puts an item before all others.
    pub fn push_front(&self, item: T) {
        self.access(|items| match items {
            Items::Few(few) if !few.is_full() => few.insert(0, item),
            items => items.spill().push_front(item),
        });
    }

    /// Takes the first item.
    #[inline(always)]
    pub fn pop(&self) -> Option<T> {
        self.access(|items| match items {
            Items::Few(few) => few.pop_at(0),
            Items::Many(many) => many.pop_front(),
        })
    }

    /// How many items there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.access(|items| match items {
            Items::Few(few) => few.len(),
            Items::Many(many) => many.len(),
        })
    }

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all items.
    pub fn take(&self) -> Vec<T> {
        match self.access(|items| mem::replace(items, Items::Few(ArrayVec::new_const()))) {
            Items::Few(few) => few.into_iter().collect(),
            Items::Many(many) => many.into(),
        }
    }
}

impl<T> Items<T> {
    /// The items in a deque, so that there is space for more.
    #[cold]
    #[inline(never)]
    fn spill(&mut self) -> &mut VecDeque<T> {
        if let Items::Few(few) = self {
            let mut many = VecDeque::with_capacity(FIRST_CAPACITY);
            many.extend(mem::take(few));
            *self = Items::Many(many);
        }
        match self {
            Items::Many(many) => many,
            Items::Few(_) => unreachable!("the items have just been moved"),
        }
    }
}

impl<T: Clone> Queue<T> {
    /// A copy of all items. `T::clone` may only take new references.
    pub fn snapshot(&self) -> Vec<T> {
        self.access(|items| match items {
            Items::Few(few) => few.to_vec(),
            Items::Many(many) => many.iter().cloned().collect(),
        })
    }
}

impl<T: Traverse> Traverse for Queue<T> {
    fn traverse(&self, visitor: &mut Visitor) {
        self.access(|items| match items {
            Items::Few(few) => few.iter().for_each(|item| item.traverse(visitor)),
            Items::Many(many) => many.iter().for_each(|item| item.traverse(visitor)),
        });
    }
}
