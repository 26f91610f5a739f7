//! The first value.

use std::{cell::RefCell, rc::Rc};

use super::{
    errors::AllFailed,
    inputs::{Fires, Inputs},
};
use crate::{
    deferred::{Deferred, Trigger, deferred_with_canceller, fail},
    failure::Failure,
};

/// Waits for the first value, and cancels the others; Twisted's `race`.
///
/// Fires with the winner's position in the input and its value. If all fail, it fails with
/// [`AllFailed`]. Cancelling it cancels all of them. What the losers come to is dropped. Without
/// input nobody can win, and it fails with an empty [`AllFailed`] at once.
///
/// ```
/// use deferrous::{deferred, race, succeed};
/// let (trigger, slow) = deferred();
/// let winner = race([slow, succeed("quick")]);
/// assert_eq!(winner.into_result().unwrap().unwrap(), (1, "quick"));
/// assert!(trigger.is_called()); // cancelled
/// ```
#[must_use = "the winner's value is in the Deferred returned"]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn race<T: 'static>(deferreds: impl IntoIterator<Item = Deferred<T>>) -> Deferred<(usize, T)> {
    let deferreds: Vec<_> = deferreds.into_iter().collect();
    if deferreds.is_empty() {
        return fail(AllFailed {
            failures: Vec::new(),
        });
    }
    let inputs = Inputs::new(&deferreds);
    let to_cancel = inputs.clone();
    let (trigger, result) = deferred_with_canceller(move |_| to_cancel.cancel());
    Inputs::combined("race", &deferreds, &result);
    let running = Rc::new(Race {
        failures: RefCell::new(Failures {
            missing: deferreds.len(),
            so_far: Vec::new(),
        }),
        trigger: RefCell::new(Some(trigger)),
        inputs,
    });
    for (index, deferred) in deferreds.into_iter().enumerate() {
        let running = running.clone();
        deferred.end_with(move |outcome| match outcome {
            Ok(value) => running.won(index, value),
            Err(failure) => running.failed(index, failure),
        });
    }
    result
}

struct Race<T> {
    failures: RefCell<Failures>,
    trigger: RefCell<Option<Trigger<(usize, T)>>>,
    inputs: Rc<Inputs>,
}

struct Failures {
    missing: usize,
    so_far: Vec<(usize, Failure)>,
}

impl<T: 'static> Race<T> {
    fn won(&self, index: usize, value: T) -> Option<Fires<(usize, T)>> {
        let trigger = self.trigger.take()?;
        // The losers first: they are cancelled by the time the winner's callbacks run.
        self.inputs.cancel();
        Some((trigger, Ok((index, value))))
    }

    fn failed(&self, index: usize, failure: Failure) -> Option<Fires<(usize, T)>> {
        let mut failures = self.failures.borrow_mut();
        failures.missing -= 1;
        failures.so_far.push((index, failure));
        if failures.missing > 0 {
            return None;
        }
        let mut all = std::mem::take(&mut failures.so_far);
        drop(failures);
        let trigger = self.trigger.take()?;
        all.sort_by_key(|(index, _)| *index);
        let failures = all.into_iter().map(|(_, failure)| failure).collect();
        Some((
            trigger,
            Err(Failure::without_backtrace(AllFailed { failures })),
        ))
    }
}
