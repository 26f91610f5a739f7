//! A coroutine: a future, and the Deferred of its result.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::{Rc, Weak},
    sync::{Arc, Weak as ArcWeak, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use super::{
    ready::{self, Drains, Requests},
    registry::{self, WakeRequest, WakeTarget, current_target},
    waker::{OwnWaker, TaskWaker, this_thread},
};
use crate::{
    chain::State,
    deferred::{
        Deferred,
        cell::{Canceller, CellData, DeferredCell, Firing, Outcome, Waiter, wake_and_finish},
    },
    failure::Failure,
    inspect,
    primitives::{ThreadId, fence, upgrade},
    unhandled::{Origin, report},
};

type ErasedFuture = Pin<Box<dyn Future<Output = Outcome>>>;

/// A coroutine. It is kept by what can resume it: the Deferred it awaits, or the registry for its
/// wakers.
pub(super) struct Task {
    /// Absent while it is being polled, and after the end.
    future: RefCell<Option<ErasedFuture>>,
    /// It was to be polled while that was going on already, and is polled again after that.
    again: Cell<bool>,
    /// It was cancelled while it was being polled, and is dropped after that.
    cancelled: Cell<bool>,
    /// Fires the Deferred of the result.
    result: RefCell<Option<Firing>>,
    thread: ThreadId,
    target: Option<Arc<dyn WakeTarget>>,
    /// A waker that nobody else holds, to be used again.
    idle_waker: Cell<Option<OwnWaker>>,
    /// The registry was told of this coroutine, and may still know it.
    registered: Cell<bool>,
    /// The waker that others hold.
    lent_waker: RefCell<ArcWeak<TaskWaker>>,
}

thread_local! {
    /// The coroutine that is being polled, and the address of its waker.
    static CURRENT: RefCell<Option<(Rc<Task>, *const ())>> = const { RefCell::new(None) };
}

/// Runs a future for what was called at a place.
pub(crate) fn spawn_at<T: 'static, F>(place: inspect::Place, future: F) -> Deferred<T>
where
    F: Future<Output = Result<T, Failure>> + 'static,
{
    let task = Rc::new(Task {
        future: RefCell::new(Some(Box::pin(async { Outcome::from(future.await) }))),
        again: Cell::new(false),
        cancelled: Cell::new(false),
        result: RefCell::new(None),
        thread: this_thread(),
        target: current_target(),
        idle_waker: Cell::new(None),
        registered: Cell::new(false),
        lent_waker: RefCell::new(ArcWeak::new()),
    });
    let weak: Weak<Task> = Rc::downgrade(&task);
    let canceller = Canceller::new(move |_| {
        if let Some(task) = weak.upgrade() {
            task.cancel();
        }
    });
    let cell = place.of(|| CellData::new::<T>("spawn", || State::new(Some(canceller))));
    cell.inspected().coroutine::<F>();
    *task.result.borrow_mut() = Some(Firing::new(cell.clone()));
    wake_and_finish(task);
    Deferred::from_cell(cell)
}

impl Waiter for Task {
    fn resume(self: Rc<Self>) -> Option<(Firing, Outcome)> {
        let ended = self.poll();
        if ready::has_work() {
            run_ready_if_outermost();
        }
        ended
    }
}

impl Task {
    /// Polls the future until it is not to be polled again at once. Returns the result at the end.
    #[inline(always)]
    fn poll(self: Rc<Self>) -> Option<(Firing, Outcome)> {
        loop {
            let Some(mut future) = self.future.take() else {
                self.again.set(true);
                return None;
            };
            let waker = self.waker();
            waker.shared.begin_poll();
            match self.poll_with(&mut future, &waker) {
                Poll::Ready(outcome) => {
                    drop(future);
                    return Some((self.result.take()?, outcome));
                }
                Poll::Pending if self.cancelled.get() => {
                    drop(future);
                    return None;
                }
                Poll::Pending => *self.future.borrow_mut() = Some(future),
            }
            waker.shared.end_poll();
            self.put_back(waker);
            if !self.again.take() {
                return None;
            }
        }
    }

    fn poll_with(self: &Rc<Self>, future: &mut ErasedFuture, waker: &OwnWaker) -> Poll<Outcome> {
        struct Restore(Option<(Rc<Task>, *const ())>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let current = (self.clone(), waker.waker.data());
        let Ok(before) = CURRENT.try_with(|cell| cell.replace(Some(current))) else {
            // The thread is ending, and nothing can be polled on it any more.
            self.cancelled.set(true);
            return Poll::Pending;
        };
        let _restore = Restore(before);
        let _polling = self.inspected().polling();
        let mut context = Context::from_waker(&waker.waker);
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)))
            .unwrap_or_else(|panic| Poll::Ready(Outcome::Failure(Failure::from_panic(panic))))
    }

    /// The waker for the next poll. While that lasts, the registry does not know the coroutine, so
    /// that waking it is noted and not another poll inside this one.
    fn waker(&self) -> OwnWaker {
        let waker = self.idle_waker.take().unwrap_or_else(|| {
            let lent = upgrade(&self.lent_waker.borrow());
            // If others had it and have dropped it, this poll sees what they did before, also those whose
            // wake found that a request was on its way.
            fence(Ordering::Acquire);
            OwnWaker::new(lent.unwrap_or_else(|| TaskWaker::new(self.thread, self.target.clone())))
        });
        if self.registered.take() {
            drop(registry::take(waker.shared.id()));
        }
        waker
    }

    /// Keeps the waker for the next poll, unless somebody holds a clone: then that clone keeps the
    /// coroutine, and when it is dropped, the coroutine is.
    fn put_back(self: &Rc<Self>, waker: OwnWaker) {
        let lent = waker.is_lent();
        if lent || waker.shared.is_woken() {
            self.registered.set(true);
            registry::keep(waker.shared.id(), self.clone());
        }
        if lent {
            *self.lent_waker.borrow_mut() = Arc::downgrade(&waker.shared);
        } else {
            self.idle_waker.set(Some(waker));
        }
    }

    /// Drops the future, now or when the poll that is going on ends.
    fn cancel(&self) {
        self.cancelled.set(true);
        let future = self.future.borrow_mut().take();
        drop(future);
    }

    /// The number under which it is inspected.
    #[inline(always)]
    pub(super) fn inspected(&self) -> inspect::Id {
        inspect::Id::of(|| match &*self.result.borrow() {
            Some(firing) => firing.cell().inspected(),
            None => inspect::Id::NONE,
        })
    }

    /// Whether it is this coroutine that would fire `cell`.
    pub(super) fn is_result(&self, cell: &DeferredCell) -> bool {
        let result = self.result.borrow();
        result.as_ref().is_some_and(|firing| firing.fires(cell))
    }

    /// The coroutine whose own waker this is, if it is the one being polled.
    pub(super) fn of_waker(waker: &Waker) -> Option<Rc<Task>> {
        CURRENT.with_borrow(|current| match current {
            Some((task, address)) if waker.data() == *address => Some(task.clone()),
            _ => None,
        })
    }
}

