//! All values, or the first failure.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::{
    errors::FirstError,
    inputs::{Fires, Inputs},
};
use crate::{
    deferred::{Deferred, Trigger, deferred_with_canceller, succeed},
    failure::Failure,
};

/// Waits for all values, in input order, or for the first failure; Twisted's `gatherResults`.
///
/// The failure is a [`FirstError`] that says which Deferred it was. The others go on; their values
/// are dropped, and their failures are reported as unhandled. Cancelling the result cancels all of
/// them. Without input it fires at once.
///
/// ```
/// use deferrous::{gather_results, succeed};
/// let all = gather_results([succeed(1), succeed(2)]);
/// assert_eq!(all.into_result().unwrap().unwrap(), [1, 2]);
/// ```
#[must_use = "the values of the Deferreds are gathered in the one returned"]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn gather_results<T: 'static>(
    deferreds: impl IntoIterator<Item = Deferred<T>>,
) -> Deferred<Vec<T>> {
    gather(deferreds.into_iter().collect(), false)
}

/// As [`gather_results`], but the first failure cancels the Deferreds that have not fired, and what
/// they then fail with is dropped.
///
/// ```
/// use deferrous::{deferred, fail, gather_results_or_cancel};
/// let (trigger, slow) = deferred::<u8>();
/// let all = gather_results_or_cancel([fail(std::fmt::Error), slow]);
/// assert!(trigger.is_called());
/// assert!(all.into_result().unwrap().is_err());
/// ```
#[must_use = "the values of the Deferreds are gathered in the one returned"]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn gather_results_or_cancel<T: 'static>(
    deferreds: impl IntoIterator<Item = Deferred<T>>,
) -> Deferred<Vec<T>> {
    gather(deferreds.into_iter().collect(), true)
}

/// What the links of the gathered Deferreds share.
struct Gathering<T> {
    values: RefCell<Vec<Option<T>>>,
    missing: Cell<usize>,
    trigger: RefCell<Option<Trigger<Vec<T>>>>,
    inputs: Rc<Inputs>,
    cancel_rest: bool,
}

#[cfg_attr(feature = "inspect", track_caller)]
fn gather<T: 'static>(deferreds: Vec<Deferred<T>>, cancel_rest: bool) -> Deferred<Vec<T>> {
    if deferreds.is_empty() {
        return succeed(Vec::new());
    }
    let inputs = Inputs::new(&deferreds);
    let to_cancel = inputs.clone();
    let (trigger, result) = deferred_with_canceller(move |_| to_cancel.cancel());
    Inputs::combined("gather_results", &deferreds, &result);
    let gathering = Rc::new(Gathering {
        values: RefCell::new(deferreds.iter().map(|_| None).collect()),
        missing: deferreds.len().into(),
        trigger: RefCell::new(Some(trigger)),
        inputs,
        cancel_rest,
    });
    for (index, deferred) in deferreds.into_iter().enumerate() {
        let gathering = gathering.clone();
        deferred.end_with(move |outcome| match outcome {
            Ok(value) => gathering.succeeded(index, value),
            Err(failure) => gathering.failed(index, failure),
        });
    }
    result
}

impl<T: 'static> Gathering<T> {
    fn succeeded(&self, index: usize, value: T) -> Option<Fires<Vec<T>>> {
        // Drop the value now if the result has failed: it may be a permit that others wait for.
        self.trigger.borrow().as_ref()?;
        self.values.borrow_mut()[index] = Some(value);
        let missing = self.missing.get() - 1;
        self.missing.set(missing);
        if missing > 0 {
            return None;
        }
        let trigger = self.trigger.take()?;
        let values = self.values.take().into_iter().flatten().collect();
        Some((trigger, Ok(values)))
    }

    fn failed(&self, index: usize, failure: Failure) -> Option<Fires<Vec<T>>> {
        let Some(trigger) = self.trigger.take() else {
            self.inputs.late(failure);
            return None;
        };
        drop(self.values.take());
        if self.cancel_rest {
            self.inputs.cancel();
        }
        Some((
            trigger,
            Err(Failure::without_backtrace(FirstError { index, failure })),
        ))
    }
}
