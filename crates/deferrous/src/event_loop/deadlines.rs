//! Values that wait for their time.

use std::fmt;

use super::wheel::{Entry, Wheel};

/// Entries that are no longer wanted are swept out when there are more of them than of others, and
/// than this.
const SWEEP: usize = 1024;

/// Values, each with a deadline: a number that says which of them comes first.
///
/// What the numbers mean is up to the reactor: nanoseconds since it was made, for example. They may
/// run backwards, as a clock that is set back does, which then costs as much as adding all values
/// anew. Adding, moving and removing take constant time.
///
/// ```
/// use deferrous::event_loop::Deadlines;
/// let mut deadlines = Deadlines::new();
/// let late = deadlines.insert(30, "late");
/// deadlines.insert(10, "soon");
/// deadlines.insert(20, "later");
/// deadlines.move_to(late, 15);
/// assert_eq!(deadlines.next_deadline(), Some(10));
/// let due: Vec<_> = std::iter::from_fn(|| deadlines.pop(15)).collect();
/// assert_eq!(due, ["soon", "late"]);
/// ```
pub struct Deadlines<T> {
    wheel: Wheel,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

/// The place of a value in [`Deadlines`]. It is of no use any more when the value has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    index: u32,
    generation: u64,
}

impl Key {
    /// The key of a value that was never kept.
    pub const NOWHERE: Key = Key {
        index: u32::MAX,
        generation: 0,
    };
}

struct Slot<T> {
    /// Counts the values that this slot has held, so that a key knows its own.
    generation: u64,
    /// Counts the deadlines that this slot has had. Sweeping keeps any entry from living through
    /// all of them.
    stamp: u32,
    deadline: u64,
    value: Option<T>,
}

impl<T> Deadlines<T> {
    /// There are no values yet.
    pub fn new() -> Self {
        Deadlines {
            wheel: Wheel::new(),
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a value. Those with the same deadline come in the order in which they were added.
    ///
    /// # Panics
    ///
    /// If there are 2^32 of them.
    pub fn insert(&mut self, deadline: u64, value: T) -> Key {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                stamp: 0,
                deadline: 0,
                value: None,
            });
            u32::try_from(self.slots.len() - 1).expect("there are at most 2^32 delayed calls")
        });
        let slot = &mut self.slots[index as usize];
        slot.deadline = deadline;
        slot.value = Some(value);
        let (generation, stamp) = (slot.generation, slot.stamp);
        self.wheel.add(Entry {
            deadline,
            index,
            stamp,
        });
        Key { index, generation }
    }

    fn slot(&self, key: Key) -> Option<&Slot<T>> {
        let slot = self.slots.get(key.index as usize)?;
        (slot.generation == key.generation).then_some(slot)
    }

    /// The deadline of a value, if it is still there.
    pub fn deadline(&self, key: Key) -> Option<u64> {
        Some(self.slot(key)?.deadline)
    }

    /// Takes a value out, if it is still there.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.wheel.mark_unwanted(self.slot(key)?.deadline);
        let value = self.take(key.index);
        self.sweep();
        value
    }

    /// Takes a value out. Its entry, if that is still in the wheel, is no longer wanted.
    fn take(&mut self, index: u32) -> Option<T> {
        let slot = &mut self.slots[index as usize];
        slot.generation += 1;
        slot.stamp = slot.stamp.wrapping_add(1);
        self.free.push(index);
        slot.value.take()
    }

    /// Gives a value another deadline, and says whether it was still there.
    pub fn move_to(&mut self, key: Key, deadline: u64) -> bool {
        if self.slot(key).is_none() {
            return false;
        }
        let slot = &mut self.slots[key.index as usize];
        self.wheel.mark_unwanted(slot.deadline);
        slot.stamp = slot.stamp.wrapping_add(1);
        slot.deadline = deadline;
        let stamp = slot.stamp;
        self.wheel.add(Entry {
            deadline,
            index: key.index,
            stamp,
        });
        self.sweep();
        true
    }

    fn sweep(&mut self) {
        if self.wheel.len() > 2 * self.len() + SWEEP {
            let slots = &self.slots;
            self.wheel
                .retain(|entry| slots[entry.index as usize].stamp == entry.stamp);
        }
    }

    /// The first deadline of all values, and `None` if there are none. Values that were removed or
    /// moved leave no deadline behind, so a loop that waits until this one is not woken for them.
    ///
    /// It takes constant time, and after a removal or a move, once, as long as looking through the
    /// values that come at about the same time.
    pub fn next_deadline(&mut self) -> Option<u64> {
        let slots = &self.slots;
        self.wheel
            .next_deadline(|entry| slots[entry.index as usize].stamp == entry.stamp)
    }

    /// Takes the first value out, if its deadline is not after `now`.
    pub fn pop(&mut self, now: u64) -> Option<T> {
        loop {
            let entry = self.wheel.pop(now)?;
            if self.slots[entry.index as usize].stamp == entry.stamp {
                return self.take(entry.index);
            }
        }
    }

    /// The values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.as_ref())
    }

    /// Takes all values out, in no order.
    pub fn clear(&mut self) -> Vec<T> {
        self.wheel.retain(|_| false);
        let taken = (0..self.slots.len()).filter_map(|index| {
            self.slots[index].value.as_ref()?;
            self.take(u32::try_from(index).ok()?)
        });
        taken.collect()
    }
}

impl<T> Default for Deadlines<T> {
    fn default() -> Self {
        Deadlines::new()
    }
}

impl<T> fmt::Debug for Deadlines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadlines")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
