//! What a reactor waits by, which needs descriptors: opened when the first one is to be watched or the
//! reactor begins to run, and closed at its end.

use std::{cell::RefCell, io, sync::Arc};

use crate::event_loop::Waiter;

/// The waiter of a reactor, while there is one. A reactor that has timers and calls from threads but
/// never runs uses no descriptors, so nothing that keeps it by mistake keeps any.
pub(super) struct LazyWaiter(RefCell<Option<Arc<Waiter>>>);

impl LazyWaiter {
    pub(super) const fn new() -> Self {
        LazyWaiter(RefCell::new(None))
    }

    /// The waiter, opened by now.
    pub(super) fn open(&self) -> io::Result<Arc<Waiter>> {
        let mut waiter = self.0.borrow_mut();
        if let Some(waiter) = &*waiter {
            return Ok(waiter.clone());
        }
        Ok(waiter.insert(Arc::new(Waiter::new()?)).clone())
    }

    /// Closes it. No descriptor may be watched any more.
    pub(super) fn close(&self) {
        drop(self.0.take());
    }
}
