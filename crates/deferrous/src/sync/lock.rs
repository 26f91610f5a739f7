//! One at a time.

use std::fmt;

use super::semaphore::{DeferredSemaphore, SemaphorePermit, run_with};
use crate::deferred::{CallbackResult, Deferred};

/// Lets one thing go on at a time; Twisted's `DeferredLock`.
///
/// Clones are the same lock. What waits gets its turn in order.
///
/// ```
/// use deferrous::DeferredLock;
/// let lock = DeferredLock::new();
/// let permit = lock.acquire().into_result().unwrap()?;
/// let next = lock.run(|| Ok("my turn"));
/// assert!(lock.is_locked() && !next.is_called());
/// permit.release();
/// assert_eq!(next.into_result().unwrap()?, "my turn");
/// # Ok::<(), deferrous::Failure>(())
/// ```
#[derive(Clone)]
pub struct DeferredLock(DeferredSemaphore);

/// A held [`DeferredLock`]. Dropping it releases the lock.
#[derive(Debug)]
#[must_use = "the lock is released when the permit is dropped"]
pub struct LockPermit(SemaphorePermit);

impl DeferredLock {
    /// A lock that nobody holds.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn new() -> Self {
        let semaphore = DeferredSemaphore::new(1);
        semaphore.inspected().named("DeferredLock");
        DeferredLock(semaphore)
    }

    /// A Deferred that fires with a permit when the lock is free; Twisted's `acquire`.
    ///
    /// Dropping the permit releases the lock (Twisted's `release`). Cancelling the Deferred while
    /// it waits gives up its place.
    #[must_use = "dropping the Deferred releases the lock"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn acquire(&self) -> Deferred<LockPermit> {
        let d = self.0.acquire();
        d.inspected().named("DeferredLock::acquire");
        d.map(LockPermit)
    }

    /// Waits for the lock, calls `function`, and releases the lock when what it returned is there,
    /// whether it succeeds, fails, panics or is cancelled; Twisted's `run`.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn run<R: CallbackResult>(
        &self,
        function: impl FnOnce() -> R + 'static,
    ) -> Deferred<R::Value> {
        run_with(self.acquire(), function)
    }

    /// Whether somebody holds it; Twisted's `locked`.
    pub fn is_locked(&self) -> bool {
        self.0.tokens() == 0
    }

    /// How many wait for it; the length of Twisted's `waiting`.
    pub fn waiting(&self) -> usize {
        self.0.waiting()
    }
}

impl Default for DeferredLock {
    fn default() -> Self {
        DeferredLock::new()
    }
}

impl LockPermit {
    /// Releases the lock now; the same as dropping the permit. Twisted's `release`.
    pub fn release(self) {
        self.0.release();
    }
}

impl fmt::Debug for DeferredLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredLock")
            .field("locked", &self.is_locked())
            .field("waiting", &self.waiting())
            .finish()
    }
}
