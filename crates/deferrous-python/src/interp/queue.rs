//! A queue in an object that user code can reach: first in, first out.
//!
//! As a [`Slot`](super::Slot), it lends no reference. Items go in and come out, or are copied.

use std::{collections::VecDeque, mem};

use arrayvec::ArrayVec;
use pyo3::{PyTraverseError, PyVisit, Python};

use super::{
    field::Field,
    kept::{Counted, Kept, Traverse, give, keep},
};

/// How many items need no allocation.
const INLINE: usize = 4;
/// The size of the first allocation.
const FIRST_CAPACITY: usize = 12;

enum Items<T> {
    Few(ArrayVec<T, INLINE>),
    Many(VecDeque<T>),
}

/// The queue.
pub struct Queue<T>(Field<Items<T>>);

// SAFETY: every access needs the token of the interpreter, or is made by its collector or at the object's end, and the
// interpreter's lock lets one thread at a time have it.
unsafe impl<T: Kept> Sync for Queue<T> {}
// SAFETY: items come out only with the token, and end only on a thread that is attached.
unsafe impl<T: Kept> Send for Queue<T> {}

impl<T: Kept> Queue<T> {
    /// An empty queue.
    #[inline(always)]
    pub const fn new() -> Self {
        Queue(Field::new(Items::Few(ArrayVec::new_const())))
    }

    /// Appends an item.
    #[inline(always)]
    pub fn push<'py>(&self, _py: Python<'py>, item: T::At<'py>) {
        let item = keep::<T>(item);
        self.0.access(|items| match items {
            Items::Few(few) if !few.is_full() => few.push(item),
            items => items.spill().push_back(item),
        });
    }

    /// Puts an item before all others.
    pub fn push_front<'py>(&self, _py: Python<'py>, item: T::At<'py>) {
        let item = keep::<T>(item);
        self.0.access(|items| match items {
            Items::Few(few) if !few.is_full() => few.insert(0, item),
            items => items.spill().push_front(item),
        });
    }

    /// Takes the first item.
    #[inline(always)]
    pub fn pop<'py>(&self, py: Python<'py>) -> Option<T::At<'py>> {
        let first: Option<T> = self.0.access(|items| match items {
            Items::Few(few) => few.pop_at(0),
            Items::Many(many) => many.pop_front(),
        });
        first.map(|item| give(py, item))
    }

    /// How many items there are.
    #[inline(always)]
    pub fn len(&self, _py: Python<'_>) -> usize {
        self.0.access(|items| match items {
            Items::Few(few) => few.len(),
            Items::Many(many) => many.len(),
        })
    }

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(&self, py: Python<'_>) -> bool {
        self.len(py) == 0
    }

    /// Takes all items. Drop them when everything is in order.
    pub fn take(&self, _py: Python<'_>) -> impl Sized + use<T> {
        self.0
            .access(|items| mem::replace(items, Items::Few(ArrayVec::new_const())))
    }

    /// A copy of all items.
    pub fn snapshot<'py>(&self, py: Python<'py>) -> Vec<T::At<'py>>
    where
        T: Counted,
    {
        let copies: Vec<T> = self.0.access(|items| match items {
            Items::Few(few) => few.to_vec(),
            Items::Many(many) => many.iter().cloned().collect(),
        });
        copies.into_iter().map(|item| give(py, item)).collect()
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

impl<T: Kept + Traverse> Queue<T> {
    /// Shows the collector every item.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.access(|items| match items {
            Items::Few(few) => few.iter().try_for_each(|item| item.traverse(visit)),
            Items::Many(many) => many.iter().try_for_each(|item| item.traverse(visit)),
        })
    }
}
