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
    /// For each slot, counts the deadlines that it has had. Sweeping keeps any entry of the wheel from
    /// living through all of them.
    ///
    /// Apart from the slots, because each entry that comes out is compared with it, wanted or not, and a
    /// million slots are not in the processor's cache.
    stamps: Vec<u32>,
    /// Free slots before `fresh`. The last is used first.
    free: Vec<u32>,
    /// All slots from here on are free.
    fresh: u32,
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
    deadline: u64,
    value: Option<T>,
}

impl<T> Deadlines<T> {
    /// There are no values yet.
    pub fn new() -> Self {
        Deadlines {
            wheel: Wheel::new(),
            slots: Vec::new(),
            stamps: Vec::new(),
            free: Vec::new(),
            fresh: 0,
        }
    }

    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.fresh as usize - self.free.len()
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
        let index = self.free.pop().unwrap_or_else(|| self.take_fresh());
        let slot = &mut self.slots[index as usize];
        slot.deadline = deadline;
        slot.value = Some(value);
        let generation = slot.generation;
        self.wheel.add(Entry {
            deadline,
            index,
            stamp: self.stamps[index as usize],
        });
        Key { index, generation }
    }

    fn take_fresh(&mut self) -> u32 {
        let index = self.fresh;
        self.fresh = index
            .checked_add(1)
            .expect("there are at most 2^32 delayed calls");
        if index as usize == self.slots.len() {
            self.slots.push(Slot {
                generation: 0,
                deadline: 0,
                value: None,
            });
            self.stamps.push(0);
        }
        index
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
        let value = slot.value.take();
        self.expire(index);
        self.free.push(index);
        if self.is_empty() {
            // The next values are neighbours again, in the order in which they come.
            self.free.clear();
            self.fresh = 0;
        }
        value
    }

    /// Has the entry of this slot in the wheel be no longer wanted. Returns the stamp of the next one.
    fn expire(&mut self, index: u32) -> u32 {
        let stamp = &mut self.stamps[index as usize];
        *stamp = stamp.wrapping_add(1);
        *stamp
    }

    /// Gives a value another deadline, and says whether it was still there.
    pub fn move_to(&mut self, key: Key, deadline: u64) -> bool {
        if self.slot(key).is_none() {
            return false;
        }
        let slot = &mut self.slots[key.index as usize];
        self.wheel.mark_unwanted(slot.deadline);
        slot.deadline = deadline;
        let stamp = self.expire(key.index);
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
            let stamps = &self.stamps;
            self.wheel
                .retain(|entry| stamps[entry.index as usize] == entry.stamp);
        }
    }

    /// The first deadline of all values, and `None` if there are none. Values that were removed or
    /// moved leave no deadline behind, so a loop that waits until this one is not woken for them.
    ///
    /// It takes constant time, and after a removal or a move, once, as long as looking through the
    /// values that come at about the same time.
    pub fn next_deadline(&mut self) -> Option<u64> {
        let stamps = &self.stamps;
        self.wheel
            .next_deadline(|entry| stamps[entry.index as usize] == entry.stamp)
    }

    /// Takes the first value out, if its deadline is not after `now`.
    pub fn pop(&mut self, now: u64) -> Option<T> {
        loop {
            let entry = self.wheel.pop(now)?;
            if self.stamps[entry.index as usize] == entry.stamp {
                return self.take(entry.index);
            }
        }
    }

    /// The values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.as_ref())
    }

    /// Takes all values out, in no order, and gives back the memory that was kept for their deadlines.
    pub fn clear(&mut self) -> Vec<T> {
        self.wheel.clear();
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
