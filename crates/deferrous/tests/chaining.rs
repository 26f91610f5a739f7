//! A callback that returns a Deferred chains: if the inner one has an outcome and is neither paused
//! nor waiting, it is taken; otherwise the outer one waits. The inner one is left with "nothing".
//! Any depth, iteratively.

mod support;

use std::{cell::RefCell, rc::Rc};

use deferrous::{
    AlreadyCalled, Cancelled, CircularWait, Deferred, Trigger, capture_unhandled, deferred, fail,
    succeed,
};
use support::{Trace, error, failure_of, messages, value_of};

#[test]
fn the_outcome_of_a_fired_deferred_is_taken() {
    let trace = Trace::new();
    let d = succeed(1)
        .add_callback(|n| succeed(n + 1))
        .add_both(trace.both("next"));
    assert_eq!(trace.take(), ["next value 2"]);
    assert_eq!(value_of(d), 2);
}

#[test]
fn the_failure_of_a_fired_deferred_is_taken() {
    let captured = capture_unhandled();
    let d = succeed(1).add_callback(|_| fail::<i32>(error("inner")));
    assert_eq!(failure_of(d).to_string(), "inner");
    assert!(captured.take().is_empty());
}

#[test]
fn an_unfired_deferred_is_waited_for() {
    let trace = Trace::new();
    let (inner_trigger, inner) = deferred();
    let d = succeed(1)
        .add_callback(|_| inner)
        .add_both(trace.both("next"));
    assert!(d.is_called() && trace.take().is_empty());
    let d = d.into_result().unwrap_err();
    inner_trigger.callback(5).unwrap();
    assert_eq!(trace.take(), ["next value 5"]);
    assert_eq!(value_of(d), 5);
}

#[test]
fn an_unfired_deferred_that_fails_later_fails_the_waiting_one() {
    let captured = capture_unhandled();
    let (inner_trigger, inner) = deferred::<i32>();
    let d = succeed(1).add_callback(|_| inner);
    inner_trigger.errback(error("inner")).unwrap();
    assert_eq!(failure_of(d).to_string(), "inner");
    assert!(captured.take().is_empty());
}

#[test]
fn the_links_of_the_inner_one_run_before_the_outer_one_goes_on() {
    let trace = Trace::new();
    let (inner_trigger, inner) = deferred();
    let inner = inner
        .add_both(trace.both("inner"))
        .map(|n: i32| n * 2)
        .add_both(trace.both("inner"));
    let d = succeed(()).add_callback(|()| inner);
    let d = d.add_both(trace.both("outer"));
    inner_trigger.callback(1).unwrap();
    assert_eq!(
        trace.take(),
        ["inner value 1", "inner value 2", "outer value 2"]
    );
    assert_eq!(value_of(d), 2);
}

#[test]
fn a_paused_inner_one_is_waited_for() {
    let trace = Trace::new();
    let inner = succeed(1);
    let guard = inner.pause_guard();
    let d = succeed(())
        .add_callback(|()| inner)
        .add_both(trace.both("outer"));
    assert!(trace.take().is_empty());
    drop(guard);
    assert_eq!(trace.take(), ["outer value 1"]);
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_waiting_inner_one_is_waited_for() {
    let trace = Trace::new();
    let (innermost_trigger, innermost) = deferred();
    let inner = succeed(()).add_callback(|()| innermost);
    let d = succeed(())
        .add_callback(|()| inner)
        .add_both(trace.both("outer"));
    assert!(trace.take().is_empty());
    innermost_trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["outer value 1"]);
    assert_eq!(value_of(d), 1);
}

#[test]
fn an_errback_may_return_a_deferred_too() {
    let (inner_trigger, inner) = deferred();
    let d = fail::<i32>(error("no")).add_errback(|_| inner);
    inner_trigger.callback(3).unwrap();
    assert_eq!(value_of(d), 3);
}

#[test]
fn a_both_may_return_a_deferred_too() {
    let d = fail::<i32>(error("no")).add_both(|result| succeed(result.is_err()));
    assert!(value_of(d));
}

#[test]
fn one_after_the_other_many_are_waited_for() {
    let trace = Trace::new();
    let (triggers, inners): (Vec<Trigger<i32>>, Vec<_>) = (0..5).map(|_| deferred()).unzip();
    let mut d = succeed(0);
    for inner in inners {
        let seen = trace.clone();
        d = d.add_callback(move |n| {
            seen.note(n);
            inner
        });
    }
    for (index, trigger) in triggers.iter().enumerate().rev() {
        trigger.callback(index as i32 + 1).unwrap();
    }
    assert_eq!(trace.take(), ["0", "1", "2", "3", "4"]);
    assert_eq!(value_of(d), 5);
}

#[test]
fn flatten_waits_for_the_inner_one() {
    let (outer_trigger, outer) = deferred();
    let (inner_trigger, inner) = deferred();
    let d = outer.flatten();
    outer_trigger.callback(inner).unwrap();
    let d = d.into_result().unwrap_err();
    inner_trigger.callback(1).unwrap();
    assert_eq!(value_of(d), 1);
}

