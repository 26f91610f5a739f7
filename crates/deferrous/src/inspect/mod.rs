//! What is it waiting for? Everything that is there on a thread, and what waits for what.
//!
//! A program hangs: something that it waits for does not come. With the feature `inspect`, [`snapshot`] returns all that this thread has
//! made and not dropped: Deferreds, coroutines, delayed calls, watched descriptors, ports, connections, locks with who
//! holds them, and the jobs of threads, each with the place where it was made, its age, and what it waits for. Its
//! `Display` is a tree: the outermost first, below each what it waits for, down to what has to come. Like
//! things are one row with a count.
//!
#![cfg_attr(feature = "inspect", doc = "```")]
#![cfg_attr(not(feature = "inspect"), doc = "```ignore")]
//! use deferrous::{DeferredLock, deferred, inspect::snapshot, spawn};
//!
//! let lock = DeferredLock::new();
//! let (never_fired, answer) = deferred::<u32>();
//! let (held, waiting) = (lock.clone(), lock.clone());
//! let _first = spawn(async move {
//!     let _permit = held.acquire().await?;
//!     answer.await
//! });
//! let _second = spawn(async move {
//!     let _permit = waiting.acquire().await?;
//!     Ok(())
//! });
//! let tree = snapshot().to_string();
//! println!("{tree}");
//! // Outstanding: 2 coroutines, 2 Deferreds
//! // coroutine shop::main, spawned at src/main.rs:10:15 12 s ago, waits at src/main.rs:11:42
//! // └─ Deferred<LockPermit> of DeferredLock::acquire, made at src/main.rs:11:27 12 s ago
//! //    └─ DeferredLock, made at src/main.rs:3:12 12 s ago
//! //       └─ permit, asked for at src/main.rs:7:24 12 s ago
//! //          └─ coroutine shop::main, spawned at src/main.rs:6:14 12 s ago, waits at src/main.rs:8:12
//! //             └─ Deferred<u32>, made at src/main.rs:4:29 12 s ago, its Trigger, made there, has not fired
//! assert!(tree.ends_with("its Trigger, made there, has not fired"));
//! # drop(never_fired);
//! ```
//!
//! **What is shown.** Names of functions and types, places, ages, addresses, and numbers of descriptors. Values are not: no code of the program is called.
//!
//! **From where.** A snapshot is of the thread that takes it, because Deferreds belong to their thread. So the program
//! takes it itself: in a delayed call, a signal handler of the [`Reactor`](crate::Reactor), a call by a
//! [`Remote`](crate::Remote), or in a test that has waited too long. Only jobs are those of the whole process,
//! since threads share pools. A thread that is blocked takes none.
//!
//! **What it costs.** With the feature each Deferred, delayed call and job has a record of about 250 bytes and needs a clock. Without
//! it there is nothing: no field, no argument, no instruction. The clock is missing on `wasm32-unknown-unknown`.
//!
//! **What cannot be known.** Whoever holds a [`Trigger`](crate::Trigger) is not known, and neither is what a callback or a delayed call
//! will fire: closures show nothing of what they own. But a Trigger that is dropped fails its Deferred, so each one that was
//! not fired is held by somebody. A coroutine that waits for a future of another crate is said to do so. Who has asked for a lock in a coroutine
//! is taken for its holder.

#[cfg(feature = "inspect")]
mod hooks;
#[cfg(feature = "inspect")]
mod jobs;
#[cfg(feature = "inspect")]
mod model;
#[cfg(feature = "inspect")]
mod names;
#[cfg(not(feature = "inspect"))]
mod off;
#[cfg(feature = "inspect")]
mod registry;
#[cfg(feature = "inspect")]
mod take;
#[cfg(feature = "inspect")]
mod text;
#[cfg(feature = "inspect")]
mod tree;

#[cfg(feature = "inspect")]
pub(crate) use hooks::{Entry, Id, JobEntry, Place, Subject, made, polled};
#[cfg(feature = "inspect")]
pub use model::{Item, Kind, Snapshot, State};
#[cfg(not(feature = "inspect"))]
pub(crate) use off::{Entry, Id, JobEntry, Place, made, polled};
#[cfg(feature = "inspect")]
pub(crate) use registry::Look;

/// Everything that this thread has made and not dropped, and the jobs of all threads, at this moment.
///
/// It may be called from anywhere, also inside callbacks and coroutines. It takes time in proportion to what is there.
///
/// ```
/// use std::time::Duration;
/// use deferrous::{Clock, inspect::{State, snapshot}};
/// let clock = Clock::new();
/// let _d = clock.sleep(Duration::from_secs(9));
/// let made = snapshot();
/// let sleep = made.items.iter().find(|item| item.name == "sleep" && !item.waits_for.is_empty()).unwrap();
/// let timer = made.get(sleep.waits_for[0]).unwrap();
/// assert_eq!(timer.state, State::Due { after: Duration::from_secs(9) });
/// ```
#[cfg(feature = "inspect")]
pub fn snapshot() -> Snapshot {
    take::take()
}
