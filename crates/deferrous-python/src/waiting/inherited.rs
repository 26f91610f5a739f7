//! Finding the pollers of all loops in a process that was forked off.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use deferrous::event_loop::{MessageQueue, Waiter};

/// What a loop keeps its waiter in.
pub trait HasWaiter: Send + Sync {
    /// Takes the waiter out. The loop makes another one when it next needs one.
    fn take_waiter(&self) -> Option<Arc<Waiter>>;
}

impl<M: Send> HasWaiter for MessageQueue<M> {
    fn take_waiter(&self) -> Option<Arc<Waiter>> {
        self.take_waiter()
    }
}

/// The waiter of a loop whose messages need no queue.
pub struct WaiterSlot(Mutex<Option<Arc<Waiter>>>);

impl WaiterSlot {
    /// One without a waiter, which a fork takes the waiter out of.
    pub fn new() -> Arc<Self> {
        let slot = Arc::new(WaiterSlot(Mutex::new(None)));
        register(&slot);
        slot
    }

    /// The waiter, if there is one.
    pub fn get(&self) -> Option<Arc<Waiter>> {
        self.locked().clone()
    }

    /// Takes the waiter out, to close it.
    pub fn take(&self) -> Option<Arc<Waiter>> {
        self.locked().take()
    }

    /// Puts a waiter in.
    pub fn set(&self, waiter: Arc<Waiter>) {
        *self.locked() = Some(waiter);
    }

    fn locked(&self) -> MutexGuard<'_, Option<Arc<Waiter>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HasWaiter for WaiterSlot {
    fn take_waiter(&self) -> Option<Arc<Waiter>> {
        self.take()
    }
}

/// Those of this process. Only attached threads lock it.
static ALL: Mutex<Vec<Weak<dyn HasWaiter>>> = Mutex::new(Vec::new());

/// Has [`abandon_inherited`] find a waiter after a fork.
pub fn register<T: HasWaiter + 'static>(holder: &Arc<T>) {
    let holder: Weak<T> = Arc::downgrade(holder);
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|other| other.strong_count() > 0);
    all.push(holder);
}

/// Closes the pollers that this process shares with the one that it was forked off from.
///
/// It is done at once: later, the program may have closed these descriptors itself, and opened others with
/// the same numbers.
pub fn abandon_inherited() {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    for holder in all.iter().filter_map(Weak::upgrade) {
        match holder.take_waiter().map(Arc::try_unwrap) {
            Some(Ok(waiter)) => waiter.abandon(),
            // A thread of the parent's that is not there any more had it, so that it is never closed.
            Some(Err(shared)) => mem::forget(shared),
            None => {}
        }
    }
}
