//! Twisted's Deferred, reactor and thread pool in Rust.
#![warn(missing_docs)]

pub mod chain;
mod combine;
mod coroutine;
mod deferred;
mod failure;
mod inline;
mod reactor;
mod sync;
mod unhandled;

pub use chain::{AlreadyCalled, NotPaused};
pub use combine::{
    AllFailed, FirstError, ListOptions, Listed, deferred_list, gather_results,
    gather_results_or_cancel, race,
};
pub use coroutine::{CannotResume, DeferredFuture, spawn};
pub use deferred::{
    Abandoned, CallbackResult, CancelHandle, Cancelled, CircularWait, Deferred, PauseGuard,
    TimedOut, Trigger, deferred, deferred_with_canceller, fail, maybe_deferred, succeed,
};
pub use failure::{Failure, Panicked};
pub use reactor::{
    Clock, DelayedCall, DelayedCallError, Executor, Job, LoopingCall, LoopingCallError,
    NoSuchTrigger, Phase, PoolStopped, Reactor, ReactorBuilder, ReactorError, ReactorGone,
    ReactorTime, Remote, SignalWatch, SystemEvent, ThreadPool, TriggerId, Watch, WouldDeadlock,
};
pub use sync::{
    DeferredLock, DeferredQueue, DeferredSemaphore, LockPermit, QueueLimits, QueueOverflow,
    QueueUnderflow, SemaphorePermit,
};
pub use unhandled::{
    CapturedUnhandled, Origin, Unhandled, UnhandledHandler, capture_unhandled,
    set_unhandled_handler,
};
