//! What a reactor waits by, which needs descriptors: opened when the first one is to be watched or the
//! reactor begins to run, and closed at its end. A memory reactor has none.

use std::{cell::RefCell, io, sync::Arc};

use crate::event_loop::Waiter;

/// The waiter of a reactor, while there is one. A reactor that has timers and calls from threads but
/// never runs uses no descriptors, so nothing that keeps it by mistake keeps any.
pub(super) struct LazyWaiter {
    waiter: RefCell<Option<Arc<Waiter>>>,
    in_memory: bool,
}

impl LazyWaiter {
    pub(super) const fn new() -> Self {
        LazyWaiter {
            waiter: RefCell::new(None),
            in_memory: false,
        }
    }

    /// For a memory reactor, which waits for nothing.
    pub(super) const fn in_memory() -> Self {
        LazyWaiter {
            waiter: RefCell::new(None),
            in_memory: true,
        }
    }

    /// Refuses what a memory reactor cannot do.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.in_memory {
            let text = "a memory reactor waits for no descriptor, signal or process, and does not run by itself";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        Ok(())
    }

    /// The waiter, opened by now.
    pub(super) fn open(&self) -> io::Result<Arc<Waiter>> {
        self.check()?;
        let mut waiter = self.waiter.borrow_mut();
        if let Some(waiter) = &*waiter {
            return Ok(waiter.clone());
        }
        Ok(waiter.insert(Arc::new(Waiter::new()?)).clone())
    }

    /// The waiter, if it is open.
    pub(super) fn get(&self) -> Option<Arc<Waiter>> {
        self.waiter.borrow().clone()
    }

    /// Closes it. No descriptor may be watched any more.
    pub(super) fn close(&self) {
        drop(self.waiter.take());
    }
}
