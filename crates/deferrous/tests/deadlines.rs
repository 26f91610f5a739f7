//! Values that wait for their time come out in order of it, whatever happens to them meanwhile.

#![cfg(feature = "reactor")]

mod reactor_support;

use deferrous::event_loop::{Deadlines, Key};
use proptest::{collection::vec, prelude::*, sample::Index};
use reactor_support::{
    alloc::{Counting, growth},
    scale,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What it should do, said with a sorted list.
#[derive(Default)]
struct Sorted(Vec<(u64, usize)>);

impl Sorted {
    fn insert(&mut self, deadline: u64, value: usize) {
        let at = self.0.partition_point(|entry| entry.0 <= deadline);
        self.0.insert(at, (deadline, value));
    }

    fn remove(&mut self, value: usize) -> Option<usize> {
        let at = self.0.iter().position(|entry| entry.1 == value)?;
        Some(self.0.remove(at).1)
    }

    fn pop(&mut self, now: u64) -> Option<usize> {
        (self.0.first()?.0 <= now).then(|| self.0.remove(0).1)
    }

    fn deadline(&self, value: usize) -> Option<u64> {
        Some(self.0.iter().find(|entry| entry.1 == value)?.0)
    }

    fn values(&self) -> Vec<usize> {
        let mut values: Vec<_> = self.0.iter().map(|entry| entry.1).collect();
        values.sort_unstable();
        values
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u64),
    Remove(Index),
    Move(Index, u64),
    /// Sets the time, back or forth, and takes out all that is due.
    At(u64),
    /// Takes out one value, if one is due now.
    Pop,
    Clear,
}

/// Times of all sizes, many of them the same.
fn times() -> impl Strategy<Value = u64> {
    prop_oneof![
        0_u64..16,
        0_u64..5_000,
        (any::<u64>(), 0_u32..64).prop_map(|(time, shift)| time >> shift),
        Just(u64::MAX),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        8 => times().prop_map(Op::Insert),
        4 => any::<Index>().prop_map(Op::Remove),
        6 => (any::<Index>(), times()).prop_map(|(which, time)| Op::Move(which, time)),
        2 => times().prop_map(Op::At),
        3 => Just(Op::Pop),
        1 => Just(Op::Clear),
    ];
    vec(op, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: scale::cases(300), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_do_what_a_sorted_list_does(ops in ops()) {
        let (mut deadlines, mut sorted) = (Deadlines::new(), Sorted::default());
        // Of all values that there ever were: keys of those that have gone are to do nothing.
        let mut keys: Vec<Key> = Vec::new();
        let mut now = 0;
        for op in ops {
            match op {
                Op::Insert(deadline) => {
                    let value = keys.len();
                    keys.push(deadlines.insert(deadline, value));
                    sorted.insert(deadline, value);
                }
                Op::Remove(_) | Op::Move(..) if keys.is_empty() => {}
                Op::Remove(which) => {
                    let value = which.index(keys.len());
                    prop_assert_eq!(deadlines.remove(keys[value]), sorted.remove(value));
                }
                Op::Move(which, deadline) => {
                    let value = which.index(keys.len());
                    let there = sorted.remove(value).is_some();
                    prop_assert_eq!(deadlines.move_to(keys[value], deadline), there);
                    if there {
                        sorted.insert(deadline, value);
                    }
                }
                Op::At(time) => {
                    now = time;
                    while let Some(value) = sorted.pop(now) {
                        prop_assert_eq!(deadlines.pop(now), Some(value));
                    }
                    prop_assert_eq!(deadlines.pop(now), None);
                }
                Op::Pop => prop_assert_eq!(deadlines.pop(now), sorted.pop(now)),
                Op::Clear => {
                    let mut taken = deadlines.clear();
                    taken.sort_unstable();
                    prop_assert_eq!(taken, sorted.values());
                    sorted.0.clear();
                    prop_assert_eq!(deadlines.next_deadline(), None);
                }
            }
            prop_assert_eq!(deadlines.len(), sorted.0.len());
            prop_assert_eq!(deadlines.is_empty(), sorted.0.is_empty());
            let mut values: Vec<_> = deadlines.iter().copied().collect();
            values.sort_unstable();
            prop_assert_eq!(values, sorted.values());
            prop_assert_eq!(deadlines.next_deadline(), sorted.0.first().map(|entry| entry.0));
        }
        for (value, key) in keys.into_iter().enumerate() {
            prop_assert_eq!(deadlines.deadline(key), sorted.deadline(value));
        }
    }

    #[test]
    fn the_next_deadline_is_exact_if_nothing_was_moved(
        steps in vec((times(), proptest::option::of(times())), 0..100)
    ) {
        let (mut deadlines, mut sorted) = (Deadlines::new(), Sorted::default());
        for (value, (deadline, now)) in steps.into_iter().enumerate() {
            deadlines.insert(deadline, value);
            sorted.insert(deadline, value);
            if let Some(now) = now {
                prop_assert_eq!(deadlines.pop(now), sorted.pop(now));
            }
            prop_assert_eq!(deadlines.next_deadline(), sorted.0.first().map(|entry| entry.0));
        }
    }
}

#[test]
fn values_that_were_removed_or_moved_leave_no_deadline_behind() {
    let mut deadlines = Deadlines::new();
    let keys: Vec<Key> = (0..1000_u64)
        .map(|n| deadlines.insert(1_000_000 * (n + 1), n))
        .collect();
    deadlines.insert(u64::MAX / 2, 1000);
    for (n, &key) in keys.iter().enumerate() {
        match n % 2 {
            0 => assert!(deadlines.remove(key).is_some()),
            _ => assert!(deadlines.move_to(key, u64::MAX)),
        }
        let next = if n < 999 {
            1_000_000 * (n as u64 + 2)
        } else {
            u64::MAX / 2
        };
        assert_eq!(deadlines.next_deadline(), Some(next));
        assert_eq!(deadlines.pop(1_000_000 * (n as u64 + 1)), None);
    }
}

#[test]
fn what_is_moved_very_often_is_swept_and_still_comes_once() {
    let mut deadlines = Deadlines::new();
    let keys: Vec<Key> = (0..10).map(|n| deadlines.insert(n, n)).collect();
    for time in 0..10_000 {
        for (n, &key) in keys.iter().enumerate() {
            assert!(deadlines.move_to(key, time % 97 + 100 * n as u64));
        }
    }
    let order: Vec<_> = std::iter::from_fn(|| deadlines.pop(u64::MAX)).collect();
    assert_eq!(order, Vec::from_iter(0..10));
    assert_eq!(deadlines.next_deadline(), None);
}

#[test]
fn a_key_of_nothing_finds_nothing() {
    let mut deadlines = Deadlines::default();
    let gone = deadlines.insert(1, "gone");
    assert_eq!(deadlines.pop(1), Some("gone"));
    let here = deadlines.insert(1, "here");
    for key in [Key::NOWHERE, gone] {
        assert_eq!(deadlines.remove(key), None);
        assert_eq!(deadlines.deadline(key), None);
        assert!(!deadlines.move_to(key, 2));
    }
    assert_eq!(deadlines.deadline(here), Some(1));
}

#[test]
fn old_keys_and_deadlines_do_not_reach_what_comes_when_all_was_gone() {
    let mut deadlines = Deadlines::new();
    let old = [deadlines.insert(1, "due"), deadlines.insert(20, "removed")];
    assert_eq!(deadlines.pop(1), Some("due"));
    assert_eq!(deadlines.remove(old[1]), Some("removed"));
    assert!(deadlines.is_empty());
    let new = [
        deadlines.insert(30, "first"),
        deadlines.insert(40, "second"),
    ];
    assert_eq!(old.map(|key| deadlines.remove(key)), [None, None]);
    assert_eq!(new.map(|key| deadlines.deadline(key)), [Some(30), Some(40)]);
    assert_eq!((deadlines.len(), deadlines.pop(29)), (2, None));
    assert_eq!(deadlines.pop(40), Some("first"));
    assert_eq!(deadlines.pop(40), Some("second"));
}

#[test]
fn cleared_deadlines_keep_no_memory_however_time_has_passed() {
    let mut deadlines = Deadlines::new();
    // The place of one value, which stays.
    deadlines.insert(0, ());
    assert_eq!(deadlines.clear(), [()]);
    let mut now = 0;
    for step in [1_u64, 1 << 12, 1 << 24, 1 << 36] {
        let (_, left) = growth(|| {
            for _ in 0..100 {
                now += step;
                deadlines.insert(now, ());
                assert_eq!(deadlines.pop(now), Some(()));
            }
            assert!(deadlines.clear().is_empty());
        });
        assert_eq!(left, 0, "after steps of {step} ns");
    }
}
