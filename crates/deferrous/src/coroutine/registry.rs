//! Coroutines that only a waker leads to, and the reactor that passes on what wakers ask for.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
};

#[cfg(all(test, deferrous_loom))]
use crate::primitives::CellKey;
use crate::{deferred::cell::Waiter, primitives::thread_local};

/// A request of a waker to the coroutine's own thread. It is done after the call of the waker, because
/// the caller may hold a lock that the coroutine needs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WakeRequest {
    /// Poll the coroutine.
    Resume(u64),
    /// Drop the coroutine if nothing else leads to it: its last waker is gone.
    Forget(u64),
}

/// Where a [`WakeRequest`] can be sent from any thread: a reactor.
pub(crate) trait WakeTarget: Send + Sync {
    /// Has [`run_request`](super::run_request) called on the reactor's thread, soon. `false` if the
    /// reactor is gone.
    fn send(&self, request: WakeRequest) -> bool;

    /// Whether the reactor has ended.
    fn is_gone(&self) -> bool;
}

thread_local! {
    static NEXT_ID: Cell<u64> = const { Cell::new(0) };
    static WAITING: RefCell<HashMap<u64, Rc<dyn Waiter>>> = RefCell::new(HashMap::new());
    static TARGET: RefCell<Option<Arc<dyn WakeTarget>>> = const { RefCell::new(None) };
}

pub(super) fn new_id() -> u64 {
    NEXT_ID.with(|next| {
        let id = next.get();
        next.set(id + 1);
        id
    })
}

/// Keeps a coroutine alive for its wakers.
pub(super) fn keep(id: u64, task: Rc<dyn Waiter>) {
    // On a thread that is ending nothing can wake it any more, and it is dropped.
    let _ = WAITING.try_with(|waiting| waiting.borrow_mut().insert(id, task));
}

pub(super) fn take(id: u64) -> Option<Rc<dyn Waiter>> {
    let take = |waiting: &RefCell<HashMap<u64, Rc<dyn Waiter>>>| {
        let mut waiting = waiting.borrow_mut();
        // Coroutines that await Deferreds alone, which are most, are never here.
        if waiting.is_empty() {
            None
        } else {
            waiting.remove(&id)
        }
    };
    WAITING.try_with(take).unwrap_or(None)
}

/// Whether a coroutine is kept for its wakers. While it is being polled it is not.
pub(super) fn is_kept(id: u64) -> bool {
    let is_kept = |waiting: &RefCell<HashMap<u64, Rc<dyn Waiter>>>| {
        let waiting = waiting.borrow();
        // Coroutines that await Deferreds alone, which are most, are never here.
        !waiting.is_empty() && waiting.contains_key(&id)
    };
    WAITING.try_with(is_kept).unwrap_or(false)
}

/// The target of coroutines spawned now.
pub(crate) fn current_target() -> Option<Arc<dyn WakeTarget>> {
    // On a thread that is ending there is none.
    TARGET
        .try_with(|target| target.borrow().clone())
        .unwrap_or(None)
}

/// Makes `target` the current one for the length of `f`.
pub(crate) fn with_target<R>(target: Arc<dyn WakeTarget>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<dyn WakeTarget>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            TARGET.set(self.0.take());
        }
    }
    let _restore = Restore(TARGET.replace(Some(target)));
    f()
}

/// Gives up a request that no reactor will run: the coroutine that it was to resume is dropped,
/// since nothing else may.
pub(crate) fn drop_request(request: WakeRequest) {
    let (WakeRequest::Resume(id) | WakeRequest::Forget(id)) = request;
    drop(take(id));
}
