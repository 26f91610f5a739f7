//! What futures other than Deferreds wake a coroutine with.

use std::{
    error::Error,
    fmt,
    sync::{Arc, atomic::Ordering},
    task::{Wake, Waker},
};

use super::{
    ready,
    registry::{self, WakeRequest, WakeTarget},
};
use crate::{
    primitives::{AtomicBool, ThreadId, current_thread, fence, strong_count, thread_local},
    unhandled::{Origin, report},
};

/// A coroutine was woken from another thread, and no reactor was there to resume it.
///
/// Spawn it where a reactor is current: with `Reactor::spawn`, or in a callback of the reactor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotResume;

impl fmt::Display for CannotResume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a coroutine was woken from another thread, but no running reactor leads back to its own: \
             spawn it with Reactor::spawn",
        )
    }
}

impl Error for CannotResume {}

thread_local! {
    static THIS_THREAD: ThreadId = current_thread().id();
}

/// The thread that this runs on, without the counted reference that `thread::current` makes.
pub(super) fn this_thread() -> ThreadId {
    THIS_THREAD.with(|id| *id)
}

/// A waker, and the same again as the type that executors know, so that a poll need not make one.
pub(super) struct OwnWaker {
    pub(super) shared: Arc<TaskWaker>,
    pub(super) waker: Waker,
}

impl OwnWaker {
    pub(super) fn new(shared: Arc<TaskWaker>) -> Self {
        OwnWaker {
            waker: Waker::from(shared.clone()),
            shared,
        }
    }

    /// Whether somebody else has a clone.
    pub(super) fn is_lent(&self) -> bool {
        let lent = strong_count(&self.shared) > 2;
        // A clone that was dropped on another thread has woken before that.
        fence(Ordering::Acquire);
        lent
    }
}

/// Finds its coroutine by a number, since what is shared between threads may not lead to it
/// directly.
///
/// The caller may hold a lock that the coroutine or its destructor needs, as channels do. So neither
/// waking nor dropping runs the coroutine: both leave a [`WakeRequest`].
pub(super) struct TaskWaker {
    id: u64,
    thread: ThreadId,
    target: Option<Arc<dyn WakeTarget>>,
    /// The coroutine was woken on its own thread while it was being polled.
    notified: AtomicBool,
    /// A request to resume the coroutine is on its way, and must find it. The poll that it leads to
    /// sees all that was done before any of the wakes.
    woken: AtomicBool,
}

impl TaskWaker {
    pub(super) fn new(thread: ThreadId, target: Option<Arc<dyn WakeTarget>>) -> Arc<Self> {
        Arc::new(TaskWaker {
            id: registry::new_id(),
            thread,
            target,
            notified: AtomicBool::new(false),
            woken: AtomicBool::new(false),
        })
    }

    /// The number under which the registry keeps the coroutine for this waker.
    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    /// What woke the coroutine before now is known to the poll that begins.
    pub(super) fn begin_poll(&self) {
        // Loaded first, because a swap is expensive and rarely needed. A wake that comes between the
        // two is seen by the swap.
        if self.woken.load(Ordering::Relaxed) {
            self.woken.swap(false, Ordering::AcqRel);
        }
    }

    /// Whether a request to resume it is on its way. To be asked after whether another thread still
    /// has a clone.
    pub(super) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// If a wake on this thread came during the poll that has just ended, has the coroutine polled
    /// again. If its reactor has ended, there is no next poll.
    pub(super) fn end_poll(&self) {
        // Loaded first, because a swap is expensive and rarely needed.
        if !self.notified.load(Ordering::Relaxed)
            || !self.notified.swap(false, Ordering::Relaxed)
            || self.woken.swap(true, Ordering::AcqRel)
        {
            return;
        }
        // With a reactor the next poll is one of its next calls, so that a coroutine that always
        // wakes itself does not keep everything else waiting.
        match &self.target {
            None => ready::push(WakeRequest::Resume(self.id)),
            Some(target) if target.send(WakeRequest::Resume(self.id)) => {}
            Some(_) => self.woken.store(false, Ordering::Release),
        }
    }

    fn is_on_own_thread(&self) -> bool {
        this_thread() == self.thread
    }

    /// Asks for something from the own thread, where it can always be done.
    fn request(&self, request: WakeRequest) {
        let sent = !ready::is_collecting()
            && self
                .target
                .as_ref()
                .is_some_and(|target| target.send(request));
        if !sent {
            ready::push(request);
        }
    }

    fn wake_on_own_thread(&self) {
        if !registry::is_kept(self.id) {
            // It is being polled, or has ended.
            return self.notified.store(true, Ordering::Relaxed);
        }
        let is_gone = |target: &Arc<dyn WakeTarget>| target.is_gone();
        // A request that is on its way to the reactor is too late if a Deferred fires now. And
        // another thread that finds the reactor gone takes back that it has woken the coroutine.
        if !self.woken.swap(true, Ordering::AcqRel)
            || ready::is_collecting()
            || self.target.as_ref().is_some_and(is_gone)
        {
            self.request(WakeRequest::Resume(self.id));
        }
    }

    fn wake_from_another_thread(&self) {
        let sent = self.target.as_ref().is_some_and(|target| {
            if self.woken.swap(true, Ordering::AcqRel) || target.send(WakeRequest::Resume(self.id))
            {
                return true;
            }
            self.woken.store(false, Ordering::Release);
            false
        });
        if !sent {
            report(Origin::Wake, CannotResume.into());
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_on_own_thread() {
            self.wake_on_own_thread();
        } else {
            self.wake_from_another_thread();
        }
    }
}

impl Drop for TaskWaker {
    fn drop(&mut self) {
        if self.woken.load(Ordering::Relaxed) {
            // The coroutine is polled once more, and dropped then if nothing leads to it.
            return;
        }
        if !self.is_on_own_thread() {
            if let Some(target) = &self.target {
                target.send(WakeRequest::Forget(self.id));
            }
            // Without a reactor to tell, the coroutine stays where it is until its thread ends.
        } else if registry::is_kept(self.id) {
            self.request(WakeRequest::Forget(self.id));
        }
    }
}
