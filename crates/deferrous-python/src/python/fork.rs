//! Forks: how what belongs to threads learns that they are gone.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many forks have led to this process since the module was loaded.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// Counts a fork, in the process that was forked off.
pub fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// How many forks have led to this process. Threads that were there when it was another number are gone, and
/// may have left locks locked.
#[inline]
pub fn forks() -> usize {
    FORKS.load(Ordering::Relaxed)
}
