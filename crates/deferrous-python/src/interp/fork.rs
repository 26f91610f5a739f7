//! Counts forks, so that whatever depends on threads notices that a child does not have them.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many forks have led to this process since the module was loaded.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// Counts a fork, in the process that was forked off.
pub fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// How many forks have led to this process. When the number has changed, all threads but this one are gone, and
/// locks that they held stay locked.
#[inline]
pub fn forks() -> usize {
    FORKS.load(Ordering::Relaxed)
}
