//! Taking turns: [`DeferredLock`], [`DeferredSemaphore`], [`DeferredQueue`].

mod lock;
mod queue;
mod semaphore;
mod waiters;

pub use lock::{DeferredLock, LockPermit};
pub use queue::{DeferredQueue, QueueLimits, QueueOverflow, QueueUnderflow};
pub use semaphore::{DeferredSemaphore, SemaphorePermit};
