//! Coroutines that only a waker leads to, and the reactor that passes on wakes from other threads.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
};

use super::task::Task;

/// What a waker on another thread wants done on the coroutine's own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Errand {
    /// Poll the coroutine.
    Resume(u64),
    /// Drop the coroutine if nothing else leads to it: its last waker is gone.
    Forget(u64),
}

/// Where errands can be sent from any thread: a reactor.
pub(crate) trait Home: Send + Sync {
    /// Has [`run_errand`] called on the home thread, soon. `false` if the reactor is gone.
    fn send(&self, errand: Errand) -> bool;
}

thread_local! {
    static NEXT_ID: Cell<u64> = const { Cell::new(0) };
    static WAITING: RefCell<HashMap<u64, Rc<Task>>> = RefCell::new(HashMap::new());
    static HOME: RefCell<Option<Arc<dyn Home>>> = const { RefCell::new(None) };
}

pub(super) fn new_id() -> u64 {
    NEXT_ID.with(|next| {
        let id = next.get();
        next.set(id + 1);
        id
    })
}

/// Keeps a coroutine alive for its wakers.
pub(super) fn keep(id: u64, task: Rc<Task>) {
    // On a thread that is ending nothing can wake it any more, and it is dropped.
    let _ = WAITING.try_with(|waiting| waiting.borrow_mut().insert(id, task));
}

pub(super) fn take(id: u64) -> Option<Rc<Task>> {
    let take = |waiting: &RefCell<HashMap<u64, Rc<Task>>>| {
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

/// The home of coroutines spawned now.
pub(crate) fn current_home() -> Option<Arc<dyn Home>> {
    // On a thread that is ending there is none.
    HOME.try_with(|home| home.borrow().clone()).unwrap_or(None)
}

/// Makes `home` the current one for the length of `f`.
pub(crate) fn with_home<R>(home: Arc<dyn Home>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<dyn Home>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            HOME.set(self.0.take());
        }
    }
    let _restore = Restore(HOME.replace(Some(home)));
    f()
}

/// Does what a waker sent from another thread.
pub(crate) fn run_errand(errand: Errand) {
    match errand {
        Errand::Resume(id) => {
            if let Some(task) = take(id) {
                task.wake();
            }
        }
        Errand::Forget(id) => drop(take(id)),
    }
}

/// Gives up an errand that no reactor will run: what it was to resume is dropped, since nothing
/// else may.
pub(crate) fn give_up_errand(errand: Errand) {
    let (Errand::Resume(id) | Errand::Forget(id)) = errand;
    drop(take(id));
}
