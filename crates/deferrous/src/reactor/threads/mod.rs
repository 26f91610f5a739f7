//! Threads that run jobs: the pool, and other executors.

mod executor;
mod pool;

pub use executor::{Executor, Job};
pub use pool::{PoolStopped, ThreadPool};
