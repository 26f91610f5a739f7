//! Taking turns: [`DeferredLock`], [`DeferredSemaphore`], [`DeferredQueue`].

mod lock;
mod queue;
mod semaphore;
#[cfg(feature = "futures")]
mod stream;
mod waiters;

pub use lock::{DeferredLock, LockPermit};
pub use queue::{DeferredQueue, QueueLimits, QueueOverflow, QueueUnderflow};
pub use semaphore::{DeferredSemaphore, SemaphorePermit};
#[cfg(feature = "futures")]
pub use stream::QueueStream;
