//! The event loop: time, threads, descriptors and signals, all ending in calls on one thread.
//!
//! Each file uses only those before it: `errors`, `timers`, `time` and `looping`; the tables of what a
//! program has asked for (`triggers`, `lazy_waiter`, `keys`, `descriptors`, `sources`, `signal_handlers`, `threads`); `state`, which is the
//! [`Reactor`] with all these in it; and the methods of the reactor, each by what it is for (`builder`,
//! `current`, `events`, `readiness`, `signals`, `remote_trigger`, `jobs`, `run`, `remote`). `memory`
//! drives a reactor by hand.

mod builder;
mod current;
mod descriptors;
mod errors;
mod events;
mod jobs;
mod keys;
mod lazy_waiter;
mod looping;
mod memory;
mod readiness;
mod remote;
mod remote_trigger;
mod run;
mod signal_handlers;
mod signals;
mod sources;
mod state;
mod threads;
mod time;
mod timers;
mod triggers;

pub use builder::ReactorBuilder;
pub use descriptors::Watch;
pub use errors::{ReactorError, ReactorGone, WouldDeadlock};
pub use looping::{LoopingCall, LoopingCallError};
pub use memory::MemoryReactor;
pub use remote::Remote;
pub use remote_trigger::RemoteTrigger;
pub use signal_handlers::SignalWatch;
pub(crate) use sources::{Source, Sources};
pub use state::Reactor;
pub(crate) use state::WeakReactor;
pub use threads::{Executor, Job, PoolStopped, ThreadPool};
pub use time::{Clock, ReactorTime};
pub use timers::{DelayedCall, DelayedCallError};
pub use triggers::{NoSuchTrigger, Phase, SystemEvent, TriggerId};
