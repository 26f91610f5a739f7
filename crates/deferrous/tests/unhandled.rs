//! A Deferred that is dropped while its outcome is a failure reports it, once, as an unhandled
//! error. Taking the outcome (chaining, awaiting, an errback) clears that.

mod support;

use std::{
    panic::catch_unwind,
    sync::{Arc, Mutex, PoisonError},
};

use deferrous::{
    Failure, Origin, capture_unhandled, deferred, deny_unhandled, fail, set_unhandled_handler,
    spawn, succeed,
};
use support::{Trace, error, failure_of, messages, value_of};

#[test]
fn a_dropped_failure_is_reported_once() {
    let captured = capture_unhandled();
    let d = fail::<()>(error("lost"));
    assert!(captured.take().is_empty());
    drop(d);
    let reported = captured.take();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].origin, Origin::Deferred);
    assert_eq!(reported[0].failure.to_string(), "lost");
    assert_eq!(reported[0].to_string(), "Unhandled error in Deferred: lost");
    assert!(captured.take().is_empty());
}

#[test]
fn a_dropped_value_is_not_reported() {
    let captured = capture_unhandled();
    drop(succeed(1));
    assert!(captured.take().is_empty());
}

#[test]
fn a_failure_that_comes_after_the_handle_is_gone_is_reported() {
    let captured = capture_unhandled();
    let (trigger, d) = deferred::<i32>();
    drop(d.map(|n| n + 1));
    trigger.errback(error("late")).unwrap();
    assert_eq!(messages(&captured), ["late"]);
    drop(trigger);
    assert!(captured.take().is_empty());
}

#[test]
fn a_failure_raised_by_the_last_link_is_reported() {
    let captured = capture_unhandled();
    let (trigger, d) = deferred();
    drop(d.add_callback(|()| Err::<(), _>(error("raised"))));
    trigger.callback(()).unwrap();
    assert_eq!(messages(&captured), ["raised"]);
}

#[test]
fn an_errback_clears_it() {
    let captured = capture_unhandled();
    let (trigger, d) = deferred::<i32>();
    drop(d.add_errback(|_| Ok(0)));
    trigger.errback(error("handled")).unwrap();
    assert!(captured.take().is_empty());
}

#[test]
fn an_errback_that_fails_is_reported_instead() {
    let captured = capture_unhandled();
    drop(fail::<i32>(error("first")).add_errback(|_| Err(error("second"))));
    assert_eq!(messages(&captured), ["second"]);
}

#[test]
fn an_errback_added_in_time_clears_it() {
    let captured = capture_unhandled();
    let d = fail::<i32>(error("handled"));
    drop(d.map(|n| n + 1).add_errback(|_| Ok(0)));
    assert!(captured.take().is_empty());
}

#[test]
fn chaining_clears_it() {
    let captured = capture_unhandled();
    let (inner_trigger, inner) = deferred::<i32>();
    let d = succeed(()).add_callback(|()| inner);
    inner_trigger.errback(error("inner")).unwrap();
    drop(inner_trigger);
    assert!(captured.take().is_empty());
    assert_eq!(failure_of(d).to_string(), "inner");
    assert!(captured.take().is_empty());
}

#[test]
fn a_chained_failure_is_reported_once_by_the_outer_one() {
    let captured = capture_unhandled();
    let (inner_trigger, inner) = deferred::<i32>();
    drop(succeed(()).add_callback(|()| inner));
    inner_trigger.errback(error("inner")).unwrap();
    drop(inner_trigger);
    assert_eq!(messages(&captured), ["inner"]);
}

#[test]
fn taking_the_result_clears_it() {
    let captured = capture_unhandled();
    assert_eq!(failure_of(fail::<()>(error("taken"))).to_string(), "taken");
    assert!(captured.take().is_empty());
}

#[test]
fn awaiting_clears_it() {
    let captured = capture_unhandled();
    let (trigger, d) = deferred::<i32>();
    let caught = spawn(async move { Ok(d.await.is_err()) });
    trigger.errback(error("awaited")).unwrap();
    assert!(value_of(caught));
    drop(trigger);
    assert!(captured.take().is_empty());
}

#[test]
fn a_failure_behind_a_pause_that_never_ends_is_reported_when_it_is_freed() {
    let captured = capture_unhandled();
    let (trigger, d) = deferred::<i32>();
    d.pause();
    trigger.errback(error("stuck")).unwrap();
    drop(d.add_errback(|_| Ok(0)));
    drop(trigger);
    assert_eq!(messages(&captured), ["stuck"]);
}

#[test]
fn every_deferred_reports_for_itself() {
    let captured = capture_unhandled();
    drop(fail::<i32>(error("one")));
    drop(fail::<i32>(error("two")));
    assert_eq!(messages(&captured), ["one", "two"]);
}

