//! A Deferred as a future.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use super::{
    ready::{self, Host},
    task::{Task, is_polling, run_collected, run_ready_if_outermost},
};
use crate::{
    chain::{self, State, Step},
    deferred::{
        Cancelled, CircularWait, Deferred,
        cell::{Closures, DeferredCell, Firing, Outcome, Waiter},
    },
    failure::Failure,
    inspect,
};

/// A [`Deferred`] being awaited, in any executor on its thread.
///
/// Dropping it before it is done cancels the Deferred, as dropping a future gives up its work, and
/// what the Deferred then fails with is dropped. A failure that was there already is reported as
/// unhandled.
///
/// ```
/// use futures::executor::LocalPool;
/// let d = deferrous::succeed(5).map(|n| n + 1);
/// assert_eq!(LocalPool::new().run_until(d.into_future()).unwrap(), 6);
/// ```
#[must_use = "futures do nothing unless awaited, and dropping this one cancels its Deferred"]
pub struct DeferredFuture<T> {
    /// Absent after the end.
    cell: Option<DeferredCell>,
    /// Invariant, as in a [`Deferred`].
    _value: PhantomData<fn(T) -> T>,
}

/// A future or an executor of others, which polls now or later.
struct Foreign {
    waker: Waker,
    /// Present if it is an executor and not a future inside one of our coroutines.
    _host: Option<Host>,
}

impl Waiter for Foreign {
    fn resume(self: Rc<Self>) -> Option<(Firing, Outcome)> {
        // It may be a future of others inside a coroutine of ours, which goes on in the call that
        // fires the Deferred, as one that awaits it directly does.
        run_collected(ready::collect(|| self.waker.wake_by_ref()));
        None
    }
}

impl<T: 'static> IntoFuture for Deferred<T> {
    type Output = Result<T, Failure>;
    type IntoFuture = DeferredFuture<T>;

    #[cfg_attr(feature = "inspect", track_caller)]
    fn into_future(self) -> DeferredFuture<T> {
        self.inspected().awaited_here();
        DeferredFuture {
            cell: Some(self.into_cell()),
            _value: PhantomData,
        }
    }
}

impl<T: 'static> Future for DeferredFuture<T> {
    type Output = Result<T, Failure>;

    /// # Panics
    ///
    /// If it is polled again after the end.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(cell) = &this.cell else {
            panic!("a Deferred was polled after it had given its outcome")
        };
        let mut settled = cell.take_settled();
        if settled.is_none() {
            match Task::of_waker(context.waker()) {
                // A coroutine of this crate goes on by itself, and its end is passed on by the engine.
                Some(task) if !task.is_result(cell) => {
                    let coroutine = task.inspected();
                    cell.set_waiter(Some(task), coroutine);
                    return Poll::Pending;
                }
                Some(_) => {
                    // Not cancelled: the coroutine goes on, and its result goes to the links.
                    cell.detach();
                    this.cell = None;
                    return Poll::Ready(Err(CircularWait.into()));
                }
                None => settled = wait_as_foreign(cell, context.waker()),
            }
        }
        let Some(mut outcome) = settled else {
            return Poll::Pending;
        };
        this.cell = None;
        Poll::Ready(outcome.take_result())
    }
}

/// Has the future or executor of others woken when the Deferred fires, unless it has fired by then.
#[inline(never)]
fn wait_as_foreign(cell: &DeferredCell, waker: &Waker) -> Option<Outcome> {
    if ready::has_work() {
        // It may have been woken for this.
        run_ready_if_outermost();
        if let Some(outcome) = cell.take_settled() {
            return Some(outcome);
        }
    }
    let foreign = Foreign {
        waker: waker.clone(),
        _host: (!is_polling()).then(|| Host::new(waker)),
    };
    cell.set_waiter(Some(Rc::new(foreign)), inspect::polled());
    None
}

impl<T> Drop for DeferredFuture<T> {
    fn drop(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        cell.set_waiter(None, inspect::Id::NONE);
        if cell.read(State::is_called) && !cell.read(State::is_waiting) {
            return cell.detach();
        }
        chain::add(&Closures, &cell, ignore_cancelled);
        cell.detach();
        cell.cancel();
    }
}

/// Nobody waits any more, so the cancellation is expected.
fn ignore_cancelled(outcome: &mut Outcome) -> Step<Closures> {
    if let Outcome::Failure(failure) = outcome
        && failure.check::<Cancelled>()
    {
        *outcome = Outcome::nothing();
    }
    Step::Outcome
}

impl<T> fmt::Debug for DeferredFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredFuture")
            .field("done", &self.cell.is_none())
            .finish_non_exhaustive()
    }
}
