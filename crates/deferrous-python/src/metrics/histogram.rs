//! How often a duration was how long.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The upper bounds of the buckets, in nanoseconds. The last bucket has none.
pub const BOUNDS: [u64; 15] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
];

/// Counts of durations. One thread at a time counts; any may read.
pub struct Histogram {
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// The sum of all, in nanoseconds.
    sum: AtomicU64,
}

/// The counts of a [`Histogram`] at one moment.
#[derive(Clone, Copy)]
pub struct Counted {
    /// How many were at most as long as each of the [`BOUNDS`], and longer than the one before.
    pub counts: [u64; BOUNDS.len() + 1],
    /// The sum of all, in nanoseconds.
    pub sum: u64,
}

impl Histogram {
    /// Nothing has been counted.
    pub const fn new() -> Self {
        Histogram {
            counts: [const { AtomicU64::new(0) }; BOUNDS.len() + 1],
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a duration in nanoseconds.
    pub fn count(&self, nanos: u64) {
        let bucket = BOUNDS.partition_point(|&bound| bound < nanos);
        add(&self.counts[bucket], 1);
        add(&self.sum, nanos);
    }

    /// The counts at this moment. The sum may lack the duration that is counted last.
    pub fn read(&self) -> Counted {
        Counted {
            // Relaxed: each number stands alone.
            counts: std::array::from_fn(|bucket| self.counts[bucket].load(Relaxed)),
            sum: self.sum.load(Relaxed),
        }
    }
}

/// Adds to a number that one thread at a time writes, without locking the bus.
pub fn add(total: &AtomicU64, more: u64) {
    // Relaxed: it stands alone, and its only writer reads what it has written.
    total.store(total.load(Relaxed).wrapping_add(more), Relaxed);
}
