//! What a reactor is made of: time, other threads, descriptors and workers, each by itself.
//!
//! The [`Reactor`](crate::Reactor) of this crate is put together from these parts, and so can be a
//! reactor of another kind: one whose callbacks are objects of another language, for example.
//! Nothing here knows what a callback is.
//!
//! | part | what it is for |
//! |---|---|
//! | [`Deadlines`] | what is to be done later, in order of time |
//! | [`Inbox`] | what other threads want done, and waking the reactor for it |
//! | [`Poller`] | waiting for descriptors, for a time to pass, and to be woken |
//! | [`Team`] | jobs, and the threads that take them |
//!
//! **Forks.** A process that is forked off shares the poller with its parent: what one of them adds or wakes,
//! the other one sees. It has none of its parent's threads, one of which may have left a lock locked for ever.
//! So in a child, [`abandon`](Inbox::abandon) the inbox, make another one, add to its poller whatever is to be
//! waited for, and take a new `Team`. Of the old ones, call nothing else.
//!
//! A turn of a loop handles what is in the inbox, makes the calls that are due, and waits until the
//! next deadline for events and messages:
//!
//! ```
//! use deferrous::event_loop::{Deadlines, Events, Inbox};
//! use std::time::{Duration, Instant};
//! let (start, inbox) = (Instant::now(), Inbox::<String>::new()?);
//! let (mut deadlines, mut messages, mut events) = (Deadlines::new(), Vec::new(), Events::new());
//! deadlines.insert(2_000_000, "two milliseconds later");
//! while !deadlines.is_empty() {
//!     inbox.receive(&mut messages);
//!     messages.drain(..).for_each(|message| println!("{message}"));
//!     let now = start.elapsed().as_nanos() as u64;
//!     while let Some(call) = deadlines.pop(now) {
//!         println!("{call}");
//!     }
//!     let next = deadlines.next_deadline().unwrap_or(now);
//!     inbox.wait(&mut events, Some(Duration::from_nanos(next.saturating_sub(now))))?;
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

mod deadlines;
mod inbox;
mod linger;
mod poller;
mod team;
mod wheel;

pub use deadlines::{Deadlines, Key};
pub use inbox::Inbox;
pub use poller::{Event, Events, Interest, Poller};
pub use team::{Next, Statistics, Team};
