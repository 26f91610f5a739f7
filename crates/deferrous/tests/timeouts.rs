//! Deferreds that must fire in time.

#![cfg(feature = "reactor")]

mod reactor_support;

use deferrous::{
    Cancelled, Clock, Deferred, Failure, ReactorTime, TimedOut, capture_unhandled, deferred,
    deferred_with_canceller, fail, succeed,
};
use reactor_support::{Log, ms, reactor, secs, within_a_minute};

fn outcome<T: 'static>(d: Deferred<T>) -> Result<T, Failure> {
    d.into_result().expect("it has fired")
}

#[test]
fn a_deferred_that_is_late_fails_with_timed_out() {
    let clock = Clock::new();
    let (_trigger, d) = deferred::<()>();
    let d = d.add_timeout(secs(10), &clock);
    clock.advance(ms(9999));
    let d = d.into_result().unwrap_err();
    clock.advance(ms(1));
    let failure = outcome(d).unwrap_err();
    assert_eq!(failure.downcast_ref(), Some(&TimedOut::new(secs(10))));
}

#[test]
fn firing_in_time_cancels_the_delayed_call() {
    let clock = Clock::new();
    let (trigger, d) = deferred();
    let d = d.add_timeout(secs(10), &clock);
    assert_eq!(clock.delayed_calls(), 1);
    trigger.callback(5).unwrap();
    assert_eq!(clock.delayed_calls(), 0);
    assert_eq!(outcome(d).unwrap(), 5);
}

#[test]
fn failing_in_time_cancels_the_delayed_call() {
    let clock = Clock::new();
    let (trigger, d) = deferred::<()>();
    let d = d.add_timeout(secs(10), &clock);
    trigger.errback(std::fmt::Error).unwrap();
    assert_eq!(clock.delayed_calls(), 0);
    assert!(outcome(d).unwrap_err().check::<std::fmt::Error>());
}

#[test]
fn a_deferred_that_has_fired_leaves_no_delayed_call() {
    let clock = Clock::new();
    let d = succeed(1).add_timeout(secs(1), &clock);
    let failed = fail::<()>(std::fmt::Error).add_timeout(secs(1), &clock);
    assert_eq!(clock.delayed_calls(), 0);
    assert_eq!(outcome(d).unwrap(), 1);
    assert!(outcome(failed).is_err());
}

#[test]
fn a_late_result_is_let_go() {
    let (clock, captured) = (Clock::new(), capture_unhandled());
    let (trigger, d) = deferred::<u8>();
    let d = d.add_timeout(secs(1), &clock);
    clock.advance(secs(1));
    assert!(trigger.callback(1).is_ok());
    assert!(trigger.callback(2).is_err());
    assert!(outcome(d).unwrap_err().check::<TimedOut>());
    assert!(captured.take().is_empty());
}

#[test]
fn being_cancelled_otherwise_is_no_timeout() {
    let clock = Clock::new();
    let (_trigger, d) = deferred::<()>();
    let d = d.add_timeout(secs(1), &clock);
    d.cancel();
    assert!(outcome(d).unwrap_err().check::<Cancelled>());
    assert_eq!(clock.delayed_calls(), 0);
}

#[test]
fn a_timeout_calls_the_canceller() {
    let (clock, log) = (Clock::new(), Log::new());
    let seen = log.clone();
    let (_trigger, d) = deferred_with_canceller::<()>(move |_| seen.add("cancelled"));
    let d = d.add_timeout(secs(1), &clock);
    clock.advance(secs(1));
    assert_eq!(log.take(), ["cancelled"]);
    assert!(outcome(d).unwrap_err().check::<TimedOut>());
}

#[test]
fn what_a_canceller_fires_is_kept() {
    let clock = Clock::new();
    let (_trigger, d) = deferred_with_canceller(|trigger| trigger.callback("half").unwrap());
    let d = d.add_timeout(secs(1), &clock);
    clock.advance(secs(1));
    assert_eq!(outcome(d).unwrap(), "half");
}

