//! What a reactor is made of: time, other threads, descriptors and workers, each by itself.
//!
//! It is public for the Python package `deferrous` alone, and may change in any version.
//!
//! The [`Reactor`](crate::Reactor) of this crate is put together from these parts, and so can be a
//! reactor of another kind: one whose callbacks are objects of another language, for example.
//! Nothing here knows what a callback is.
//!
//! | part | what it is for |
//! |---|---|
//! | [`Deadlines`] | what is to be done later, in order of time |
//! | [`MessageQueue`] | what other threads want done |
//! | [`Waiter`] | waiting for messages, descriptors and time, and being woken |
//! | [`Poller`] | the descriptors of a waiter |
//! | [`Stream`], [`Listener`], [`DatagramSocket`] | sockets, which move bytes and say what has happened |
//! | [`FlushList`] | the sockets that have something to do before the loop waits |
//! | [`Team`] | jobs, and the threads that take them |
//!
//! **Forks.** A process that is forked off shares the poller with its parent: what one of them adds or wakes,
//! the other one sees. It has none of its parent's threads, one of which may have left a lock locked for ever.
//! So in a child, [take](MessageQueue::take_waiter) the waiter out of the queue, [`abandon`](Waiter::abandon) it,
//! make another one, and add to its poller whatever is to be waited for. Take the jobs out of the `Team`, by
//! [`abandon`](Team::abandon), and give them to another.
//!
//! A turn of a loop handles the messages, makes the calls that are due, and waits until the
//! next deadline for events and messages:
//!
//! ```
//! use deferrous::event_loop::{Deadlines, Events, MessageQueue, Waiter};
//! use std::{collections::VecDeque, sync::Arc, time::{Duration, Instant}};
//! let (start, waiter) = (Instant::now(), Arc::new(Waiter::new()?));
//! let queue = MessageQueue::<String>::new(waiter.clone());
//! let (mut deadlines, mut messages, mut events) = (Deadlines::new(), VecDeque::new(), Events::new());
//! deadlines.insert(2_000_000, "two milliseconds later");
//! while !deadlines.is_empty() {
//!     queue.receive(&mut messages);
//!     messages.drain(..).for_each(|message| println!("{message}"));
//!     let now = start.elapsed().as_nanos() as u64;
//!     while let Some(call) = deadlines.pop(now) {
//!         println!("{call}");
//!     }
//!     let next = deadlines.next_deadline().unwrap_or(now);
//!     waiter.wait(&mut events, Some(Duration::from_nanos(next.saturating_sub(now))))?;
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

mod datagram;
mod deadlines;
mod flush_list;
mod listener;
mod message_queue;
mod poller;
mod send_queue;
mod spin_wait;
mod stream;
mod team;
mod waiter;
mod watched;
mod wheel;

pub use datagram::{DatagramHandler, DatagramSocket, RECEIVE_LIMIT, ReceiveFrom};
pub use deadlines::{Deadlines, Key};
pub use flush_list::FlushList;
pub use listener::{Accept, Listener, ListenerHandler};
pub use message_queue::{MessageQueue, WakeOnDrop};
pub use poller::{Event, Events, Interest, Poller};
pub use send_queue::{SEND_LIMIT, SendQueue, Sent};
pub use stream::{Stream, StreamHandler};
pub use team::{Next, Statistics, Team};
pub use waiter::Waiter;
pub use watched::Watched;
