//! Waiting a moment for what comes soon, before the system is asked to wait.

use std::{
    hint,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// How long a moment is. To sleep and be woken from another processor costs each side more than that.
pub(super) const MOMENT: Duration = Duration::from_micros(20);

/// How many looks there are between two at the clock.
const LOOKS: u32 = 32;

/// After so many vain moments in a row, the waits between two tries are no longer doubled.
const MOST_VAIN: u32 = 4;

/// Moments that were worth it, or not: what does not come soon is waited for by sleeping.
#[derive(Debug)]
pub(super) struct Linger {
    /// How many of the last moments were in vain.
    vain: AtomicU32,
    /// How many waits are to be without one.
    without: AtomicU32,
}

impl Linger {
    pub(super) const fn new() -> Self {
        Linger {
            vain: AtomicU32::new(0),
            without: AtomicU32::new(0),
        }
    }

    /// Waits until `come` is true, for a moment, unless that was in vain lately.
    pub(super) fn until(&self, come: impl Fn() -> bool) {
        let without = self.without.load(Ordering::Relaxed);
        if without > 0 {
            self.without.store(without - 1, Ordering::Relaxed);
            return;
        }
        let since = Instant::now();
        while since.elapsed() < MOMENT {
            for _ in 0..LOOKS {
                if come() {
                    self.vain.store(0, Ordering::Relaxed);
                    return;
                }
                hint::spin_loop();
            }
        }
        let vain = self.vain.load(Ordering::Relaxed);
        self.without.store(1 << vain, Ordering::Relaxed);
        self.vain
            .store((vain + 1).min(MOST_VAIN), Ordering::Relaxed);
    }
}
