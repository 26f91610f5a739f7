//! What futures other than Deferreds wake a coroutine with.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering, fence},
    },
    task::{Wake, Waker},
    thread::{self, ThreadId},
};

use super::registry::{self, RemoteWake, WakeTarget};
use crate::{
    deferred::cell::wake_and_finish,
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
    static THIS_THREAD: ThreadId = thread::current().id();
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
        let lent = Arc::strong_count(&self.shared) > 2;
        // A clone that was dropped on another thread has woken before that.
        fence(Ordering::Acquire);
        lent
    }
}

/// Finds its coroutine by a number, since what is shared between threads may not lead to it
/// directly.
pub(super) struct TaskWaker {
    pub(super) id: u64,
    thread: ThreadId,
    target: Option<Arc<dyn WakeTarget>>,
    /// The coroutine woke itself while it was being polled.
    notified: AtomicBool,
    /// Another thread has woken it since the last poll began: a wake is on its way to the reactor,
    /// and must find the coroutine.
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

    /// What woke the coroutine before now is known to the poll that begins.
    pub(super) fn begin_poll(&self) {
        if self.woken.load(Ordering::Acquire) {
            self.woken.store(false, Ordering::Relaxed);
        }
    }

    /// Whether another thread has woken it since the poll began. To be asked after whether that
    /// thread still has a clone.
    pub(super) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// Whether a wake came during the poll that has just ended.
    pub(super) fn take_notified(&self) -> bool {
        // Loaded first, because a swap is expensive and rarely needed.
        self.notified.load(Ordering::Relaxed) && self.notified.swap(false, Ordering::Relaxed)
    }

    /// Sends a wake to the reactor; `false` if there is none.
    pub(super) fn send(&self, wake: RemoteWake) -> bool {
        self.target.as_ref().is_some_and(|target| target.send(wake))
    }

    fn is_on_own_thread(&self) -> bool {
        this_thread() == self.thread
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_on_own_thread() {
            match registry::take(self.id) {
                Some(task) => wake_and_finish(task),
                None => self.notified.store(true, Ordering::Relaxed),
            }
        } else {
            self.woken.store(true, Ordering::Release);
            if !self.send(RemoteWake::Resume(self.id)) {
                self.woken.store(false, Ordering::Release);
                report(Origin::Wake, CannotResume.into());
            }
        }
    }
}

impl Drop for TaskWaker {
    fn drop(&mut self) {
        if self.is_on_own_thread() {
            if !*self.woken.get_mut() {
                drop(registry::take(self.id));
            }
        } else {
            // Without a reactor to tell, the coroutine stays where it is until its thread ends.
            self.send(RemoteWake::Forget(self.id));
        }
    }
}
