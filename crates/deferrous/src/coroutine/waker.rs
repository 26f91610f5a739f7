//! What futures other than Deferreds wake a coroutine with.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering, fence},
    },
    task::Wake,
    thread::{self, ThreadId},
};

use super::registry::{self, Errand, Home};
use crate::unhandled::{Origin, report};

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

/// Finds its coroutine by a number, since what is shared between threads may not lead to it directly.
pub(super) struct TaskWaker {
    pub(super) id: u64,
    thread: ThreadId,
    home: Option<Arc<dyn Home>>,
    /// The coroutine woke itself while it was being polled.
    notified: AtomicBool,
    /// Another thread has woken it since the last poll began: an errand is on its way, and must find the coroutine.
    woken: AtomicBool,
}

impl TaskWaker {
    pub(super) fn new(thread: ThreadId, home: Option<Arc<dyn Home>>) -> Arc<Self> {
        Arc::new(TaskWaker {
            id: registry::new_id(),
            thread,
            home,
            notified: AtomicBool::new(false),
            woken: AtomicBool::new(false),
        })
    }

    /// What woke the coroutine before now is known to the poll that begins.
    pub(super) fn begin_poll(&self) {
        self.woken.swap(false, Ordering::AcqRel);
    }

    /// Whether somebody else holds the waker, or did during the poll that has just ended and has used it.
    pub(super) fn may_resume(self: &Arc<Self>) -> (bool, bool) {
        let lent = Arc::strong_count(self) > 1;
        // Who let go of it has woken before that.
        fence(Ordering::Acquire);
        (lent, self.woken.load(Ordering::Relaxed))
    }

    /// Whether a wake came during the poll that has just ended.
    pub(super) fn take_notified(&self) -> bool {
        self.notified.swap(false, Ordering::Relaxed)
    }

    /// Sends an errand to the reactor; `false` if there is none.
    pub(super) fn send(&self, errand: Errand) -> bool {
        self.home.as_ref().is_some_and(|home| home.send(errand))
    }

    fn is_at_home(&self) -> bool {
        thread::current().id() == self.thread
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_at_home() {
            match registry::take(self.id) {
                Some(task) => task.resume(),
                None => self.notified.store(true, Ordering::Relaxed),
            }
        } else {
            self.woken.store(true, Ordering::Release);
            if !self.send(Errand::Resume(self.id)) {
                self.woken.store(false, Ordering::Release);
                report(Origin::Wake, CannotResume.into());
            }
        }
    }
}

impl Drop for TaskWaker {
    fn drop(&mut self) {
        if self.is_at_home() {
            if !*self.woken.get_mut() {
                drop(registry::take(self.id));
            }
        } else {
            // Without a reactor to tell, the coroutine stays where it is until its thread ends.
            self.send(Errand::Forget(self.id));
        }
    }
}
