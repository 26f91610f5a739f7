//! A Deferred as a future.

use std::{
    cell::RefCell,
    fmt,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use super::task::Task;
use crate::{
    chain::{self, State, Step},
    deferred::{
        Cancelled, Deferred,
        cell::{Closures, DeferredCell, Link, Outcome},
        dispose::{self, Remains},
    },
    failure::Failure,
    inline::Thunk,
};

/// A [`Deferred`] being awaited, in any executor on its thread.
///
/// Dropping it before it is done cancels the Deferred, as dropping a future gives up its work, and what the
/// Deferred then fails with is dropped. A failure that was there already is reported as unhandled.
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
    waiting: Waiting,
    _value: PhantomData<fn() -> T>,
}

/// Who is told when the Deferred fires.
enum Waiting {
    Nobody,
    /// A coroutine of this crate, polled by a link of its own. The address tells it from others.
    Task(*const Task),
    /// Some other executor.
    Waker(Rc<RefCell<Waker>>),
}

impl<T: 'static> IntoFuture for Deferred<T> {
    type Output = Result<T, Failure>;
    type IntoFuture = DeferredFuture<T>;

    fn into_future(self) -> DeferredFuture<T> {
        DeferredFuture {
            cell: Some(self.into_cell()),
            waiting: Waiting::Nobody,
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
        match take_outcome(cell, &this.waiting) {
            Some(mut outcome) => {
                this.cell = None;
                Poll::Ready(outcome.take_result())
            }
            None => {
                this.waiting.listen(cell, context.waker());
                Poll::Pending
            }
        }
    }
}

/// The outcome, if no link is left that could change it. The links of this future are the last, so what is lent
/// while one of them runs is final too.
fn take_outcome(cell: &DeferredCell, waiting: &Waiting) -> Option<Outcome> {
    let outcome = cell.take_settled();
    if outcome.is_some() || matches!(waiting, Waiting::Nobody) {
        return outcome;
    }
    cell.take_lent()
}

impl Waiting {
    /// Makes sure that `waker` will be woken.
    fn listen(&mut self, cell: &DeferredCell, waker: &Waker) {
        if let Waiting::Waker(slot) = self {
            slot.borrow_mut().clone_from(waker);
            return;
        }
        match Task::of_waker(waker) {
            Some(task) => {
                if !matches!(self, Waiting::Task(known) if *known == Rc::as_ptr(&task)) {
                    *self = Waiting::Task(Rc::as_ptr(&task));
                    chain::add(&Closures, cell, || resume_link(cell, task));
                }
            }
            None => {
                let slot = Rc::new(RefCell::new(waker.clone()));
                *self = Waiting::Waker(slot.clone());
                chain::add(&Closures, cell, || wake_link(cell, slot));
            }
        }
    }
}

/// Lends the outcome to whoever polls during `run`, and says what is left of it.
fn lend(cell: &DeferredCell, outcome: Outcome, run: impl FnOnce()) -> Option<Outcome> {
    cell.lend(outcome);
    run();
    cell.take_lent()
}

/// Polls the coroutine. Its end is passed on as a step, so that a row of coroutines that await each other takes
/// no stack.
#[inline(always)]
fn resume_link(cell: &DeferredCell, task: Rc<Task>) -> Link {
    let cell = Rc::downgrade(cell);
    Thunk::new(move |outcome: &mut Outcome| {
        let Some(cell) = cell.upgrade() else {
            return Step::Outcome;
        };
        let mut ended = None;
        let left = lend(&cell, outcome.take(), || ended = task.poll());
        match (left, ended) {
            (None, Some((firing, result))) => {
                *outcome = result;
                Step::Forward(firing.into_cell())
            }
            (left, ended) => {
                if let Some((firing, result)) = ended {
                    // Cancelling may have come first.
                    let _ = firing.fire(result);
                }
                *outcome = left.unwrap_or_else(Outcome::nothing);
                Step::Outcome
            }
        }
    })
}

/// Wakes a foreign executor, which polls now or later.
fn wake_link(cell: &DeferredCell, slot: Rc<RefCell<Waker>>) -> Link {
    let cell = Rc::downgrade(cell);
    Thunk::new(move |outcome: &mut Outcome| {
        let Some(cell) = cell.upgrade() else {
            return Step::Outcome;
        };
        let waker = slot.borrow().clone();
        let left = lend(&cell, outcome.take(), || waker.wake());
        *outcome = left.unwrap_or_else(Outcome::nothing);
        Step::Outcome
    })
}

impl<T> Drop for DeferredFuture<T> {
    fn drop(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        if cell.read(State::is_called) && !cell.read(State::is_waiting) {
            return cell.detach();
        }
        chain::add(&Closures, &cell, || Thunk::new(ignore_cancelled));
        cell.detach();
        dispose::dispose(Remains::Cancel(cell));
    }
}

/// Nobody waits any more, so that the Deferred was cancelled is no news.
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
