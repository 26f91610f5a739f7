//! A loop whose steps may wait.

use std::{cell::Cell, ops::ControlFlow, rc::Rc};

use super::{
    constructors::{deferred_with_canceller, maybe_deferred},
    handles::CancelHandle,
    returns::CallbackResult,
    trigger::Trigger,
    typed::Deferred,
};
use crate::control_flow::Cancelled;

/// Calls `step` again and again, each time when what the last call returned is there, until one
/// breaks the loop. In Twisted this is a loop in `inlineCallbacks`.
///
/// The first call gets `state`, and each other one what the call before it put into
/// [`ControlFlow::Continue`]. [`ControlFlow::Break`] ends the loop, and its value is the result. So
/// does a failure or a panic of a step.
///
/// A function that calls itself from its own callback does the same. It keeps one Deferred for each
/// round if it returns what it waits for, and `repeat` keeps one in all. Neither needs more stack for
/// more rounds.
///
/// The first step is called at once, and others follow at once while their results are there
/// already. A loop that never waits keeps a reactor from doing anything else.
///
/// Cancelling the result cancels what the loop waits for, and no other step is called. Dropping it
/// does not end the loop.
///
/// ```
/// use std::ops::ControlFlow;
/// use deferrous::{DeferredQueue, repeat};
///
/// let numbers = DeferredQueue::<Option<u64>>::new();
/// let source = numbers.clone();
/// let sum = repeat(0, move |sum| {
///     let next = source.get().expect("the backlog is unbounded");
///     next.map(move |number| match number {
///         Some(number) => ControlFlow::Continue(sum + number),
///         None => ControlFlow::Break(sum),
///     })
/// });
/// for number in [Some(1), Some(2), Some(3), None] {
///     numbers.put(number)?;
/// }
/// assert_eq!(sum.into_result().unwrap()?, 6);
/// # Ok::<(), deferrous::Failure>(())
/// ```
#[must_use = "the result of the loop, and its failure, are in the Deferred returned"]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn repeat<S, B, R>(state: S, step: impl FnMut(S) -> R + 'static) -> Deferred<B>
where
    S: 'static,
    B: 'static,
    R: CallbackResult<Value = ControlFlow<B, S>>,
{
    let shared = Rc::new(Shared {
        waiting: Cell::new(None),
        cancelled: Cell::new(false),
    });
    let to_cancel = shared.clone();
    let (trigger, result) = deferred_with_canceller(move |_| {
        to_cancel.cancelled.set(true);
        if let Some(handle) = to_cancel.waiting.take() {
            handle.cancel();
        }
    });
    result.inspected().named("repeat");
    let running = Loop {
        step,
        trigger,
        shared,
    };
    running.run(state);
    result
}

struct Loop<B, F> {
    step: F,
    trigger: Trigger<B>,
    shared: Rc<Shared>,
}

/// The state that the loop shares with the canceller of its result.
struct Shared {
    /// Cancels what the loop waits for.
    waiting: Cell<Option<CancelHandle>>,
    cancelled: Cell<bool>,
}

impl<B: 'static, F: 'static> Loop<B, F> {
    /// Calls steps until one waits or the loop ends.
    fn run<S, R>(mut self, mut state: S)
    where
        S: 'static,
        F: FnMut(S) -> R,
        R: CallbackResult<Value = ControlFlow<B, S>>,
    {
        while !self.shared.cancelled.get() {
            let result = match maybe_deferred(|| (self.step)(state)).into_result() {
                Ok(result) => result,
                Err(unfinished) => return self.wait(unfinished),
            };
            let result = match result {
                Ok(ControlFlow::Continue(next)) => {
                    state = next;
                    continue;
                }
                Ok(ControlFlow::Break(value)) => Ok(value),
                Err(failure) => Err(failure),
            };
            self.trigger.into_firing().finish(result.into());
            return;
        }
    }

    /// Goes on when a step has its result.
    fn wait<S, R>(self, step: Deferred<ControlFlow<B, S>>)
    where
        S: 'static,
        F: FnMut(S) -> R,
        R: CallbackResult<Value = ControlFlow<B, S>>,
    {
        if self.shared.cancelled.get() {
            // The step has cancelled its own loop, and nobody waits for it.
            let step = step.map(drop);
            step.cancel();
            drop(step.add_errback(|failure| failure.trap::<Cancelled>().map(drop)));
            return;
        }
        self.shared.waiting.set(Some(step.cancel_handle()));
        self.trigger.inspected().waits_for(step.inspected());
        step.end_with(move |result| {
            self.shared.waiting.set(None);
            match result {
                Ok(ControlFlow::Continue(state)) => {
                    self.run(state);
                    None
                }
                Ok(ControlFlow::Break(value)) => Some((self.trigger, Ok(value))),
                Err(failure) => Some((self.trigger, Err(failure))),
            }
        });
    }
}
