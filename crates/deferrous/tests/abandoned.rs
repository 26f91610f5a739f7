//! What is dropped: the last trigger abandons its Deferred, and a Deferred that is dropped lets its
//! chain run.

mod support;

use deferrous::{
    Abandoned, Cancelled, capture_unhandled, deferred, deferred_with_canceller, succeed,
};
use support::{Dropped, Trace, error, failure_of, messages, value_of};

#[test]
fn dropping_the_trigger_fails_the_deferred_with_abandoned() {
    let trace = Trace::new();
    let (trigger, d) = deferred::<i32>();
    let d = d.add_both(trace.both("link"));
    drop(trigger);
    assert_eq!(trace.take().len(), 1);
    assert!(failure_of(d).check::<Abandoned>());
}

#[test]
fn the_last_clone_of_a_trigger_abandons() {
    let (trigger, d) = deferred::<i32>();
    let other = trigger.clone();
    drop(trigger);
    assert!(!d.is_called());
    drop(other);
    assert!(failure_of(d).check::<Abandoned>());
}

#[test]
fn a_trigger_dropped_after_firing_changes_nothing() {
    let (trigger, d) = deferred();
    trigger.callback(1).unwrap();
    drop(trigger);
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_trigger_dropped_after_cancelling_changes_nothing() {
    let (trigger, d) = deferred::<i32>();
    d.cancel();
    drop(trigger);
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn abandoning_does_not_call_the_canceller() {
    let trace = Trace::new();
    let seen = trace.clone();
    let (trigger, d) = deferred_with_canceller::<i32>(move |_| seen.note("canceller"));
    drop(trigger);
    assert!(failure_of(d).check::<Abandoned>());
    assert!(trace.take().is_empty());
}

#[test]
fn the_trigger_lent_to_a_canceller_does_not_abandon() {
    let (_trigger, d) = deferred_with_canceller::<i32>(|_| ());
    d.cancel();
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn a_canceller_may_keep_the_trigger_and_abandon_later() {
    let kept = std::rc::Rc::new(std::cell::RefCell::new(None));
    let keep = kept.clone();
    let (trigger, d) = deferred_with_canceller::<i32>(move |trigger| {
        keep.replace(Some(trigger.clone()));
    });
    d.cancel();
    drop(trigger);
    drop(kept.take());
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn abandoning_the_inner_one_fails_the_waiting_one() {
    let (inner_trigger, inner) = deferred::<i32>();
    let d = succeed(()).add_callback(|()| inner);
    drop(inner_trigger);
    assert!(failure_of(d).check::<Abandoned>());
}

#[test]
fn abandoning_a_paused_deferred_only_stores_the_failure() {
    let (trigger, d) = deferred::<i32>();
    d.pause();
    drop(trigger);
    let d = d.into_result().unwrap_err();
    d.unpause().unwrap();
    assert!(failure_of(d).check::<Abandoned>());
}

#[test]
fn a_trigger_may_be_dropped_by_a_link_that_never_ran() {
    let (other_trigger, other) = deferred::<i32>();
    let (trigger, d) = deferred::<i32>();
    let chained = d.chain_deferred(other_trigger);
    drop(chained.add_errback(|_| Ok(())));
    drop(trigger);
    assert!(failure_of(other).check::<Abandoned>());
}

#[test]
fn a_dropped_deferred_still_runs_its_links() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    drop(d.add_both(trace.both("link")));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["link value 1"]);
}

#[test]
fn a_dropped_deferred_is_abandoned_like_any_other_while_links_wait() {
    let captured = capture_unhandled();
    let trace = Trace::new();
    let (trigger, d) = deferred::<i32>();
    drop(d.add_both(trace.both("link")));
    drop(trigger);
    assert_eq!(trace.take().len(), 1);
    let reported = captured.take();
    assert_eq!(reported.len(), 1);
    assert!(reported[0].failure.check::<Abandoned>());
}

#[test]
fn a_deferred_that_nobody_waits_for_is_let_go_in_silence() {
    let captured = capture_unhandled();
    let (trigger, d) = deferred::<i32>();
    drop(d);
    drop(trigger);
    let (trigger, d) = deferred::<i32>();
    drop(trigger.clone());
    drop(trigger);
    assert!(failure_of(d).check::<Abandoned>());
    assert!(captured.take().is_empty());
}

#[test]
fn the_value_nobody_took_is_dropped() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    drop(d);
    trigger.callback(Dropped(trace.clone(), "value")).unwrap();
    drop(trigger);
    assert_eq!(trace.take(), ["dropped value"]);
}

#[test]
fn links_that_never_ran_are_dropped_in_order() {
    let trace = Trace::new();
    let (first, second) = (
        Dropped(trace.clone(), "first"),
        Dropped(trace.clone(), "second"),
    );
    let d = succeed(1);
    d.pause();
    let d = d.map(move |n| (n, first).0).map(move |n| (n, second).0);
    drop(d);
    assert_eq!(trace.take(), ["dropped first", "dropped second"]);
}

#[test]
fn what_a_link_owns_is_dropped_after_the_link_ran() {
    let trace = Trace::new();
    let guard = Dropped(trace.clone(), "link");
    let (trigger, d) = deferred();
    let d = d
        .map(move |n: i32| {
            guard.0.note("run");
            n
        })
        .add_both(trace.both("next"));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["run", "dropped link", "next value 1"]);
    drop(d);
}

#[test]
fn what_a_passed_by_link_owns_is_dropped_too() {
    let trace = Trace::new();
    let guard = Dropped(trace.clone(), "errback");
    let d = succeed(1).add_errback(move |_| {
        guard.0.note("run");
        Ok(0)
    });
    assert_eq!(trace.take(), ["dropped errback"]);
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_destructor_may_use_deferreds() {
    struct Fires(Option<deferrous::Trigger<i32>>);
    impl Drop for Fires {
        fn drop(&mut self) {
            self.0.take().unwrap().callback(1).unwrap();
        }
    }
    let trace = Trace::new();
    let (trigger, d) = deferred();
    let d = d.add_both(trace.both("link"));
    drop(succeed(Fires(Some(trigger))));
    assert_eq!(trace.take(), ["link value 1"]);
    drop(d);
}

#[test]
fn a_failure_may_wait_in_a_dropped_chain_for_its_trigger() {
    let captured = capture_unhandled();
    let (trigger, d) = deferred::<i32>();
    drop(d.add_errback(|failure| Err(error(&format!("again: {failure}")))));
    assert!(captured.take().is_empty());
    trigger.errback(error("no")).unwrap();
    assert_eq!(messages(&captured), ["again: no"]);
}
