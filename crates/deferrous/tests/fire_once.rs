//! A Deferred gets its outcome once. A second firing is an already-called error and changes
//! nothing.

mod support;

use deferrous::{AlreadyCalled, deferred, deferred_with_canceller, fail, succeed};
use support::{Dropped, Trace, error, failure_of, result_of, value_of};

#[test]
fn the_first_callback_is_the_outcome() {
    let (trigger, d) = deferred();
    assert_eq!(trigger.callback(1), Ok(()));
    assert_eq!(value_of(d), 1);
}

#[test]
fn the_first_errback_is_the_outcome() {
    let (trigger, d) = deferred::<i32>();
    assert_eq!(trigger.errback(error("no")), Ok(()));
    assert_eq!(failure_of(d).to_string(), "no");
}

#[test]
fn fire_with_fires_either_side() {
    let (trigger, d) = deferred();
    assert_eq!(trigger.fire_with(Ok(1)), Ok(()));
    assert_eq!(value_of(d), 1);
    let (trigger, d) = deferred::<i32>();
    assert_eq!(trigger.fire_with(Err(error("no"))), Ok(()));
    assert_eq!(trigger.fire_with(Ok(1)), Err(AlreadyCalled));
    assert_eq!(failure_of(d).to_string(), "no");
}

#[test]
fn a_second_firing_is_already_called() {
    let (trigger, d) = deferred();
    trigger.callback(1).unwrap();
    assert_eq!(trigger.callback(2), Err(AlreadyCalled));
    assert_eq!(trigger.errback(error("no")), Err(AlreadyCalled));
    assert_eq!(trigger.callback(3), Err(AlreadyCalled));
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_second_firing_after_a_failure_is_already_called() {
    let (trigger, d) = deferred();
    trigger.errback(error("first")).unwrap();
    assert_eq!(trigger.callback(2), Err(AlreadyCalled));
    assert_eq!(trigger.errback(error("second")), Err(AlreadyCalled));
    assert_eq!(failure_of(d).to_string(), "first");
}

#[test]
fn a_second_firing_runs_no_link() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    let d = d.add_both(trace.both("link"));
    trigger.callback(1).unwrap();
    let _ = trigger.callback(2);
    assert_eq!(trace.take(), ["link value 1"]);
    let d = d.add_both(trace.both("late"));
    assert_eq!(trace.take(), ["late value 1"]);
    drop(d);
}

#[test]
fn clones_of_a_trigger_share_the_one_firing() {
    let (trigger, d) = deferred();
    let other = trigger.clone();
    other.callback(1).unwrap();
    assert!(trigger.is_called());
    assert_eq!(trigger.callback(2), Err(AlreadyCalled));
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_paused_deferred_is_fired_once() {
    let (trigger, d) = deferred();
    d.pause();
    assert_eq!(trigger.callback(1), Ok(()));
    assert_eq!(trigger.callback(2), Err(AlreadyCalled));
    d.unpause().unwrap();
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_waiting_deferred_is_fired_once() {
    let (inner_trigger, inner) = deferred();
    let (trigger, d) = deferred();
    let d = d.add_callback(|()| inner);
    trigger.callback(()).unwrap();
    assert_eq!(trigger.callback(()), Err(AlreadyCalled));
    inner_trigger.callback(7).unwrap();
    assert_eq!(value_of(d), 7);
}

#[test]
fn a_deferred_is_not_fired_again_from_its_own_callback() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    let (again, seen) = (trigger.clone(), trace.clone());
    let d = d.map(move |n: i32| {
        seen.note(format_args!("{:?}", again.callback(n + 1)));
        n
    });
    assert_eq!(trigger.callback(1), Ok(()));
    assert_eq!(trace.take(), ["Err(AlreadyCalled)"]);
    assert_eq!(value_of(d), 1);
}

#[test]
fn the_refused_value_is_dropped() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    trigger.callback(Dropped(trace.clone(), "first")).unwrap();
    let refused = trigger.callback(Dropped(trace.clone(), "second"));
    assert_eq!(refused, Err(AlreadyCalled));
    assert_eq!(trace.take(), ["dropped second"]);
    drop((trigger, d));
    assert_eq!(trace.take(), ["dropped first"]);
}

#[test]
fn a_refused_failure_is_not_reported_as_unhandled() {
    let captured = deferrous::capture_unhandled();
    let (trigger, d) = deferred();
    trigger.callback(1).unwrap();
    assert_eq!(trigger.errback(error("refused")), Err(AlreadyCalled));
    drop(trigger);
    assert_eq!(value_of(d), 1);
    assert!(captured.take().is_empty());
}

#[test]
fn called_says_whether_it_was_fired() {
    let (trigger, d) = deferred();
    assert!(!trigger.is_called() && !d.is_called() && !d.cancel_handle().is_called());
    trigger.callback(()).unwrap();
    assert!(trigger.is_called() && d.is_called() && d.cancel_handle().is_called());
}

#[test]
fn what_is_made_fired_is_called() {
    assert!(succeed(1).is_called());
    let failed = fail::<()>(error("no"));
    assert!(failed.is_called());
    assert!(result_of(failed).is_err());
}

#[test]
fn firing_ends_the_use_of_the_canceller() {
    let trace = Trace::new();
    let guard = Dropped(trace.clone(), "canceller");
    let (trigger, d) = deferred_with_canceller(move |_| drop(guard));
    assert!(trace.take().is_empty());
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["dropped canceller"]);
    assert_eq!(value_of(d), 1);
}

#[test]
fn an_unfired_deferred_gives_itself_back() {
    let (trigger, d) = deferred();
    let d = d.into_result().unwrap_err();
    trigger.callback(1).unwrap();
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_result_is_a_fired_deferred() {
    assert_eq!(value_of(deferrous::Deferred::from(Ok(4))), 4);
    let failed = deferrous::Deferred::<i32>::from(Err(error("no")));
    assert_eq!(failure_of(failed).to_string(), "no");
}
