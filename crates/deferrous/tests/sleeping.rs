//! Deferreds that fire when some time has passed, and clones of delayed calls.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{cell::Cell, rc::Rc, time::Duration};

use deferrous::{
    Abandoned, Cancelled, Clock, DelayedCallError, Failure, Panicked, ReactorTime, deferred,
    deferred_with_canceller,
};
use reactor_support::{HOUR, Log, ms, reactor, run, secs, within_a_minute};

#[test]
fn sleep_fires_when_its_time_has_passed_and_not_before() {
    let clock = Clock::new();
    let d = clock.sleep(secs(5));
    clock.advance(secs(4));
    assert!(!d.is_called());
    clock.advance(secs(1));
    d.into_result().unwrap().unwrap();
    assert_eq!(clock.delayed_calls(), 0);
}

#[test]
fn a_cancelled_sleep_leaves_no_delayed_call() {
    let clock = Clock::new();
    let d = clock.sleep(secs(5));
    d.cancel();
    assert_eq!(clock.delayed_calls(), 0);
    let failure = d.into_result().unwrap().unwrap_err();
    assert!(failure.check::<Cancelled>());
    clock.advance(secs(10));
}

#[test]
fn a_future_that_is_dropped_while_it_sleeps_leaves_no_delayed_call() {
    let clock = Clock::new();
    drop(clock.sleep(secs(5)).into_future());
    assert_eq!(clock.delayed_calls(), 0);
}

#[test]
fn a_deferred_that_is_dropped_while_it_sleeps_runs_its_callbacks_in_time() {
    let (clock, log) = (Clock::new(), Log::new());
    drop(clock.sleep(secs(5)).map({
        let seen = log.adds("woken");
        |()| seen()
    }));
    clock.advance(secs(5));
    assert_eq!(log.take(), ["woken"]);
}

#[test]
fn sleeping_deferreds_fire_in_the_order_of_their_times() {
    let (clock, log) = (Clock::new(), Log::new());
    for seconds in [3, 1, 2] {
        let seen = log.adds(seconds);
        drop(clock.sleep(secs(seconds)).map(|()| seen()));
    }
    clock.advance(secs(3));
    assert_eq!(log.take(), [1, 2, 3]);
}

#[test]
fn a_sleep_whose_clock_is_gone_is_abandoned() {
    let clock = Clock::new();
    let d = clock.sleep(secs(5));
    drop(clock);
    assert!(d.into_result().unwrap().unwrap_err().check::<Abandoned>());
}

#[test]
fn defer_later_calls_at_its_time_and_fires_with_the_result() {
    let (clock, log) = (Clock::new(), Log::new());
    let seen = log.adds("called");
    let d = clock.defer_later(secs(2), move || {
        seen();
        Ok(7)
    });
    clock.advance(secs(1));
    assert_eq!(log.len(), 0);
    clock.advance(secs(1));
    assert_eq!(log.len(), 1);
    assert_eq!(d.into_result().unwrap().unwrap(), 7);
}

#[test]
fn defer_later_waits_for_the_deferred_that_its_function_returns() {
    let clock = Clock::new();
    let (trigger, inner) = deferred();
    let d = clock.defer_later(secs(1), move || inner);
    clock.advance(secs(1));
    let d = d.into_result().unwrap_err();
    trigger.callback("inner").unwrap();
    assert_eq!(d.into_result().unwrap().unwrap(), "inner");
}

#[test]
fn defer_later_fails_with_the_error_or_panic_of_its_function() {
    let clock = Clock::new();
    let failed = clock.defer_later(secs(1), || Err::<(), _>(Failure::new("no disk")));
    let panicked = clock.defer_later(secs(1), || -> Result<(), Failure> { panic!("no") });
    clock.advance(secs(1));
    let failure = failed.into_result().unwrap().unwrap_err();
    assert_eq!(failure.to_string(), "no disk");
    let failure = panicked.into_result().unwrap().unwrap_err();
    assert!(failure.check::<Panicked>());
}

#[test]
fn a_cancelled_defer_later_drops_its_function_uncalled() {
    let (clock, owned) = (Clock::new(), Rc::new(()));
    let kept = owned.clone();
    let d = clock.defer_later(secs(1), move || drop(kept));
    d.cancel();
    assert_eq!(clock.delayed_calls(), 0);
    clock.advance(secs(1));
    let failure = d.into_result().unwrap().unwrap_err();
    assert!(failure.check::<Cancelled>());
    assert_eq!(Rc::strong_count(&owned), 1);
}

#[test]
fn cancelling_defer_later_after_the_call_cancels_what_it_has_returned() {
    let (clock, given_up) = (Clock::new(), Rc::new(Cell::new(false)));
    let note = given_up.clone();
    let (_trigger, inner) = deferred_with_canceller::<()>(move |_| note.set(true));
    let d = clock.defer_later(secs(1), move || inner);
    clock.advance(secs(1));
    d.cancel();
    assert!(given_up.get());
    let failure = d.into_result().unwrap().unwrap_err();
    assert!(failure.check::<Cancelled>());
}

#[test]
fn a_reactor_sleeps_and_calls_later_in_real_time() {
    within_a_minute(|| {
        let reactor = reactor();
        let time = reactor.clone();
        let took = run(&reactor, async move {
            let start = time.now();
            time.sleep(ms(5)).await?;
            time.defer_later(ms(5), || Ok(())).await?;
            Ok(time.now() - start)
        });
        assert!(took >= ms(10));
    });
}

#[test]
fn a_reactor_that_ends_abandons_what_sleeps() {
    within_a_minute(|| {
        let reactor = reactor();
        let d = reactor.sleep(HOUR);
        let stop = reactor.clone();
        reactor.call_later(Duration::ZERO, move || stop.stop().unwrap());
        reactor.run().unwrap();
        assert!(d.into_result().unwrap().unwrap_err().check::<Abandoned>());
        let late = reactor.sleep(HOUR);
        let failure = late.into_result().unwrap().unwrap_err();
        assert!(failure.check::<Abandoned>());
    });
}

#[test]
fn clones_of_a_delayed_call_are_the_same_call() {
    let clock = Clock::new();
    let call = clock.call_later(secs(5), || panic!("it was cancelled"));
    let (same, again) = (call.clone(), call.clone());
    same.delay(secs(1)).unwrap();
    assert_eq!(again.time(), Ok(secs(6)));
    again.clone().cancel().unwrap();
    for clone in [&call, &same, &again, &call.clone()] {
        assert!(!clone.is_active());
        assert_eq!(clone.cancel(), Err(DelayedCallError::AlreadyCancelled));
    }
    clock.advance(secs(6));
}

#[test]
fn a_clone_of_a_cancelled_call_says_that_it_was_cancelled() {
    let clock = Clock::new();
    let call = clock.call_later(secs(5), || ());
    call.cancel().unwrap();
    let clone = call.clone();
    assert_eq!(clone.time(), Err(DelayedCallError::AlreadyCancelled));
}

#[test]
fn clones_say_that_their_call_was_made() {
    let clock = Clock::new();
    let call = clock.call_later(secs(5), || ());
    let clone = call.clone();
    clock.advance(secs(5));
    for call in [call, clone] {
        assert_eq!(call.cancel(), Err(DelayedCallError::AlreadyCalled));
        assert_eq!(call.time(), Err(DelayedCallError::AlreadyCalled));
    }
}