#[test]
fn a_failure_other_than_cancelled_is_kept() {
    let clock = Clock::new();
    let (_trigger, d) =
        deferred_with_canceller::<()>(|trigger| trigger.errback(std::fmt::Error).unwrap());
    let d = d.add_timeout(secs(1), &clock);
    clock.advance(secs(1));
    assert!(outcome(d).unwrap_err().check::<std::fmt::Error>());
}

#[test]
fn an_errback_before_the_timeout_sees_a_cancellation() {
    let clock = Clock::new();
    let (_trigger, d) = deferred();
    let d = d
        .add_errback(|failure| {
            failure.trap::<Cancelled>()?;
            Ok("the default")
        })
        .add_timeout(secs(1), &clock);
    clock.advance(secs(1));
    assert_eq!(outcome(d).unwrap(), "the default");
}

#[test]
fn the_timeout_covers_a_deferred_that_is_waited_for() {
    let clock = Clock::new();
    let (inner_trigger, inner) = deferred::<u8>();
    let (trigger, d) = deferred();
    let d = d.add_callback(move |()| inner).add_timeout(secs(1), &clock);
    trigger.callback(()).unwrap();
    assert_eq!(clock.delayed_calls(), 1);
    clock.advance(secs(1));
    assert!(outcome(d).unwrap_err().check::<TimedOut>());
    assert!(inner_trigger.is_called());
}

#[test]
fn the_timeout_does_not_cover_what_is_added_later() {
    let clock = Clock::new();
    let (_inner_trigger, inner) = deferred::<u8>();
    let d = succeed(())
        .add_timeout(secs(1), &clock)
        .add_callback(move |()| inner);
    clock.advance(secs(2));
    assert!(d.into_result().is_err());
}

#[test]
fn of_two_timeouts_the_shorter_counts() {
    let clock = Clock::new();
    let (_trigger, d) = deferred::<()>();
    let d = d.add_timeout(secs(5), &clock).add_timeout(secs(2), &clock);
    clock.advance(secs(2));
    let failure = outcome(d).unwrap_err();
    assert_eq!(failure.downcast_ref(), Some(&TimedOut::new(secs(2))));
    assert_eq!(clock.delayed_calls(), 0);
}

#[test]
fn on_timeout_decides_what_becomes_of_the_outcome() {
    let (clock, log) = (Clock::new(), Log::new());
    let (_trigger, d) = deferred();
    let seen = log.clone();
    let d = d.add_timeout_with(secs(1), &clock, move |result: Result<&str, Failure>| {
        seen.add(result.unwrap_err().check::<Cancelled>());
        succeed("instead")
    });
    clock.advance(secs(1));
    assert_eq!(outcome(d).unwrap(), "instead");
    assert_eq!(log.take(), [true]);
}

#[test]
fn on_timeout_is_not_asked_when_there_was_none() {
    let clock = Clock::new();
    let (trigger, d) = deferred();
    let d = d.add_timeout_with(secs(1), &clock, |_| -> Result<u8, Failure> {
        panic!("in time")
    });
    trigger.callback(1).unwrap();
    clock.advance(secs(2));
    assert_eq!(outcome(d).unwrap(), 1);
}

#[test]
fn a_reactor_times_out_too() {
    within_a_minute(|| {
        let reactor = reactor();
        let (trigger, d) = deferred::<()>();
        let d = d.add_timeout(ms(5), &reactor);
        let failure = reactor.run_until(d).unwrap_err();
        assert!(failure.check::<TimedOut>());
        drop(trigger);
    });
}

#[test]
fn a_timeout_of_a_job_in_a_thread_lets_go_of_it() {
    within_a_minute(|| {
        let reactor = reactor();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let d = reactor
            .defer_to_thread(move || Ok(released.recv()?))
            .add_timeout(ms(5), &reactor)
            .add_both(move |result| {
                drop(release);
                result
            });
        assert!(reactor.run_until(d).unwrap_err().check::<TimedOut>());
    });
}
