//! Handles that act on a Deferred while somebody else owns its chain.

use std::{fmt, rc::Rc, rc::Weak};

use super::cell::{CellData, Closures, DeferredCell};
use crate::chain::{self, State};

/// Cancels a Deferred that has been moved elsewhere.
///
/// Made by [`Deferred::cancel_handle`](crate::Deferred::cancel_handle). Clones cancel the same
/// Deferred. It does not keep the Deferred alive and stays on its thread.
#[derive(Clone)]
pub struct CancelHandle(Weak<CellData>);

impl CancelHandle {
    pub(crate) fn new(cell: &DeferredCell) -> Self {
        CancelHandle(Rc::downgrade(cell))
    }

    /// Cancels the Deferred as [`Deferred::cancel`](crate::Deferred::cancel) does; nothing happens
    /// if it has fired or is gone.
    pub fn cancel(&self) {
        if let Some(cell) = self.0.upgrade() {
            cell.cancel();
        }
    }

    /// Whether the Deferred was fired or cancelled, or is gone.
    pub fn is_called(&self) -> bool {
        self.0
            .upgrade()
            .is_none_or(|cell| cell.read(State::is_called))
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelHandle")
            .field("called", &self.is_called())
            .finish()
    }
}

/// Holds a Deferred paused, and unpauses it when dropped.
///
/// Made by [`Deferred::pause_guard`](crate::Deferred::pause_guard).
#[must_use = "the Deferred is paused only while this guard lives"]
pub struct PauseGuard(DeferredCell);

impl PauseGuard {
    pub(crate) fn new(cell: &DeferredCell) -> Self {
        chain::pause(&Closures, cell);
        PauseGuard(cell.clone())
    }

    /// Unpauses the Deferred now; the same as dropping the guard.
    pub fn unpause(self) {}
}

impl Drop for PauseGuard {
    fn drop(&mut self) {
        // The pause may have been ended by hand already, which leaves nothing to do.
        let _ = chain::unpause(&Closures, &self.0);
    }
}

impl fmt::Debug for PauseGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PauseGuard")
            .field("pauses", &self.0.read(State::pauses))
            .finish()
    }
}