#[test]
fn a_cancelled_deferred_reports_like_any_other() {
    let captured = capture_unhandled();
    let (_trigger, d) = deferred::<i32>();
    d.cancel();
    drop(d);
    assert_eq!(messages(&captured), ["this Deferred was cancelled"]);
}

#[test]
fn captures_nest() {
    let outer = capture_unhandled();
    {
        let inner = capture_unhandled();
        drop(fail::<i32>(error("inner")));
        assert_eq!(messages(&inner), ["inner"]);
        drop(fail::<i32>(error("left")));
    }
    assert_eq!(messages(&outer), ["left"]);
    drop(fail::<i32>(error("outer")));
    assert_eq!(messages(&outer), ["outer"]);
}

#[test]
fn captures_may_end_in_any_order() {
    let outer = capture_unhandled();
    let inner = capture_unhandled();
    drop(outer);
    drop(fail::<i32>(error("late")));
    assert_eq!(inner.take().len(), 1);
    drop(inner);
}

#[test]
fn reporting_runs_nothing_of_the_chain_again() {
    let captured = capture_unhandled();
    let trace = Trace::new();
    drop(fail::<i32>(error("no")).add_both(trace.both("link")));
    assert_eq!(trace.take(), ["link failure no"]);
    assert_eq!(messages(&captured), ["no"]);
}

/// The handler is one for the program, so the tests that set it take turns.
static HANDLER: Mutex<()> = Mutex::new(());

#[test]
fn the_handler_gets_what_nobody_captures() {
    let _turn = HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let before = set_unhandled_handler(Some(Arc::new(move |unhandled| {
        log.lock().unwrap().push(unhandled.to_string());
    })));
    drop(fail::<i32>(error("for the handler")));
    {
        let captured = capture_unhandled();
        drop(fail::<i32>(error("captured")));
        assert_eq!(messages(&captured), ["captured"]);
    }
    drop(set_unhandled_handler(before));
    let expected = "Unhandled error in Deferred: for the handler";
    assert_eq!(*seen.lock().unwrap(), [expected]);
}

#[test]
fn a_handler_that_panics_harms_nobody() {
    let _turn = HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
    let before = set_unhandled_handler(Some(Arc::new(|_| panic!("in the handler"))));
    drop(fail::<i32>(error("no")));
    let (trigger, d) = deferred();
    drop(d.add_callback(|()| Err::<(), _>(error("raised"))));
    assert_eq!(trigger.callback(()), Ok(()));
    drop(set_unhandled_handler(before));
}

#[test]
fn a_handler_may_make_deferreds_and_fail() {
    let _turn = HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let before = set_unhandled_handler(Some(Arc::new(move |unhandled| {
        let first = log.lock().unwrap().is_empty();
        log.lock().unwrap().push(unhandled.failure.to_string());
        if first {
            drop(fail::<i32>(error("from the handler")));
        }
    })));
    drop(fail::<i32>(error("first")));
    drop(set_unhandled_handler(before));
    assert_eq!(*seen.lock().unwrap(), ["first", "from the handler"]);
}

#[test]
fn an_error_that_cannot_be_shown_harms_nobody() {
    #[derive(Debug)]
    struct Mute;
    impl std::fmt::Display for Mute {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no words")
        }
    }
    impl std::error::Error for Mute {}
    let _turn = HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
    drop(fail::<i32>(Mute));
}

/// What a test panics with.
fn panic_of(test: fn()) -> String {
    Failure::from_panic(catch_unwind(test).unwrap_err()).to_string()
}

#[test]
fn a_test_that_denies_unhandled_failures_panics_with_all_of_them() {
    let text = panic_of(|| {
        let _unhandled = deny_unhandled();
        drop(fail::<()>(error("one")));
        drop(fail::<()>(error("two").context("and")));
    });
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("panicked: unhandled failures, denied at "));
    assert!(lines[0].contains("tests/unhandled.rs:"), "{text}");
    let expected = [
        "  Unhandled error in Deferred: one",
        "  Unhandled error in Deferred: and: two",
    ];
    assert_eq!(lines[1..], expected);
}

#[test]
fn a_test_that_denies_unhandled_failures_passes_if_all_were_expected() {
    let captured = capture_unhandled();
    let unhandled = deny_unhandled();
    drop(unhandled);
    let unhandled = deny_unhandled();
    drop(fail::<()>(error("expected")));
    assert_eq!(unhandled.take().len(), 1);
    drop(unhandled);
    assert!(captured.take().is_empty());
}

#[test]
fn a_test_that_panics_anyway_passes_on_the_failures_it_denies() {
    let captured = capture_unhandled();
    let text = panic_of(|| {
        let _unhandled = deny_unhandled();
        drop(fail::<()>(error("left")));
        panic!("the reason");
    });
    assert_eq!(text, "panicked: the reason");
    assert_eq!(messages(&captured), ["left"]);
}
