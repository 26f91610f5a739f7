//! The Deferreds that are combined.

use std::{cell::Cell, rc::Rc};

use crate::{
    deferred::{CancelHandle, Deferred, Trigger},
    failure::Failure,
    unhandled::{Origin, report},
};

/// The trigger of the result, and what to fire it with.
pub(super) type Fires<T> = (Trigger<T>, Result<T, Failure>);

/// The way back to the Deferreds that were combined.
pub(super) struct Inputs {
    handles: Vec<CancelHandle>,
    /// They were cancelled from here, so their failures are expected.
    cancelled: Cell<bool>,
}

impl Inputs {
    pub(super) fn new<T: 'static>(deferreds: &[Deferred<T>]) -> Rc<Self> {
        Rc::new(Inputs {
            handles: deferreds.iter().map(Deferred::cancel_handle).collect(),
            cancelled: Cell::new(false),
        })
    }

    /// Has `result` known to wait for the Deferreds, by the function that has made it.
    pub(super) fn combined<T: 'static, U: 'static>(
        name: &'static str,
        deferreds: &[Deferred<T>],
        result: &Deferred<U>,
    ) {
        result.inspected().named(name);
        for deferred in deferreds {
            result.inspected().waits_for(deferred.inspected());
        }
    }

    pub(super) fn cancel(&self) {
        self.cancelled.set(true);
        for handle in &self.handles {
            handle.cancel();
        }
    }

    /// Reports a failure that came too late to be in the result.
    pub(super) fn late(&self, failure: Failure) {
        if !self.cancelled.get() {
            report(Origin::Deferred, failure);
        }
    }
}
