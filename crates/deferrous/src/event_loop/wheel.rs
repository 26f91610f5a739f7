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
    /// One bit for each slot that may have entries that are not wanted any more.
    dirty: u64,
    /// One bit for each slot whose earliest deadline may be that of such an entry.
    stale: u64,
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
        Wheel {
            levels: std::iter::repeat_with(Level::new).take(LEVELS).collect(),
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
            (level.occupied, level.dirty, level.stale) = (0, 0, 0);
            for slot in &mut level.slots {
                slot.earliest = u64::MAX;
                entries.append(&mut slot.entries);
            }
        }
        self.at = to;
        for entry in entries {
            self.place_dirty(entry);
        }
    }

    /// The level and the slot of a deadline, where its entry stays until that slot is reached.
    #[inline]
    fn position(&self, deadline: u64) -> (usize, usize) {
        let differs = (deadline ^ self.at) | 1;
        let level = ((u64::BITS - 1 - differs.leading_zeros()) / DIGIT_BITS) as usize;
        let digit = (deadline >> (level as u32 * DIGIT_BITS)) as usize % SLOTS;
        (level, digit)
    }

    /// Places an entry that may not be wanted any more.
    fn place_dirty(&mut self, entry: Entry) {
        let (level, digit) = self.position(entry.deadline);
        self.place(entry);
        self.levels[level].dirty |= 1 << digit;
        self.levels[level].stale |= 1 << digit;
    }

    /// Notes that an entry with this deadline, which has not come out, is not wanted any more.
    #[inline]
    pub(super) fn mark_unwanted(&mut self, deadline: u64) {
        debug_assert!(deadline >= self.at, "it has come out");
        let (level, digit) = self.position(deadline);
        let level = &mut self.levels[level];
        level.dirty |= 1 << digit;
        if level.slots[digit].earliest == deadline {
            level.stale |= 1 << digit;
        }
    }

    #[inline]
    fn place(&mut self, entry: Entry) {
        let (level, digit) = self.position(entry.deadline);
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

    /// The deadline of the first entry that is wanted. Drops those that come before it.
    pub(super) fn next_deadline(&mut self, wanted: impl Fn(&Entry) -> bool) -> Option<u64> {
        while let Some(entry) = self.due.front() {
            if wanted(entry) {
                return Some(self.at);
            }
            self.due.pop_front();
            self.len -= 1;
        }
        loop {
            let (level, digit) = self.first()?;
            let level = &mut self.levels[level];
            if level.stale >> digit & 1 == 1 {
                self.len -= level.clean(digit, &wanted);
            }
            if level.occupied >> digit & 1 == 1 {
                return Some(level.slots[digit].earliest);
            }
        }
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
            let dirty = self.levels[level].dirty >> digit & 1 == 1;
            self.levels[level].forget(digit);
            for entry in entries.drain(..) {
                if entry.deadline == self.at {
                    self.due.push_back(entry);
                } else if dirty {
                    self.place_dirty(entry);
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
            for digit in 0..SLOTS {
                level.clean(digit, &mut wanted);
                self.len += level.slots[digit].entries.len();
            }
        }
    }

    /// Drops all entries, and the room that slots keep for the next ones. How many slots keep some
    /// depends on the times at which entries came out.
    pub(super) fn clear(&mut self) {
        self.levels.fill_with(Level::new);
        self.due = VecDeque::new();
        self.len = 0;
    }
}

impl Level {
    fn new() -> Self {
        let slot = |_| Slot {
            entries: Vec::new(),
            earliest: u64::MAX,
        };
        Level {
            slots: std::array::from_fn(slot),
            occupied: 0,
            dirty: 0,
            stale: 0,
        }
    }

    /// Drops the entries of a slot that are not wanted any more, and returns how many there were.
    fn clean(&mut self, digit: usize, wanted: impl FnMut(&Entry) -> bool) -> usize {
        let slot = &mut self.slots[digit];
        let before = slot.entries.len();
        slot.entries.retain(wanted);
        slot.entries.shrink_to(SLOTS.max(slot.entries.len()));
        let earliest = slot.entries.iter().map(|entry| entry.deadline).min();
        slot.earliest = earliest.unwrap_or(u64::MAX);
        let left = slot.entries.len();
        self.dirty &= !(1 << digit);
        self.stale &= !(1 << digit);
        if left == 0 {
            self.occupied &= !(1 << digit);
        }
        before - left
    }

    /// Notes that a slot has no entries.
    fn forget(&mut self, digit: usize) {
        self.occupied &= !(1 << digit);
        self.dirty &= !(1 << digit);
        self.stale &= !(1 << digit);
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
                let next = wheel.next_deadline(|_| true);
                prop_assert_eq!(next, sorted.0.first().map(|e| e.deadline));
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
