//! Coroutines: async blocks over Deferreds, and Deferreds as futures.
//!
//! A future needs somebody who polls it when it may go on. Here that is the Deferred it waits for:
//! firing it polls the future at once, on the same thread, before `callback` returns, so no
//! executor is needed.
//!
//! A future that is none of this crate's wakes the coroutine by a waker, perhaps with a lock of its
//! own held. So a waker polls nothing: it sends a request to the coroutine's reactor, or without a
//! reactor adds one to a list of the thread.

mod future;
#[cfg_attr(not(all(feature = "reactor", unix)), allow(dead_code))]
mod ready;
#[cfg_attr(not(all(feature = "reactor", unix)), allow(dead_code))]
mod registry;
mod task;
mod waker;

pub use future::DeferredFuture;
#[cfg(all(feature = "reactor", unix))]
pub(crate) use ready::{Drains, has_work};
#[cfg(all(feature = "reactor", unix))]
pub(crate) use registry::{WakeRequest, WakeTarget, drop_request, with_target};
#[cfg(all(feature = "reactor", unix))]
pub(crate) use task::{run_ready_if_outermost, run_ready_once, run_request, spawn_at};
pub use waker::CannotResume;

use crate::{deferred::Deferred, failure::Failure, inspect};

/// Runs an async block, at once until it first waits, and makes a Deferred of its result; Twisted's
/// `ensureDeferred` and `Deferred.fromCoroutine`.
///
/// When a Deferred that it awaits fires, it goes on before `callback` returns. It may await other
/// futures, too: channels, locks and timers of other crates, in any combination. These wake it, on
/// this thread or on another one, perhaps with a lock of their own held. So it goes on soon after
/// that, on this thread and never inside the call that wakes it:
///
/// - in the reactor that was current here when it was spawned (see
///   [`Reactor::current`](crate::Reactor::current) and [`Reactor::spawn`](crate::Reactor::spawn)),
///   in one of its next turns;
/// - if there was none, or it has ended: in [`run_ready`], at the end of the next `spawn` or firing
///   that runs a coroutine on this thread, in the next turn of a reactor that runs on this thread,
///   or in an executor of another crate that awaits a Deferred on this thread. A wake from another
///   thread is then reported as an unhandled [`CannotResume`].
///
/// Coroutines that wake each other nest only to some depth. Those beyond it are resumed after the
/// others have returned, so that a chain of any length takes no stack.
///
/// Cancelling the Deferred drops the future where it waits, and so cancels the Deferred it awaits.
/// A panic becomes a failure. A coroutine that nothing can wake any more is dropped, and its
/// Deferred fails with [`Abandoned`](crate::Abandoned); if its last waker is dropped by another
/// future, that happens when the coroutine would have gone on.
///
/// ```
/// let (trigger, d) = deferrous::deferred::<u64>();
/// let sum = deferrous::spawn(async move { Ok(d.await? + 1) });
/// trigger.callback(41)?;
/// assert_eq!(sum.into_result().unwrap()?, 42);
/// # Ok::<(), deferrous::Failure>(())
/// ```
#[cfg_attr(feature = "inspect", track_caller)]
pub fn spawn<T: 'static>(
    future: impl Future<Output = Result<T, Failure>> + 'static,
) -> Deferred<T> {
    task::spawn_at(inspect::Place::caller(), future)
}

/// Resumes the coroutines of this thread that futures of other crates have woken, until none is
/// ready, and returns how many times one was resumed: 0 if none was ready. Twisted has no such
/// function, because only its Deferreds resume coroutines.
///
/// It is for programs without a reactor, such as games and plug-ins, which call it after they have
/// sent to a channel or released a lock that a coroutine may wait for, or in each turn of their own
/// loop. Coroutines that were [`spawn`]ed where a reactor was current go on in that reactor instead,
/// and those that await Deferreds in the call that fires these. It may be called from anywhere, also
/// from inside a callback or coroutine, but not with a lock held that a coroutine needs. A coroutine
/// that always wakes itself keeps it from returning.
///
/// ```
/// use futures::channel::oneshot;
/// let (sender, receiver) = oneshot::channel::<u64>();
/// let d = deferrous::spawn(async { Ok(receiver.await? + 1) });
/// sender.send(41).unwrap();
/// assert!(!d.is_called());
/// assert_eq!(deferrous::run_ready(), 1);
/// assert_eq!(d.into_result().unwrap()?, 42);
/// # Ok::<(), deferrous::Failure>(())
/// ```
pub fn run_ready() -> usize {
    task::run_ready()
}
