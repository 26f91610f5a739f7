//! `pause` counts. While the count is above zero no link runs and an outcome is only stored.
//! `unpause` to zero runs what has queued up. Pausing from inside a callback stops after that
//! callback.

mod support;

use std::{cell::RefCell, rc::Rc};

use deferrous::{Abandoned, Deferred, NotPaused, deferred, fail, succeed};
use support::{Trace, error, failure_of, messages, value_of};

#[test]
fn no_link_runs_while_paused() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    let d = d.add_both(trace.both("link"));
    d.pause();
    trigger.callback(1).unwrap();
    assert!(d.is_called() && trace.take().is_empty());
    d.unpause().unwrap();
    assert_eq!(trace.take(), ["link value 1"]);
}

#[test]
fn unpausing_runs_what_has_queued_up_in_order() {
    let trace = Trace::new();
    let d = succeed(1);
    d.pause();
    let d = d
        .add_both(trace.both("first"))
        .add_both(trace.both("second"));
    assert!(trace.take().is_empty());
    d.unpause().unwrap();
    assert_eq!(trace.take(), ["first value 1", "second value 1"]);
}

#[test]
fn pauses_count() {
    let trace = Trace::new();
    let d = succeed(1);
    d.pause();
    d.pause();
    let d = d.add_both(trace.both("link"));
    d.unpause().unwrap();
    assert!(trace.take().is_empty());
    d.unpause().unwrap();
    assert_eq!(trace.take(), ["link value 1"]);
}

#[test]
fn unpausing_what_is_not_paused_is_an_error() {
    let d = succeed(1);
    assert_eq!(d.unpause(), Err(NotPaused));
    d.pause();
    assert_eq!(d.unpause(), Ok(()));
    assert_eq!(d.unpause(), Err(NotPaused));
    assert_eq!(value_of(d.map(|n| n + 1)), 2);
}

#[test]
fn unpausing_an_unfired_deferred_runs_nothing() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    let d = d.add_both(trace.both("link"));
    d.pause();
    d.unpause().unwrap();
    assert!(trace.take().is_empty());
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["link value 1"]);
}

#[test]
fn a_paused_outcome_cannot_be_taken() {
    let d = succeed(1);
    d.pause();
    let d = d.into_result().unwrap_err();
    d.unpause().unwrap();
    assert_eq!(value_of(d), 1);
}

#[test]
fn pausing_from_inside_a_callback_stops_after_that_callback() {
    let trace = Trace::new();
    let (trigger, d) = deferred::<i32>();
    let own: Rc<RefCell<Option<Deferred<i32>>>> = Rc::default();
    let (handle, seen) = (own.clone(), trace.clone());
    let d = d
        .map(move |n| {
            handle.borrow().as_ref().unwrap().pause();
            seen.note("paused");
            n + 1
        })
        .add_both(trace.both("next"));
    own.replace(Some(d));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["paused"]);
    own.borrow().as_ref().unwrap().unpause().unwrap();
    assert_eq!(trace.take(), ["next value 2"]);
}

#[test]
fn unpausing_from_inside_a_callback_goes_on_after_that_callback() {
    let trace = Trace::new();
    let (trigger, d) = deferred::<i32>();
    let own: Rc<RefCell<Option<Deferred<i32>>>> = Rc::default();
    let (handle, seen) = (own.clone(), trace.clone());
    let d = d
        .map(move |n| {
            let handle = handle.borrow();
            handle.as_ref().unwrap().pause();
            handle.as_ref().unwrap().unpause().unwrap();
            seen.note("unpaused");
            n
        })
        .add_both(trace.both("next"));
    own.replace(Some(d));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["unpaused", "next value 1"]);
}

#[test]
fn a_callback_that_pauses_and_returns_a_deferred_waits_for_both() {
    let trace = Trace::new();
    let (trigger, d) = deferred::<i32>();
    let (inner_trigger, inner) = deferred::<i32>();
    let own: Rc<RefCell<Option<Deferred<i32>>>> = Rc::default();
    let handle = own.clone();
    let d = d
        .add_callback(move |_| {
            handle.borrow().as_ref().unwrap().pause();
            inner
        })
        .add_both(trace.both("next"));
    own.replace(Some(d));
    trigger.callback(1).unwrap();
    inner_trigger.callback(2).unwrap();
    assert!(trace.take().is_empty());
    own.borrow().as_ref().unwrap().unpause().unwrap();
    assert_eq!(trace.take(), ["next value 2"]);
}

#[test]
fn a_waiting_deferred_that_is_paused_stores_what_it_waited_for() {
    let trace = Trace::new();
    let (inner_trigger, inner) = deferred();
    let d = succeed(()).add_callback(|()| inner);
    d.pause();
    let d = d.add_both(trace.both("link"));
    inner_trigger.callback(1).unwrap();
    assert!(trace.take().is_empty());
    d.unpause().unwrap();
    assert_eq!(trace.take(), ["link value 1"]);
}

#[test]
fn unpausing_a_waiting_deferred_does_not_end_the_wait() {
    let trace = Trace::new();
    let (inner_trigger, inner) = deferred();
    let d = succeed(())
        .add_callback(|()| inner)
        .add_both(trace.both("link"));
    d.pause();
    d.unpause().unwrap();
    assert!(trace.take().is_empty());
    inner_trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["link value 1"]);
    drop(d);
}

#[test]
fn a_guard_pauses_while_it_lives() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    let guard = d.pause_guard();
    let second = d.pause_guard();
    let d = d.add_both(trace.both("link"));
    trigger.callback(1).unwrap();
    drop(guard);
    assert!(trace.take().is_empty());
    second.unpause();
    assert_eq!(trace.take(), ["link value 1"]);
    drop(d);
}

#[test]
fn a_guard_works_after_the_handle_is_gone() {
    let trace = Trace::new();
    let d = succeed(1);
    let guard = d.pause_guard();
    drop(d.add_both(trace.both("link")));
    assert!(trace.take().is_empty());
    drop(guard);
    assert_eq!(trace.take(), ["link value 1"]);
}

#[test]
fn a_guard_whose_pause_was_ended_by_hand_does_nothing() {
    let d = succeed(1);
    let guard = d.pause_guard();
    d.unpause().unwrap();
    drop(guard);
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_paused_failure_is_not_unhandled_before_the_pause_ends() {
    let captured = deferrous::capture_unhandled();
    let d = fail::<i32>(error("paused"));
    let guard = d.pause_guard();
    drop(d);
    assert!(captured.take().is_empty());
    drop(guard);
    assert_eq!(messages(&captured), ["paused"]);
}

#[test]
fn an_inner_one_that_nobody_can_unpause_abandons_its_waiter() {
    let inner = succeed(1);
    inner.pause();
    let d = succeed(()).add_callback(|()| inner);
    assert!(failure_of(d).check::<Abandoned>());
}