#[test]
fn chain_deferred_fires_the_other_one() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    let (other_trigger, other) = deferred();
    let other = other.add_both(trace.both("other"));
    let rest = d.chain_deferred(other_trigger);
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["other value 1"]);
    value_of(rest);
    assert_eq!(value_of(other), 1);
}

#[test]
fn chain_deferred_hands_over_failures() {
    let captured = capture_unhandled();
    let (other_trigger, other) = deferred::<i32>();
    let rest = fail(error("no")).chain_deferred(other_trigger);
    value_of(rest);
    assert_eq!(failure_of(other).to_string(), "no");
    assert!(captured.take().is_empty());
}

#[test]
fn chain_deferred_to_one_that_was_fired_is_already_called() {
    let (other_trigger, other) = deferred();
    let (trigger, d) = deferred();
    let rest = d.chain_deferred(other_trigger.clone());
    other_trigger.callback(1).unwrap();
    trigger.callback(2).unwrap();
    assert!(failure_of(rest).check::<AlreadyCalled>());
    assert_eq!(value_of(other), 1);
}

#[test]
fn a_failure_that_chain_deferred_cannot_hand_over_is_reported() {
    let captured = capture_unhandled();
    let (other_trigger, other) = deferred();
    other_trigger.callback(1).unwrap();
    let rest = fail::<i32>(error("late")).chain_deferred(other_trigger);
    assert!(failure_of(rest).check::<AlreadyCalled>());
    assert_eq!(messages(&captured), ["late"]);
    assert_eq!(value_of(other), 1);
}

#[test]
fn chain_deferred_to_a_cancelled_one_is_swallowed() {
    let (other_trigger, other) = deferred();
    other.cancel();
    let rest = succeed(1).chain_deferred(other_trigger);
    value_of(rest);
    assert!(failure_of(other).check::<Cancelled>());
}

#[test]
fn the_links_of_the_other_one_run_before_the_rest_of_the_chain() {
    let trace = Trace::new();
    let (trigger, d) = deferred::<i32>();
    let (other_trigger, other) = deferred();
    let other = other.add_both(trace.both("other"));
    let rest = d
        .chain_deferred(other_trigger)
        .map(|()| "rest")
        .add_both(trace.both("chain"));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["other value 1", "chain value rest"]);
    drop((rest, other));
}

#[test]
fn a_row_of_chained_deferreds_goes_on_from_its_end() {
    let trace = Trace::new();
    let (a_trigger, a) = deferred::<i32>();
    let (b_trigger, b) = deferred::<i32>();
    let (c_trigger, c) = deferred::<i32>();
    let (d_trigger, d) = deferred::<i32>();
    let rest = [
        a.chain_deferred(b_trigger).map(|()| 1),
        b.chain_deferred(c_trigger).map(|()| 2),
        c.chain_deferred(d_trigger).map(|()| 3),
    ];
    let [a, b, c] = rest;
    let rest = [
        a.add_both(trace.both("a")),
        b.add_both(trace.both("b")),
        c.add_both(trace.both("c")),
        d.add_both(trace.both("d")),
    ];
    a_trigger.callback(0).unwrap();
    let expected = ["d value 0", "c value 3", "b value 2", "a value 1"];
    assert_eq!(trace.take(), expected);
    drop(rest);
}

#[test]
fn a_deferred_that_waits_for_itself_fails() {
    let (trigger, d) = deferred::<()>();
    let own: Rc<RefCell<Option<Deferred<()>>>> = Rc::default();
    let (given, trace) = (own.clone(), Trace::new());
    let d = d.add_callback(move |()| given.take().unwrap());
    let seen = trace.clone();
    let d = d.add_errback(move |failure| {
        seen.note(failure.check::<CircularWait>());
        Ok(())
    });
    own.replace(Some(d));
    trigger.callback(()).unwrap();
    assert_eq!(trace.take(), ["true"]);
}

#[test]
fn two_deferreds_that_wait_for_each_other_fail() {
    let captured = capture_unhandled();
    let slot: Rc<RefCell<Option<Deferred<()>>>> = Rc::default();
    let (a_trigger, a) = deferred::<()>();
    let (b_trigger, b) = deferred::<()>();
    let given = slot.clone();
    let b = b.add_callback(move |()| given.take().unwrap());
    let a = a.add_callback(|()| b);
    slot.replace(Some(a));
    a_trigger.callback(()).unwrap();
    b_trigger.callback(()).unwrap();
    drop((a_trigger, b_trigger));
    let reported = captured.take();
    assert_eq!(reported.len(), 1);
    assert!(reported[0].failure.check::<CircularWait>());
}

#[test]
fn a_row_of_waiting_deferreds_is_fired_from_the_inside() {
    let (trigger, innermost) = deferred::<u32>();
    let mut d = innermost;
    for _ in 0..1000 {
        let inner = d;
        d = succeed(()).add_callback(|()| inner).map(|n| n + 1);
    }
    trigger.callback(0).unwrap();
    assert_eq!(value_of(d), 1000);
}
