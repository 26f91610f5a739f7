//! Deadlines in order: a hierarchical timing wheel that keeps them exact.
//!
//! A deadline is a number of nanoseconds. Seen as eleven digits of six bits, it belongs to the
//! level of the highest digit in which it differs from the time that the wheel stands at, and there
//! to the slot of that digit. So all of a lower level is due before any of a higher one, and within
//! a level slots are due in order. When the lowest slot is reached, the wheel moves to its earliest
//! deadline, and what was in it spreads over the levels below, where it fits more finely. Adding
//! takes constant time, and an entry moves down at most ten times.
//!
//! Entries with the same deadline are always in the same slot and keep the order in which they were
//! added.
//!
//! A time that can be set back, as that of the wall clock, may bring a deadline before the time that
//! the wheel stands at. It is then turned back to that deadline, which takes as long as adding all
//! entries anew.

use std::collections::VecDeque;

const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;

/// A deadline, and whose it is. The wheel does not know whether it is still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) deadline: u64,
    pub(super) index: u32,
    /// Tells the current deadline of `index` from earlier ones.
    pub(super) stamp: u32,
}

struct Slot {
    entries: Vec<Entry>,
    /// No deadline in the slot is before this.
    earliest: u64,
}

struct Level {
    slots: [Slot; SLOTS],
    /// One bit for each slot with entries.
    occupied: u64,
}

pub(super) struct Wheel {
    levels: Vec<Level>,
    /// No deadline in the wheel is before this.
    at: u64,
    /// Entries whose deadline is `at`, which have left the wheel.
    due: VecDeque<Entry>,
    len: usize,
}

impl Wheel {
    pub(super) fn new() -> Self {
        let slot = || Slot {
            entries: Vec::new(),
            earliest: u64::MAX,
        };
        let level = || Level {
            slots: std::array::from_fn(|_| slot()),
            occupied: 0,
        };
        Wheel {
            levels: std::iter::repeat_with(level).take(LEVELS).collect(),
            at: 0,
            due: VecDeque::new(),
            len: 0,
        }
    }

    /// How many entries there are, wanted or not.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn add(&mut self, entry: Entry) {
        if entry.deadline < self.at {
            self.turn_back(entry.deadline);
        }
        self.len += 1;
        self.place(entry);
    }

    #[cold]
    fn turn_back(&mut self, to: u64) {
        // Those that have left the wheel were there before others of the same deadline.
        let mut entries: Vec<Entry> = self.due.drain(..).collect();
        for level in &mut self.levels {
            level.occupied = 0;
            for slot in &mut level.slots {
                slot.earliest = u64::MAX;
                entries.append(&mut slot.entries);
            }
        }
        self.at = to;
        for entry in entries {
            self.place(entry);
        }
    }

    #[inline]
    fn place(&mut self, entry: Entry) {
        let differs = (entry.deadline ^ self.at) | 1;
        let level = ((u64::BITS - 1 - differs.leading_zeros()) / DIGIT_BITS) as usize;
        let digit = (entry.deadline >> (level as u32 * DIGIT_BITS)) as usize % SLOTS;
        let level = &mut self.levels[level];
        let slot = &mut level.slots[digit];
        slot.entries.push(entry);
        slot.earliest = slot.earliest.min(entry.deadline);
        level.occupied |= 1 << digit;
    }

    /// The level and slot of what is due first.
    fn first(&self) -> Option<(usize, usize)> {
        self.levels.iter().enumerate().find_map(|(n, level)| {
            (level.occupied != 0).then(|| (n, level.occupied.trailing_zeros() as usize))
        })
    }

    /// A time before which nothing is due, exact unless entries that are no longer wanted come
    /// first.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        if !self.due.is_empty() {
            return Some(self.at);
        }
        let (level, slot) = self.first()?;
        Some(self.levels[level].slots[slot].earliest)
    }

    /// Takes the first entry that is due at `now`.
    pub(super) fn pop(&mut self, now: u64) -> Option<Entry> {
        loop {
            // What has left the wheel is due no more if the time was set back since.
            if self.at <= now
                && let Some(entry) = self.due.pop_front()
            {
                self.len -= 1;
                return Some(entry);
            }
            let (level, digit) = self.first()?;
            let slot = &mut self.levels[level].slots[digit];
            if slot.earliest > now {
                return None;
            }
            self.at = slot.earliest;
            slot.earliest = u64::MAX;
            let mut entries = std::mem::take(&mut slot.entries);
            self.levels[level].occupied &= !(1 << digit);
            for entry in entries.drain(..) {
                if entry.deadline == self.at {
                    self.due.push_back(entry);
                } else {
                    self.place(entry);
                }
            }
            // The room is kept for the next round, unless there is too much of it to keep.
            if entries.capacity() <= SLOTS {
                self.levels[level].slots[digit].entries = entries;
            }
        }
    }

    /// Drops the entries that are not wanted any more.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(&Entry) -> bool) {
        self.due.retain(&mut wanted);
        self.len = self.due.len();
        for level in &mut self.levels {
            for (digit, slot) in level.slots.iter_mut().enumerate() {
                slot.entries.retain(&mut wanted);
                slot.entries.shrink_to(SLOTS.max(slot.entries.len()));
                self.len += slot.entries.len();
                let earliest = slot.entries.iter().map(|entry| entry.deadline).min();
                slot.earliest = earliest.unwrap_or(u64::MAX);
                if earliest.is_none() {
                    level.occupied &= !(1 << digit);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::{Entry, Wheel};

    /// What a wheel should do, said with a sorted list.
    #[derive(Default)]
    struct Sorted(Vec<Entry>);

    impl Sorted {
        fn add(&mut self, entry: Entry) {
            let at = self.0.partition_point(|e| e.deadline <= entry.deadline);
            self.0.insert(at, entry);
        }

        fn pop(&mut self, now: u64) -> Option<Entry> {
            (self.0.first()?.deadline <= now).then(|| self.0.remove(0))
        }
    }

    proptest! {
        #[test]
        fn entries_come_out_in_order_of_deadline_then_of_adding(
            steps in vec(
                (vec((any::<u64>(), 0_u32..64), 0..20), any::<u64>(), 0_u32..64, any::<u64>()),
                1..30,
            )
        ) {
            let (mut wheel, mut sorted) = (Wheel::new(), Sorted::default());
            let (mut now, mut index) = (0_u64, 0);
            for (delays, pass, pass_shift, back) in steps {
                for (delay, shift) in delays {
                    let deadline = now.saturating_add(delay >> shift);
                    let entry = Entry { deadline, index, stamp: 0 };
                    wheel.add(entry);
                    sorted.add(entry);
                    index += 1;
                }
                prop_assert_eq!(wheel.next_deadline(), sorted.0.first().map(|e| e.deadline));
                now = now.saturating_add(pass >> pass_shift);
                loop {
                    let (left, right) = (wheel.pop(now), sorted.pop(now));
                    prop_assert_eq!(left, right);
                    if left.is_none() {
                        break;
                    }
                }
                wheel.retain(|entry| entry.index % 3 != 0);
                sorted.0.retain(|entry| entry.index % 3 != 0);
                prop_assert_eq!(wheel.len(), sorted.0.len());
                if back % 4 == 0 {
                    now -= now.min(back);
                }
            }
        }
    }
}
