//! Waiting a moment for what comes soon, before the system is asked to wait.

use std::{
    hint,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a moment is. To sleep and be woken from another processor costs each side more than that.
pub(super) const MOMENT: Duration = Duration::from_micros(20);

/// How many looks there are between two at the clock.
const LOOKS: u32 = 32;

/// After so many vain moments in a row, the waits between two tries are no longer doubled.
const MOST_VAIN: u32 = 4;

/// Whether a wait begins with a moment of looking: not after moments that were in vain.
#[derive(Debug)]
pub(super) struct Linger {
    /// How many of the last moments were in vain.
    vain: AtomicU32,
    /// How many of the next waits do without a moment.
    skip: AtomicU32,
}

impl Linger {
    pub(super) const fn new() -> Self {
        Linger {
            vain: AtomicU32::new(0),
            skip: AtomicU32::new(0),
        }
    }

    /// Whether the wait that begins now has a moment.
    pub(super) fn is_due(&self) -> bool {
        let skip = self.skip.load(Ordering::Relaxed);
        self.skip.store(skip.saturating_sub(1), Ordering::Relaxed);
        skip == 0
    }

    /// Looks whether `come` is true, until it is, or the moment is over. Returns how long that took.
    pub(super) fn until(&self, come: impl Fn() -> bool) -> Duration {
        let since = Instant::now();
        let has_come = if alone() {
            // Who is waited for needs this processor.
            thread::yield_now();
            come()
        } else {
            looks(since, come)
        };
        if has_come {
            self.vain.store(0, Ordering::Relaxed);
        } else {
            let vain = self.vain.load(Ordering::Relaxed);
            self.skip.store(1 << vain, Ordering::Relaxed);
            self.vain
                .store((vain + 1).min(MOST_VAIN), Ordering::Relaxed);
        }
        since.elapsed()
    }
}

fn looks(since: Instant, come: impl Fn() -> bool) -> bool {
    loop {
        for _ in 0..LOOKS {
            if come() {
                return true;
            }
            hint::spin_loop();
        }
        if since.elapsed() >= MOMENT {
            return false;
        }
    }
}

/// Whether this process has one processor.
fn alone() -> bool {
    static ALONE: OnceLock<bool> = OnceLock::new();
    *ALONE.get_or_init(|| thread::available_parallelism().is_ok_and(|many| many.get() == 1))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Begins a wait, in which what comes is there at the first look or not at all. Says whether there was a
    /// look.
    fn wait(linger: &Linger, comes: bool) -> bool {
        let looked = Cell::new(false);
        if linger.is_due() {
            linger.until(|| {
                looked.set(true);
                comes
            });
        }
        looked.get()
    }

    /// How many waits there are without a moment before one has it.
    fn skipped(linger: &Linger, comes: bool) -> usize {
        (0..).take_while(|_| !wait(linger, comes)).count()
    }

    #[test]
    fn each_wait_has_a_moment_while_none_is_in_vain() {
        let linger = Linger::new();
        assert!((0..100).all(|_| wait(&linger, true)));
    }

    #[test]
    fn moments_get_rare_that_are_in_vain_and_come_back() {
        let linger = Linger::new();
        let skips: Vec<_> = (0..8).map(|_| skipped(&linger, false)).collect();
        assert_eq!(skips, [0, 1, 2, 4, 8, 16, 16, 16]);
        assert_eq!(skipped(&linger, true), 16);
        assert_eq!(skipped(&linger, false), 0);
        assert_eq!(skipped(&linger, true), 1);
    }

    #[test]
    fn a_moment_ends_when_it_comes_or_when_it_is_over() {
        let (linger, looks) = (Linger::new(), Cell::new(0));
        linger.until(|| {
            looks.set(looks.get() + 1);
            alone() || looks.get() == 3
        });
        assert_eq!(looks.get(), if alone() { 1 } else { 3 });
        assert!(alone() || linger.until(|| false) >= MOMENT);
    }
}
