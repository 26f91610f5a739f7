//! Spinning for a short time before the system is asked to wait.

use std::{
    sync::{OnceLock, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::primitives::{AtomicU32, ONE_AT_A_TIME, spin_loop, yield_now};

/// How long to spin. To sleep and be woken from another processor costs each side more than that.
pub(super) const SPIN_WINDOW: Duration = Duration::from_micros(20);

/// How many looks there are between two at the clock.
const LOOKS: u32 = 32;

/// After so many misses in a row, the number of waits between two spins is no longer doubled.
const MOST_MISSES: u32 = 4;

/// Decides whether a wait begins with spinning: rarely after spins that ended without an event.
#[derive(Debug)]
pub(super) struct SpinWait {
    /// How many of the last spins ended without an event.
    misses: AtomicU32,
    /// How many of the next waits do not spin.
    skip: AtomicU32,
}

impl SpinWait {
    pub(super) fn new() -> Self {
        SpinWait {
            misses: AtomicU32::new(0),
            skip: AtomicU32::new(0),
        }
    }

    /// Whether the wait that begins now spins.
    pub(super) fn is_due(&self) -> bool {
        let skip = self.skip.load(Ordering::Relaxed);
        self.skip.store(skip.saturating_sub(1), Ordering::Relaxed);
        skip == 0
    }

    /// Spins until `is_ready` returns true, or the spin window is over. Returns how long that took.
    pub(super) fn until(&self, is_ready: impl Fn() -> bool) -> Duration {
        let since = Instant::now();
        let ready = if single_cpu() {
            // The other thread needs this processor.
            yield_now();
            is_ready()
        } else {
            spin(since, is_ready)
        };
        if ready {
            self.misses.store(0, Ordering::Relaxed);
        } else {
            let misses = self.misses.load(Ordering::Relaxed);
            self.skip.store(1 << misses, Ordering::Relaxed);
            self.misses
                .store((misses + 1).min(MOST_MISSES), Ordering::Relaxed);
        }
        since.elapsed()
    }
}

fn spin(since: Instant, is_ready: impl Fn() -> bool) -> bool {
    loop {
        for _ in 0..LOOKS {
            if is_ready() {
                return true;
            }
            spin_loop();
        }
        if since.elapsed() >= SPIN_WINDOW {
            return false;
        }
    }
}

/// Whether this process has one processor.
fn single_cpu() -> bool {
    static SINGLE_CPU: OnceLock<bool> = OnceLock::new();
    ONE_AT_A_TIME
        || *SINGLE_CPU
            .get_or_init(|| thread::available_parallelism().is_ok_and(|count| count.get() == 1))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Begins a wait whose event is there at the first look or not at all. Says whether there was a look.
    fn wait(spin_wait: &SpinWait, is_ready: bool) -> bool {
        let looked = Cell::new(false);
        if spin_wait.is_due() {
            spin_wait.until(|| {
                looked.set(true);
                is_ready
            });
        }
        looked.get()
    }

    /// How many waits do not spin before one does.
    fn skipped(spin_wait: &SpinWait, is_ready: bool) -> usize {
        (0..).take_while(|_| !wait(spin_wait, is_ready)).count()
    }

    #[test]
    fn each_wait_spins_while_none_has_missed() {
        let spin_wait = SpinWait::new();
        assert!((0..100).all(|_| wait(&spin_wait, true)));
    }

    #[test]
    fn spins_get_rare_after_misses_and_frequent_after_a_hit() {
        let spin_wait = SpinWait::new();
        let skips: Vec<_> = (0..8).map(|_| skipped(&spin_wait, false)).collect();
        assert_eq!(skips, [0, 1, 2, 4, 8, 16, 16, 16]);
        assert_eq!(skipped(&spin_wait, true), 16);
        assert_eq!(skipped(&spin_wait, false), 0);
        assert_eq!(skipped(&spin_wait, true), 1);
    }

    #[test]
    fn a_spin_ends_with_the_event_or_with_the_window() {
        let (spin_wait, looks) = (SpinWait::new(), Cell::new(0));
        spin_wait.until(|| {
            looks.set(looks.get() + 1);
            single_cpu() || looks.get() == 3
        });
        assert_eq!(looks.get(), if single_cpu() { 1 } else { 3 });
        assert!(single_cpu() || spin_wait.until(|| false) >= SPIN_WINDOW);
    }
}
