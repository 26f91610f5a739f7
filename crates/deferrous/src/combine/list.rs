//! All results, whatever they are.

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

/// When a [`deferred_list`] fires and what it does with failures; the keyword arguments of
/// Twisted's `DeferredList`. All are off by default.
///
/// ```
/// let options = deferrous::ListOptions::new().fire_on_one_errback().consume_errors();
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ListOptions {
    one_callback: bool,
    one_errback: bool,
    consume: bool,
}

impl ListOptions {
    /// Fires when all have fired.
    pub const fn new() -> Self {
        ListOptions {
            one_callback: false,
            one_errback: false,
            consume: false,
        }
    }

    /// Fires with [`Listed::First`] as soon as one Deferred has a value; Twisted's
    /// `fireOnOneCallback`.
    #[must_use]
    pub const fn fire_on_one_callback(mut self) -> Self {
        self.one_callback = true;
        self
    }

    /// Fails with [`FirstError`] as soon as one Deferred fails; Twisted's `fireOnOneErrback`.
    #[must_use]
    pub const fn fire_on_one_errback(mut self) -> Self {
        self.one_errback = true;
        self
    }

    /// Drops failures that come after the list has fired, which are reported as unhandled
    /// otherwise; Twisted's `consumeErrors`.
    #[must_use]
    pub const fn consume_errors(mut self) -> Self {
        self.consume = true;
        self
    }
}

/// What a [`deferred_list`] fires with.
#[derive(Debug)]
#[non_exhaustive]
pub enum Listed<T> {
    /// All fired: what each came to, in input order.
    All(Vec<Result<T, Failure>>),
    /// One had a value, which was to be enough.
    First {
        /// Its position in the input, from 0.
        index: usize,
        /// Its value.
        value: T,
    },
}

impl<T> Listed<T> {
    /// What each came to, for a list that was not to fire on one callback.
    ///
    /// ```
    /// use deferrous::{ListOptions, deferred_list, fail, succeed};
    /// let list = deferred_list([succeed(1), fail(std::fmt::Error)], ListOptions::new());
    /// let results = list.into_result().unwrap().unwrap().into_all().unwrap();
    /// assert!(results[0].is_ok() && results[1].is_err());
    /// ```
    pub fn into_all(self) -> Option<Vec<Result<T, Failure>>> {
        match self {
            Listed::All(results) => Some(results),
            Listed::First { .. } => None,
        }
    }
}

/// Waits for all, and fires with what each came to; Twisted's `DeferredList`.
///
/// With [`ListOptions`] it fires earlier. The list takes the Deferreds, so a failure is in its
/// results and nowhere else. Cancelling it cancels all of them. Without input it fires at once.
///
/// ```
/// use deferrous::{ListOptions, Listed, deferred, deferred_list, succeed};
/// let (_slow, waiting) = deferred();
/// let list = deferred_list([waiting, succeed(7)], ListOptions::new().fire_on_one_callback());
/// assert!(matches!(list.into_result().unwrap().unwrap(), Listed::First { index: 1, value: 7 }));
/// ```
#[must_use = "what the Deferreds come to is in the one returned"]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn deferred_list<T: 'static>(
    deferreds: impl IntoIterator<Item = Deferred<T>>,
    options: ListOptions,
) -> Deferred<Listed<T>> {
    let deferreds: Vec<_> = deferreds.into_iter().collect();
    if deferreds.is_empty() {
        return succeed(Listed::All(Vec::new()));
    }
    let inputs = Inputs::new(&deferreds);
    let to_cancel = inputs.clone();
    let (trigger, result) = deferred_with_canceller(move |_| to_cancel.cancel());
    Inputs::combined("deferred_list", &deferreds, &result);
    let listing = Rc::new(Listing {
        results: RefCell::new(deferreds.iter().map(|_| None).collect()),
        missing: Cell::new(deferreds.len()),
        trigger: RefCell::new(Some(trigger)),
        options,
        inputs,
    });
    for (index, deferred) in deferreds.into_iter().enumerate() {
        let listing = listing.clone();
        deferred.end_with(move |outcome| listing.on_outcome(index, outcome));
    }
    result
}

struct Listing<T> {
    results: RefCell<Vec<Option<Result<T, Failure>>>>,
    missing: Cell<usize>,
    trigger: RefCell<Option<Trigger<Listed<T>>>>,
    options: ListOptions,
    inputs: Rc<Inputs>,
}

impl<T: 'static> Listing<T> {
    fn on_outcome(&self, index: usize, outcome: Result<T, Failure>) -> Option<Fires<Listed<T>>> {
        self.missing.set(self.missing.get() - 1);
        let fires = match &outcome {
            Ok(_) => self.options.one_callback,
            Err(_) => self.options.one_errback,
        };
        if fires || self.trigger.borrow().is_none() {
            return self.fire_early(index, outcome);
        }
        self.results.borrow_mut()[index] = Some(outcome);
        if self.missing.get() > 0 {
            return None;
        }
        let trigger = self.trigger.take()?;
        let results = self.results.take().into_iter().flatten().collect();
        Some((trigger, Ok(Listed::All(results))))
    }

    fn fire_early(&self, index: usize, outcome: Result<T, Failure>) -> Option<Fires<Listed<T>>> {
        // Drop the earlier values now: one may be a permit that others wait for. The earlier
        // failures were to be part of the result, so report them.
        for earlier in self.results.take().into_iter().flatten() {
            if let Err(failure) = earlier
                && !self.options.consume
            {
                self.inputs.late(failure);
            }
        }
        match (self.trigger.take(), outcome) {
            (Some(trigger), Ok(value)) => Some((trigger, Ok(Listed::First { index, value }))),
            (Some(trigger), Err(failure)) => Some((
                trigger,
                Err(Failure::without_backtrace(FirstError { index, failure })),
            )),
            (None, Err(failure)) if !self.options.consume => {
                self.inputs.late(failure);
                None
            }
            (None, _) => None,
        }
    }
}