/// Whether a coroutine of this thread is being polled.
pub(super) fn is_polling() -> bool {
    CURRENT
        .try_with(|current| current.borrow().is_some())
        .unwrap_or(false)
}

/// Does what a waker has asked for, and says whether that was to resume a coroutine that waited.
pub(crate) fn run_request(request: WakeRequest) -> bool {
    match request {
        WakeRequest::Resume(id) => {
            let Some(task) = registry::take(id) else {
                // It has ended, or a reactor runs inside its poll.
                if is_polling() {
                    ready::push_missed(request);
                }
                return false;
            };
            wake_and_finish(task);
            true
        }
        WakeRequest::Forget(id) => {
            drop(registry::take(id));
            false
        }
    }
}

/// As [`run_request`], for a request of the list: a destructor that panics is reported, and the
/// others go on.
fn run_reporting(request: WakeRequest) -> bool {
    catch_unwind(AssertUnwindSafe(|| run_request(request))).unwrap_or_else(|panic| {
        report(Origin::Wake, Failure::from_panic(panic));
        false
    })
}

/// Does what wakers have asked for while a waker of others was called.
pub(super) fn run_collected(requests: Requests) {
    for request in requests {
        run_reporting(request);
    }
}

/// Lets the requests be done that could not be while their coroutines were being polled.
fn recall_missed() {
    if !is_polling() {
        ready::recall_missed();
    }
}

/// Works the list off until it is empty, and returns how many coroutines that has resumed.
pub(super) fn run_ready() -> usize {
    let _drains = Drains::begin();
    recall_missed();
    let mut resumed = 0;
    while let Some(request) = ready::pop() {
        resumed += usize::from(run_reporting(request));
    }
    resumed
}

/// Works off what is in the list now, and says whether there is more. For a reactor, which has other
/// things to do in between.
#[cfg(all(feature = "reactor", unix))]
pub(crate) fn run_ready_once() -> bool {
    let _drains = Drains::begin();
    recall_missed();
    for _ in 0..ready::len() {
        let Some(request) = ready::pop() else { break };
        run_reporting(request);
    }
    ready::len() > 0
}

/// Works the list off, unless somebody further up in the stack does, or polls a coroutine and has it
/// done after that.
#[cold]
pub(crate) fn run_ready_if_outermost() {
    if !is_polling() && !Drains::has_begun() {
        run_ready();
    }
}
