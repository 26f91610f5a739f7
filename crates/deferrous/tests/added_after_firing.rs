//! A link added after firing runs at once, before the adding call returns, unless the Deferred is
//! paused, waiting, or running a link right now; then it is queued, and whoever ends that state
//! runs it.

mod support;

use std::{cell::RefCell, rc::Rc};

use deferrous::{Deferred, deferred, fail, succeed};
use support::{Trace, error, value_of};

#[test]
fn a_link_added_after_firing_runs_before_the_adding_call_returns() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    trigger.callback(1).unwrap();
    let d = d.add_both(trace.both("link"));
    assert_eq!(trace.take(), ["link value 1"]);
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_link_added_after_a_failure_runs_at_once() {
    let trace = Trace::new();
    let d = fail::<i32>(error("no")).add_both(trace.both("link"));
    assert_eq!(trace.take(), ["link failure no"]);
    value_of(d.add_errback(|_| Ok(0)));
}

#[test]
fn a_link_added_before_firing_waits_for_it() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    let d = d.add_both(trace.both("link"));
    assert!(trace.take().is_empty());
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["link value 1"]);
    drop(d);
}

#[test]
fn a_link_added_while_paused_is_queued_until_the_pause_ends() {
    let trace = Trace::new();
    let d = succeed(1);
    d.pause();
    let d = d.add_both(trace.both("link"));
    assert!(trace.take().is_empty());
    d.unpause().unwrap();
    assert_eq!(trace.take(), ["link value 1"]);
}

#[test]
fn a_link_added_while_waiting_is_queued_until_the_wait_ends() {
    let trace = Trace::new();
    let (inner_trigger, inner) = deferred();
    let d = succeed(()).add_callback(|()| inner);
    let d = d.add_both(trace.both("link"));
    assert!(trace.take().is_empty());
    inner_trigger.callback(5).unwrap();
    assert_eq!(trace.take(), ["link value 5"]);
    drop(d);
}

#[test]
fn a_link_added_while_a_link_runs_is_queued_until_that_one_returns() {
    let trace = Trace::new();
    let (trigger, d) = deferred::<i32>();
    let handle: Rc<RefCell<Option<Deferred<i32>>>> = Rc::default();
    let (seen, own) = (trace.clone(), handle.clone());
    let d = d.map(move |n| {
        let d = own.take().unwrap();
        seen.note("adding");
        let d = d.add_both(seen.both("added"));
        own.replace(Some(d));
        seen.note("added");
        n + 1
    });
    handle.replace(Some(d));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["adding", "added", "added value 2"]);
    assert_eq!(value_of(handle.take().unwrap()), 2);
}

#[test]
fn links_added_from_a_running_link_come_after_those_queued_before() {
    let trace = Trace::new();
    let (trigger, d) = deferred::<i32>();
    let handle: Rc<RefCell<Option<Deferred<i32>>>> = Rc::default();
    let (seen, own) = (trace.clone(), handle.clone());
    let d = d
        .map(move |n| {
            let d = own.take().unwrap().add_both(seen.both("third"));
            own.replace(Some(d));
            n
        })
        .add_both(trace.both("second"));
    handle.replace(Some(d));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["second value 1", "third value 1"]);
}

#[test]
fn links_added_one_by_one_after_firing_see_each_others_results() {
    let mut d = succeed(0);
    for expected in 0..10 {
        d = d.map(move |n| {
            assert_eq!(n, expected);
            n + 1
        });
    }
    assert_eq!(value_of(d), 10);
}

#[test]
fn a_link_added_by_the_waiter_of_a_deferred_runs_at_once() {
    let trace = Trace::new();
    let (inner_trigger, inner) = deferred::<i32>();
    let outer = succeed(())
        .add_callback(|()| inner)
        .add_both(trace.both("outer"));
    inner_trigger.callback(1).unwrap();
    let outer = outer.add_both(trace.both("late"));
    assert_eq!(trace.take(), ["outer value 1", "late value 1"]);
    drop(outer);
}
