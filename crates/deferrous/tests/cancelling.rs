//! `cancel` before firing calls the canceller once; if that does not fire the Deferred, it fails
//! with a cancelled error. Without a canceller the one later firing is swallowed. While waiting on
//! another Deferred, `cancel` goes to that one. After firing it does nothing.

mod support;

use deferrous::{
    AlreadyCalled, Cancelled, Deferred, Trigger, capture_unhandled, deferred,
    deferred_with_canceller, succeed,
};
use support::{Dropped, Trace, error, failure_of, value_of};

fn cancellable(trace: &Trace) -> (Trigger<i32>, Deferred<i32>) {
    let trace = trace.clone();
    deferred_with_canceller(move |_| trace.note("canceller"))
}

#[test]
fn cancelling_without_a_canceller_fails_with_cancelled() {
    let trace = Trace::new();
    let (_trigger, d) = deferred::<i32>();
    let d = d.add_both(trace.both("link"));
    d.cancel();
    assert_eq!(trace.take(), ["link failure this Deferred was cancelled"]);
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn the_canceller_is_called_once() {
    let trace = Trace::new();
    let (_trigger, d) = cancellable(&trace);
    d.cancel();
    assert_eq!(trace.take(), ["canceller"]);
    d.cancel();
    assert!(trace.take().is_empty());
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn a_canceller_may_fire_a_value() {
    let (trigger, d) = deferred_with_canceller(|trigger| trigger.callback("half").unwrap());
    d.cancel();
    assert!(trigger.is_called());
    assert_eq!(value_of(d), "half");
}

#[test]
fn a_canceller_may_fire_a_failure() {
    let (_trigger, d) =
        deferred_with_canceller::<i32>(|trigger| trigger.errback(error("given up")).unwrap());
    d.cancel();
    assert_eq!(failure_of(d).to_string(), "given up");
}

#[test]
fn without_a_canceller_the_one_later_firing_is_swallowed() {
    let (trigger, d) = deferred();
    d.cancel();
    assert_eq!(trigger.callback(1), Ok(()));
    assert_eq!(trigger.callback(2), Err(AlreadyCalled));
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn a_swallowed_failure_is_not_unhandled() {
    let captured = capture_unhandled();
    let (trigger, d) = deferred::<i32>();
    d.cancel();
    assert_eq!(trigger.errback(error("late")), Ok(()));
    assert_eq!(trigger.errback(error("later")), Err(AlreadyCalled));
    assert!(failure_of(d).check::<Cancelled>());
    drop(trigger);
    assert!(captured.take().is_empty());
}

#[test]
fn the_swallowed_value_is_dropped() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    d.cancel();
    trigger.callback(Dropped(trace.clone(), "value")).unwrap();
    assert_eq!(trace.take(), ["dropped value"]);
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn with_a_canceller_a_later_firing_is_already_called() {
    let trace = Trace::new();
    let (trigger, d) = cancellable(&trace);
    d.cancel();
    assert_eq!(trigger.callback(1), Err(AlreadyCalled));
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn cancelling_twice_swallows_one_firing() {
    let (trigger, d) = deferred();
    d.cancel();
    d.cancel();
    assert_eq!(trigger.callback(1), Ok(()));
    assert_eq!(trigger.callback(2), Err(AlreadyCalled));
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn cancelling_after_firing_does_nothing() {
    let trace = Trace::new();
    let (trigger, d) = cancellable(&trace);
    trigger.callback(1).unwrap();
    d.cancel();
    assert!(trace.take().is_empty());
    assert_eq!(trigger.callback(2), Err(AlreadyCalled));
    assert_eq!(value_of(d), 1);
}

#[test]
fn cancelling_a_paused_fired_one_does_nothing() {
    let (trigger, d) = deferred();
    d.pause();
    trigger.callback(1).unwrap();
    d.cancel();
    assert_eq!(trigger.callback(2), Err(AlreadyCalled));
    d.unpause().unwrap();
    assert_eq!(value_of(d), 1);
}

#[test]
fn cancelling_a_paused_unfired_one_only_stores_the_failure() {
    let trace = Trace::new();
    let (_trigger, d) = cancellable(&trace);
    d.pause();
    let d = d.add_both(trace.both("link"));
    d.cancel();
    assert_eq!(trace.take(), ["canceller"]);
    d.unpause().unwrap();
    assert_eq!(trace.take(), ["link failure this Deferred was cancelled"]);
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn while_waiting_cancel_goes_to_the_inner_one() {
    let trace = Trace::new();
    let (_inner_trigger, inner) = cancellable(&trace);
    let d = succeed(())
        .add_callback(|()| inner)
        .add_both(trace.both("outer"));
    d.cancel();
    assert_eq!(
        trace.take(),
        ["canceller", "outer failure this Deferred was cancelled"]
    );
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn cancel_goes_to_the_innermost_one() {
    let trace = Trace::new();
    let (_trigger, innermost) = cancellable(&trace);
    let mut d = innermost;
    for _ in 0..10 {
        let inner = d;
        d = succeed(()).add_callback(|()| inner);
    }
    d.cancel();
    assert_eq!(trace.take(), ["canceller"]);
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn an_inner_canceller_may_satisfy_the_outer_one() {
    let (_trigger, inner) =
        deferred_with_canceller(|trigger| trigger.callback("from the inside").unwrap());
    let d = succeed(()).add_callback(|()| inner);
    d.cancel();
    assert_eq!(value_of(d), "from the inside");
}

#[test]
fn the_outer_ones_canceller_is_not_called_while_it_waits() {
    let trace = Trace::new();
    let (trigger, d) = cancellable(&trace);
    let (_inner_trigger, inner) = deferred::<i32>();
    let d = d.add_callback(|_| inner);
    trigger.callback(1).unwrap();
    d.cancel();
    assert!(trace.take().is_empty());
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn cancelling_while_waiting_for_a_paused_fired_one_does_nothing() {
    let inner = succeed(1);
    let guard = inner.pause_guard();
    let d = succeed(()).add_callback(|()| inner);
    d.cancel();
    drop(guard);
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_second_cancel_goes_to_what_is_waited_for_then() {
    let trace = Trace::new();
    let (_first_trigger, first) = cancellable(&trace);
    let (_second_trigger, second) = cancellable(&trace);
    let d = succeed(())
        .add_callback(|()| first)
        .add_errback(|_| second)
        .add_both(trace.both("end"));
    d.cancel();
    assert_eq!(trace.take(), ["canceller"]);
    d.cancel();
    assert_eq!(
        trace.take(),
        ["canceller", "end failure this Deferred was cancelled"]
    );
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn a_cancel_handle_cancels_what_was_moved() {
    let trace = Trace::new();
    let (_trigger, d) = cancellable(&trace);
    let handle = d.cancel_handle();
    let moved = Box::new(d.map(|n| n + 1));
    assert!(!handle.is_called());
    handle.clone().cancel();
    assert!(handle.is_called());
    assert_eq!(trace.take(), ["canceller"]);
    assert!(failure_of(*moved).check::<Cancelled>());
}

#[test]
fn a_cancel_handle_does_not_keep_its_deferred() {
    let trace = Trace::new();
    let guard = Dropped(trace.clone(), "link");
    let (trigger, d) = deferred::<i32>();
    let handle = d.cancel_handle();
    drop(d.map(move |n| (n, guard).0));
    drop(trigger);
    assert_eq!(trace.take(), ["dropped link"]);
    assert!(handle.is_called());
    handle.cancel();
}

#[test]
fn a_canceller_is_dropped_after_the_call() {
    let trace = Trace::new();
    let guard = Dropped(trace.clone(), "canceller");
    let (_trigger, d) = deferred_with_canceller::<i32>(move |_| guard.0.note("called"));
    d.cancel();
    assert_eq!(trace.take(), ["called", "dropped canceller"]);
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn cancelling_does_not_go_against_chain_deferred() {
    let (trigger, d) = deferred::<i32>();
    let (other_trigger, other) = deferred();
    let rest = d.chain_deferred(other_trigger);
    other.cancel();
    assert!(!rest.is_called());
    trigger.callback(1).unwrap();
    value_of(rest);
    assert!(failure_of(other).check::<Cancelled>());
}

#[test]
fn a_canceller_may_drop_the_last_trigger_that_is_left() {
    let work = std::rc::Rc::new(std::cell::Cell::new(None));
    let given_up = work.clone();
    let (trigger, d) = deferred_with_canceller::<i32>(move |_| drop(given_up.take()));
    work.set(Some(trigger));
    d.cancel();
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn a_canceller_whose_destructor_panics_cuts_nothing_short() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in a destructor")
        }
    }
    let captured = capture_unhandled();
    let (trigger, source) = deferred::<i32>();
    let bad = Bad;
    let (other, d) = deferred_with_canceller(move |_| drop(bad));
    let rest = source.chain_deferred(other).map(|()| "rest");
    trigger.callback(1).unwrap();
    assert_eq!((value_of(d), value_of(rest)), (1, "rest"));
    assert_eq!(captured.take().len(), 1);
}
