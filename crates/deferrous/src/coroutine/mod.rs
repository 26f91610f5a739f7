//! Coroutines: async blocks over Deferreds, and Deferreds as futures.
//!
//! A future needs somebody who polls it when it may go on. Here that is the Deferred it waits for:
//! firing it polls the future at once, on the same thread, before `callback` returns, so no
//! executor is needed.

mod future;
mod registry;
mod task;
mod waker;

pub use future::DeferredFuture;
pub(crate) use registry::{RemoteWake, WakeTarget, drop_remote_wake, run_remote_wake, with_target};
pub use waker::CannotResume;

use crate::{deferred::Deferred, failure::Failure};

/// Runs an async block, at once until it first waits, and makes a Deferred of its result; Twisted's
/// `ensureDeferred` and `Deferred.fromCoroutine`.
///
/// When a Deferred that it awaits fires, it goes on before `callback` returns. It may await other
/// futures, too: woken on this thread it goes on at once, woken from another one it goes on in the
/// reactor that was current here when it was spawned (see `Reactor::current`), and if there was
/// none the wake is reported as an unhandled [`CannotResume`].
///
/// Coroutines that wake each other nest only to some depth. Those beyond it are resumed after the
/// others have returned, so that a chain of any length takes no stack.
///
/// Cancelling the Deferred drops the future where it waits, and so cancels the Deferred it awaits.
/// A panic becomes a failure. A coroutine that nothing can wake any more is dropped, and its
/// Deferred fails with [`Abandoned`](crate::Abandoned).
///
/// ```
/// let (trigger, d) = deferrous::deferred::<u64>();
/// let sum = deferrous::spawn(async move { Ok(d.await? + 1) });
/// trigger.callback(41)?;
/// assert_eq!(sum.into_result().unwrap()?, 42);
/// # Ok::<(), deferrous::Failure>(())
/// ```
pub fn spawn<T: 'static>(
    future: impl Future<Output = Result<T, Failure>> + 'static,
) -> Deferred<T> {
    task::spawn(future)
}
