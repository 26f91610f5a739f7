//! Many Deferreds into one: [`deferred_list`], [`gather_results`], [`race`].

mod gather;
mod list;
mod race;

use std::{cell::Cell, error::Error, fmt, rc::Rc};

pub use gather::{gather_results, gather_results_or_cancel};
pub use list::{ListOptions, Listed, deferred_list};
pub use race::race;

use crate::{
    deferred::{CancelHandle, Deferred, Trigger},
    failure::Failure,
    unhandled::{Origin, report},
};

/// The first failure of several Deferreds, and which of them it was; Twisted's `FirstError`.
#[derive(Debug)]
pub struct FirstError {
    /// The position in the input of the Deferred that failed, from 0.
    pub index: usize,
    /// What it failed with.
    pub failure: Failure,
}

impl fmt::Display for FirstError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deferred number {} failed", self.index)
    }
}

impl Error for FirstError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.failure.as_error())
    }
}

/// Every Deferred of a [`race`] failed; Twisted's `FailureGroup`.
#[derive(Debug)]
pub struct AllFailed {
    /// What each failed with, in input order.
    pub failures: Vec<Failure>,
}

impl fmt::Display for AllFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} Deferreds failed", self.failures.len())
    }
}

impl Error for AllFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failures.first().map(|failure| failure.as_error() as _)
    }
}

/// What one of the Deferreds came to decides about the result, which is fired so.
type Fires<T> = (Trigger<T>, Result<T, Failure>);

/// The way back to the Deferreds that were combined.
struct Inputs {
    handles: Vec<CancelHandle>,
    /// They were cancelled from here, so that they fail is no news to anybody.
    cancelled: Cell<bool>,
}

impl Inputs {
    fn new<T: 'static>(deferreds: &[Deferred<T>]) -> Rc<Self> {
        Rc::new(Inputs {
            handles: deferreds.iter().map(Deferred::cancel_handle).collect(),
            cancelled: Cell::new(false),
        })
    }

    fn cancel(&self) {
        self.cancelled.set(true);
        for handle in &self.handles {
            handle.cancel_soon();
        }
    }

    /// A failure that came too late to be in the result.
    fn late(&self, failure: Failure) {
        if !self.cancelled.get() {
            report(Origin::Deferred, failure);
        }
    }
}
