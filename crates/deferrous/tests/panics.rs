//! A panic in a callback or canceller is a failure like any other.

mod support;

use std::panic::panic_any;

use deferrous::{
    AlreadyCalled, Failure, Panicked, capture_unhandled, deferred, deferred_with_canceller, fail,
    maybe_deferred, succeed,
};
use support::{Dropped, Trace, error, failure_of, messages, value_of};

#[test]
fn a_panic_in_a_callback_fails_the_next_link() {
    let trace = Trace::new();
    let (trigger, d) = deferred::<i32>();
    let d = d
        .map(|_| -> i32 { panic!("no {}", "milk") })
        .add_both(trace.both("next"));
    assert_eq!(trigger.callback(1), Ok(()));
    assert_eq!(trace.take(), ["next failure panicked: no milk"]);
    assert!(failure_of(d).check::<Panicked>());
}

#[test]
fn a_panic_in_an_errback_replaces_the_failure() {
    let captured = capture_unhandled();
    let d = fail::<i32>(error("first"))
        .add_errback(|_| -> Result<i32, Failure> { panic!("in the errback") });
    assert_eq!(failure_of(d).to_string(), "panicked: in the errback");
    assert!(captured.take().is_empty());
}

#[test]
fn a_panic_in_a_both_or_a_pair_is_a_failure() {
    let d = succeed(1).add_both(|_| -> Result<i32, Failure> { panic!("both") });
    assert_eq!(failure_of(d).to_string(), "panicked: both");
    let d = succeed(1).add_callbacks(
        |_| -> Result<i32, Failure> { panic!("pair") },
        |_| -> Result<i32, Failure> { Ok(0) },
    );
    assert_eq!(failure_of(d).to_string(), "panicked: pair");
}

#[test]
fn a_panic_can_be_handled() {
    let d = succeed(1)
        .map(|_| -> i32 { panic!("no") })
        .add_errback(|failure| {
            let panicked = failure.trap::<Panicked>()?;
            assert_eq!(panicked.message(), "no");
            Ok(3)
        });
    assert_eq!(value_of(d), 3);
}

#[test]
fn what_was_panicked_with_can_be_had_back() {
    let d = succeed(()).add_callback(|()| -> Result<(), Failure> { panic_any(42_u8) });
    let panicked = failure_of(d).downcast::<Panicked>().unwrap();
    assert_eq!(panicked.message(), "a value that is no text");
    assert_eq!(*panicked.into_payload().downcast::<u8>().unwrap(), 42);
}

#[test]
fn a_panicked_failure_that_nobody_handles_is_reported() {
    let captured = capture_unhandled();
    drop(succeed(()).map(|()| -> i32 { panic!("lost") }));
    let reported = captured.take();
    assert_eq!(reported.len(), 1);
    assert!(reported[0].failure.check::<Panicked>());
}

#[test]
fn a_panic_in_a_canceller_fails_the_deferred() {
    let (trigger, d) = deferred_with_canceller::<i32>(|_| panic!("in the canceller"));
    d.cancel();
    assert_eq!(trigger.callback(1), Err(AlreadyCalled));
    assert_eq!(failure_of(d).to_string(), "panicked: in the canceller");
}

#[test]
fn a_panic_in_a_canceller_that_has_fired_leaves_the_outcome() {
    let (_trigger, d) = deferred_with_canceller(|trigger| {
        trigger.callback(1).unwrap();
        panic!("after firing")
    });
    d.cancel();
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_panic_in_maybe_deferred_is_a_failure() {
    let d = maybe_deferred(|| -> Result<i32, Failure> { panic!("at once") });
    assert_eq!(failure_of(d).to_string(), "panicked: at once");
}

#[test]
fn a_panicking_callback_drops_what_it_owned() {
    let trace = Trace::new();
    let guard = Dropped(trace.clone(), "guard");
    let d = succeed(()).add_callback(move |()| -> Result<(), Failure> {
        guard.0.note("run");
        panic!("no")
    });
    assert_eq!(trace.take(), ["run", "dropped guard"]);
    assert!(failure_of(d).check::<Panicked>());
}

#[test]
fn a_panic_while_others_run_reaches_only_its_own_chain() {
    let (trigger, d) = deferred::<i32>();
    let (other_trigger, other) = deferred::<i32>();
    let other = other.map(|_| -> i32 { panic!("the other") });
    let d = d.map(move |n| {
        other_trigger.callback(n).unwrap();
        n + 1
    });
    trigger.callback(1).unwrap();
    assert_eq!(value_of(d), 2);
    assert_eq!(failure_of(other).to_string(), "panicked: the other");
}

#[test]
fn a_waiting_deferred_gets_the_panic_of_the_inner_one() {
    let (trigger, inner) = deferred::<i32>();
    let inner = inner.map(|_| -> i32 { panic!("inside") });
    let d = succeed(()).add_callback(|()| inner);
    trigger.callback(1).unwrap();
    assert_eq!(failure_of(d).to_string(), "panicked: inside");
}

#[test]
fn a_panic_in_a_canceller_that_has_fired_is_reported() {
    let captured = capture_unhandled();
    let (_trigger, d) = deferred_with_canceller(|trigger| {
        trigger.callback(1).unwrap();
        panic!("too late");
    });
    d.cancel();
    assert_eq!(value_of(d), 1);
    assert_eq!(messages(&captured), ["panicked: too late"]);
}
