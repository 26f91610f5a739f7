//! Loops whose steps may wait.

mod support;

use std::{
    cell::{Cell, RefCell},
    ops::ControlFlow,
    rc::Rc,
};

use deferrous::{
    Abandoned, Cancelled, Deferred, Failure, Panicked, Trigger, capture_unhandled, deferred,
    deferred_with_canceller, repeat, succeed,
};
use support::{error, failure_of, value_of};

/// What a step returns that waits, and what fires it, newest last.
type Triggers = Rc<RefCell<Vec<Trigger<ControlFlow<u32, u32>>>>>;

fn waiting_steps() -> (Triggers, Deferred<u32>) {
    let triggers = Triggers::default();
    let steps = triggers.clone();
    let result = repeat(0, move |_| {
        let (trigger, d) = deferred();
        steps.borrow_mut().push(trigger);
        d
    });
    (triggers, result)
}

fn newest(triggers: &Triggers) -> Trigger<ControlFlow<u32, u32>> {
    triggers.borrow_mut().pop().unwrap()
}

#[test]
fn steps_get_the_state_of_the_one_before() {
    let states = Rc::new(RefCell::new(Vec::new()));
    let seen = states.clone();
    let result = repeat(10, move |state| {
        seen.borrow_mut().push(state);
        Ok(match state {
            13 => ControlFlow::Break("done"),
            _ => ControlFlow::Continue(state + 1),
        })
    });
    assert_eq!(value_of(result), "done");
    assert_eq!(states.take(), [10, 11, 12, 13]);
}

#[test]
fn a_step_is_called_when_the_one_before_has_its_result() {
    let (triggers, result) = waiting_steps();
    assert_eq!(triggers.borrow().len(), 1);
    newest(&triggers)
        .callback(ControlFlow::Continue(1))
        .unwrap();
    assert_eq!(triggers.borrow().len(), 1);
    assert!(!result.is_called());
    newest(&triggers).callback(ControlFlow::Break(7)).unwrap();
    assert_eq!(value_of(result), 7);
}

#[test]
fn a_failure_or_a_panic_ends_the_loop() {
    let failing = repeat((), |()| -> Result<ControlFlow<()>, Failure> {
        Err(error("no"))
    });
    assert_eq!(failure_of(failing).to_string(), "no");
    let panicking = repeat((), |()| -> Result<ControlFlow<()>, Failure> {
        panic!("no")
    });
    assert!(failure_of(panicking).check::<Panicked>());
    let (triggers, result) = waiting_steps();
    newest(&triggers).errback(error("late")).unwrap();
    assert_eq!(failure_of(result).to_string(), "late");
}

#[test]
fn a_step_that_is_abandoned_fails_the_loop() {
    let (triggers, result) = waiting_steps();
    triggers.take();
    assert!(failure_of(result).check::<Abandoned>());
}

#[test]
fn cancelling_cancels_the_step_that_is_waited_for() {
    let (triggers, result) = waiting_steps();
    result.cancel();
    assert!(newest(&triggers).is_called());
    assert!(failure_of(result).check::<Cancelled>());
    assert!(triggers.borrow().is_empty());
}

#[test]
fn a_cancelled_step_may_still_break_the_loop_but_not_continue_it() {
    for (outcome, expected) in [
        (ControlFlow::Break(3), Some(3)),
        (ControlFlow::Continue(3), None),
    ] {
        let calls = Rc::new(Cell::new(0));
        let count = calls.clone();
        let keep = Rc::new(RefCell::new(Vec::new()));
        let kept = keep.clone();
        let result = repeat(0_u32, move |_| {
            count.set(count.get() + 1);
            let (trigger, d) =
                deferred_with_canceller(move |trigger: &Trigger<ControlFlow<u32, u32>>| {
                    trigger.callback(outcome).unwrap()
                });
            kept.borrow_mut().push(trigger);
            d
        });
        result.cancel();
        assert_eq!(calls.get(), 1);
        match expected {
            Some(value) => assert_eq!(value_of(result), value),
            None => assert!(failure_of(result).check::<Cancelled>()),
        }
    }
}

#[test]
fn a_step_may_cancel_its_own_loop() {
    let captured = capture_unhandled();
    let own: Rc<RefCell<Option<Deferred<()>>>> = Rc::default();
    let (start, started) = deferred::<()>();
    let mut started = Some(started);
    let (handle, calls) = (own.clone(), Rc::new(Cell::new(0)));
    let count = calls.clone();
    let held = Rc::new(RefCell::new(None));
    let hold = held.clone();
    let result = repeat((), move |()| {
        count.set(count.get() + 1);
        match started.take() {
            Some(started) => started.map(ControlFlow::Continue),
            None => {
                handle.borrow().as_ref().unwrap().cancel();
                let (trigger, d) = deferred::<ControlFlow<()>>();
                hold.replace(Some(trigger));
                d
            }
        }
    });
    own.replace(Some(result));
    start.callback(()).unwrap();
    assert_eq!(calls.get(), 2);
    assert!(held.take().unwrap().is_called());
    assert!(failure_of(own.take().unwrap()).check::<Cancelled>());
    assert!(captured.take().is_empty());
}

#[test]
fn dropping_the_result_does_not_end_the_loop() {
    let (triggers, result) = waiting_steps();
    drop(result);
    newest(&triggers)
        .callback(ControlFlow::Continue(1))
        .unwrap();
    newest(&triggers).callback(ControlFlow::Break(1)).unwrap();
}

#[test]
fn a_loop_that_ends_drops_its_step() {
    let owned = Rc::new(());
    let held = owned.clone();
    let result = repeat((), move |()| {
        let _ = &held;
        succeed(ControlFlow::<()>::Break(()))
    });
    assert_eq!(Rc::strong_count(&owned), 1);
    value_of(result);
}
