//! Child processes: a [`Command`] whose end is a Deferred.
//!
//! ```
//! use deferrous::{Failure, Reactor, process::Command};
//! let reactor = Reactor::new()?;
//! let d = Command::new("sort").input("pear\napple\n").output(&reactor).add_callback(|output| {
//!     assert!(output.status.success());
//!     Ok(String::from_utf8(output.stdout)?)
//! });
//! assert_eq!(reactor.run_until(d)?, "apple\npear\n");
//! # Ok::<(), Failure>(())
//! ```
//!
//! # Cancelling
//!
//! Cancelling the Deferred of a process ends the process: it gets a signal (SIGTERM, unless
//! [`terminate_signal`](Command::terminate_signal) says otherwise), and SIGKILL if it has not ended
//! after the [`grace_period`](Command::grace_period). Only when it is dead does the Deferred fail
//! with [`Cancelled`](crate::Cancelled). So a permit of a [`DeferredSemaphore`](crate::DeferredSemaphore)
//! that was taken for the process is held until then, and a timeout is over when the process is:
//!
//! ```
//! use std::time::Duration;
//! use deferrous::{DeferredSemaphore, Failure, Reactor, TimedOut, process::Command};
//! let (reactor, semaphore) = (Reactor::new()?, DeferredSemaphore::new(2));
//! let own = reactor.clone();
//! let d = semaphore
//!     .run(move || Command::new("sleep").arg("60").status(&own))
//!     .add_timeout(Duration::from_millis(10), &reactor);
//! assert!(reactor.run_until(d).unwrap_err().check::<TimedOut>());
//! assert_eq!(semaphore.tokens(), 2);
//! # Ok::<(), Failure>(())
//! ```
//!
//! To cancel once more, while the Deferred waits for the end, sends SIGKILL at once. A reactor that
//! stops waits for the processes that are being ended, and leaves others running.

mod command;
mod exit;
mod running;
mod streams;

pub use command::{Command, Process};
