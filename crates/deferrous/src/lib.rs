//! Twisted's Deferred, reactor and thread pool, without an async runtime.
//!
//! A [`Deferred`] is a value that is not there yet, with a chain of callbacks that wait for it. A
//! function that cannot answer at once returns one. Its caller adds *callbacks*, for the value, and
//! *errbacks*, for a [`Failure`], and each of them may change the outcome for the next, fail, or
//! return another Deferred for the chain to wait for. Whoever made the Deferred keeps a [`Trigger`]
//! and fires it when the answer is there: the callbacks run there and then, on the same thread, in
//! order.
//!
//! ```
//! use deferrous::{Deferred, Failure, Reactor, gather_results, succeed};
//!
//! // Blocking work goes to a thread, and comes back as a Deferred.
//! fn word_count(reactor: &Reactor, path: &'static str) -> Deferred<usize> {
//!     reactor
//!         .defer_to_thread(move || Ok(std::fs::read_to_string(path)?))
//!         .map(|text| text.split_whitespace().count())
//!         .add_errback(move |failure| {
//!             // Only what is expected is handled. Any other failure goes on along the chain.
//!             let error = failure.trap::<std::io::Error>()?;
//!             println!("{path}: {error}");
//!             Ok(0)
//!         })
//! }
//!
//! let reactor = Reactor::new()?;
//! let counts = ["Cargo.toml", "no such file"].map(|path| word_count(&reactor, path));
//! let total = gather_results(counts).add_callback(|counts| succeed(counts.iter().sum::<usize>()));
//! println!("{} words", reactor.run_until(total)?);
//! # Ok::<(), Failure>(())
//! ```
//!
//! Deferreds do not make code asynchronous. They carry results; it is up to the code that
//! makes them not to block. Long work inside a function that returns a Deferred blocks as it always does, and
//! belongs into [`defer_to_thread`](Reactor::defer_to_thread).
//!
//! # What is here
//!
//! | for | there is |
//! |---|---|
//! | making Deferreds | [`deferred()`], [`deferred_with_canceller`], [`succeed`], [`fail`], [`maybe_deferred`] |
//! | adding to a chain | [`map`](Deferred::map), [`add_callback`](Deferred::add_callback), [`add_errback`](Deferred::add_errback), [`add_callbacks`](Deferred::add_callbacks), [`add_both`](Deferred::add_both), [`chain_deferred`](Deferred::chain_deferred) |
//! | holding and giving up | [`pause`](Deferred::pause), [`pause_guard`](Deferred::pause_guard), [`cancel`](Deferred::cancel), [`cancel_handle`](Deferred::cancel_handle), [`add_timeout`](Deferred::add_timeout) |
//! | many at once | [`gather_results`], [`deferred_list`], [`race`] |
//! | loops whose steps wait | [`repeat`] |
//! | taking turns | [`DeferredLock`], [`DeferredSemaphore`], [`DeferredQueue`] |
//! | `async` and `.await` | [`spawn`], and every [`Deferred`] can be awaited; [`run_ready`] without a reactor |
//! | time | [`sleep`](ReactorTime::sleep), [`defer_later`](ReactorTime::defer_later), [`call_later`](ReactorTime::call_later), [`LoopingCall`] |
//! | the event loop | [`Reactor`]: timers, descriptors ([`readable`](Reactor::readable), [`add_reader`](Reactor::add_reader)), signals, [threads](Reactor::defer_to_thread), and for other threads a [`Remote`] and a [`RemoteTrigger`] |
//! | connections | [`net`]: [`listen_tcp`](Reactor::listen_tcp), [`connect_tcp`](Reactor::connect_tcp), UNIX sockets, UDP and TLS, with a [`Protocol`](net::Protocol) and a [`Transport`](net::Transport) |
//! | other programs | [`process::Command`] |
//! | programs that hang | with the feature `inspect`: `inspect::snapshot`, which prints what waits for what |
//! | tests | [`Clock`], [`MemoryReactor`], [`Deferred::into_result`], [`capture_unhandled`], [`deny_unhandled`] |
//!
//! # What it guarantees
//!
//! 1. A Deferred gets its outcome once. A second one is refused with [`AlreadyCalled`] and changes
//!    nothing.
//! 2. Links run in the order in which they were added. A value goes to the callback, a failure to
//!    the errback, and an outcome for which a link has no side is passed on. What a callback
//!    returns is the next outcome; a panic is a failure.
//! 3. A link added after firing runs at once, before the call that adds it returns, unless the
//!    Deferred is paused, waits, or runs a link right now. Then it is queued, and whoever ends that
//!    state runs it.
//! 4. A callback that returns a Deferred makes the chain wait for it, to any depth, without
//!    recursion.
//! 5. Pauses count, and while there is one no link runs.
//! 6. Cancelling calls the canceller once. If that does not fire the Deferred, it fails with
//!    [`Cancelled`]. While it waits for another one, that one is cancelled. After firing nothing
//!    happens.
//! 7. A failure that nothing takes is reported, once ([`set_unhandled_handler`]). When the last
//!    [`Trigger`] is dropped, the Deferred fails with [`Abandoned`]: nothing waits for ever by
//!    accident. (A Deferred that owns itself through its closures, for example because its callback
//!    owns its trigger, is never dropped, as everywhere in Rust.)
//! 8. All of this may be done from inside any callback or canceller.
//! 9. Nothing needs stack for its length: not a chain, not Deferreds or coroutines that wait for each
//!    other, and not callbacks that fire, add to, unpause or cancel the next Deferred from inside.
//!    Such calls nest 64 deep. Deeper ones store their outcome, and what they would run is run when
//!    the callback at that depth has returned, in the same order. Only there are rules 3 and 6 not
//!    true: a call may return before the links that it lets go have run. A function that calls itself
//!    without a callback in between needs stack as everywhere in Rust; [`repeat`] makes a loop of it.
//!
//! Random programs do the same here and on Twisted, except for the differences that `docs/rust.md` in
//! the repository lists.
//!
//! # Threads
//!
//! Deferreds, triggers and the reactor belong to the thread that made them, and the compiler sees
//! to it:
//!
//! ```compile_fail
//! let d = deferrous::succeed(1);
//! std::thread::spawn(move || d.map(|n| n + 1));
//! ```
//!
//! What may cross is small: a [`Remote`], a [`RemoteTrigger`], and the jobs and results of
//! [`defer_to_thread`](Reactor::defer_to_thread).

#![deny(unsafe_code)]
#![deny(missing_debug_implementations)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "reactor", not(unix)))]
compile_error!(
    "the reactor of deferrous needs Unix. Deferreds and coroutines do not: \
     use `deferrous = { version = \"0.1\", default-features = false }`"
);

/// The programs of the README compile and run.
#[cfg(all(doctest, feature = "reactor"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod chain;
mod combine;
mod control_flow;
mod coroutine;
mod deferred;
#[cfg(all(feature = "reactor", unix))]
mod diagnostics;
#[cfg(all(feature = "reactor", unix))]
#[doc(hidden)]
pub mod event_loop;
mod failure;
#[allow(unsafe_code)]
mod inline;
#[cfg(feature = "inspect")]
#[cfg_attr(not(all(feature = "reactor", unix)), allow(dead_code, unused_imports))]
pub mod inspect;
#[cfg(not(feature = "inspect"))]
#[cfg_attr(not(all(feature = "reactor", unix)), allow(dead_code, unused_imports))]
mod inspect;
#[cfg(all(test, deferrous_loom, feature = "reactor", unix))]
mod models;
mod nesting;
#[cfg(all(feature = "reactor", unix))]
pub mod net;
#[cfg_attr(not(all(feature = "reactor", unix)), allow(dead_code, unused_imports))]
mod primitives;
#[cfg(all(feature = "reactor", unix))]
pub mod process;
#[cfg(all(feature = "reactor", unix))]
mod reactor;
mod sync;
mod unhandled;

pub use combine::{
    AllFailed, FirstError, ListOptions, Listed, deferred_list, gather_results,
    gather_results_or_cancel, race,
};
pub use control_flow::{AlreadyCalled, NotPaused};
pub use coroutine::{CannotResume, DeferredFuture, run_ready, spawn};
pub use deferred::{
    Abandoned, CallbackResult, CancelHandle, Cancelled, CircularWait, Deferred, PauseGuard,
    TimedOut, Trigger, deferred, deferred_with_canceller, fail, maybe_deferred, repeat, succeed,
};
pub use failure::{Failure, Panicked, Trapped};
#[cfg(all(feature = "reactor", unix))]
pub use reactor::{
    Clock, DelayedCall, DelayedCallError, Executor, Job, LoopingCall, LoopingCallError,
    MemoryReactor, NoSuchTrigger, Phase, PoolStopped, Reactor, ReactorBuilder, ReactorError,
    ReactorGone, ReactorTime, Remote, RemoteTrigger, SignalWatch, SystemEvent, ThreadPool,
    TriggerId, Watch, WouldDeadlock,
};
#[cfg(feature = "futures")]
pub use sync::QueueStream;
pub use sync::{
    DeferredLock, DeferredQueue, DeferredSemaphore, LockPermit, QueueLimits, QueueOverflow,
    QueueUnderflow, SemaphorePermit,
};
pub use unhandled::{
    CapturedUnhandled, DenyUnhandled, Origin, Unhandled, UnhandledHandler, capture_unhandled,
    deny_unhandled, set_unhandled_handler,
};
