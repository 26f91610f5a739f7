//! A `Clock` that is advanced as far as its time reaches, which is 584 years, and further.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{cell::Cell, rc::Rc, time::Duration};

use deferrous::{Clock, LoopingCall, ReactorTime, deferred};
use reactor_support::{Log, ms, secs, within_a_minute};

const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// A clock at the end of its time.
fn ended() -> Clock {
    let clock = Clock::new();
    clock.advance(Duration::MAX);
    clock
}

#[test]
fn time_stands_still_at_its_end_and_does_not_begin_anew() {
    within_a_minute(|| {
        let clock = ended();
        let end = clock.now();
        assert!(end > 580 * YEAR);
        for amount in [Duration::ZERO, ms(1), YEAR, Duration::MAX] {
            clock.advance(amount);
            assert_eq!(clock.now(), end);
        }
    });
}

#[test]
fn calls_are_made_in_order_until_the_end() {
    within_a_minute(|| {
        let (clock, log) = (Clock::new(), Log::new());
        for years in [583, 1, 300, 582] {
            clock.call_later(years * YEAR, log.adds(years));
        }
        clock.advance(400 * YEAR);
        assert_eq!(log.take(), [1, 300]);
        clock.call_later(182 * YEAR + secs(1), log.adds(0));
        clock.advance(400 * YEAR);
        assert_eq!(log.take(), [582, 0, 583]);
    });
}

#[test]
fn a_call_that_is_set_for_after_the_end_is_not_made_early() {
    within_a_minute(|| {
        let clock = Clock::new();
        let never = || panic!("that time has not come");
        let first = clock.call_later(Duration::MAX, never);
        let second = clock.call_later(YEAR, never);
        second.delay(600 * YEAR).unwrap();
        let third = clock.call_later(YEAR, never);
        third.reset(Duration::MAX).unwrap();
        clock.advance(Duration::MAX);
        let fourth = clock.call_later(Duration::from_nanos(1), never);
        clock.advance(Duration::MAX);
        for call in [first, second, third, fourth] {
            assert!(call.is_active() && call.time().unwrap() > clock.now());
            call.cancel().unwrap();
        }
        assert_eq!(clock.delayed_calls(), 0);
    });
}

#[test]
fn a_call_that_is_set_for_now_is_made_at_the_end_too() {
    within_a_minute(|| {
        let (clock, log) = (ended(), Log::new());
        clock.call_later(Duration::ZERO, log.adds("now"));
        clock.advance(Duration::ZERO);
        assert_eq!(log.take(), ["now"]);
    });
}

#[test]
fn sleeps_and_timeouts_are_not_over_early() {
    within_a_minute(|| {
        let clock = ended();
        let (trigger, d) = deferred();
        let waits = d.add_timeout(secs(1), &clock);
        let sleeps = clock.sleep(secs(1));
        clock.advance(YEAR);
        assert!(!sleeps.is_called());
        trigger.callback("in time").unwrap();
        assert_eq!(waits.into_result().unwrap().unwrap(), "in time");
    });
}

#[test]
fn a_looping_call_does_not_run_for_ever_at_the_end() {
    within_a_minute(|| {
        let (clock, calls) = (Clock::new(), Rc::new(Cell::new(0)));
        let count = calls.clone();
        let looping = LoopingCall::with_count(&clock, move |missed| {
            count.set(count.get() + 1);
            assert!(count.get() < 10 && missed > 0);
        });
        let ended = looping.start(ms(1), true).unwrap();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(calls.get(), 2);
        looping.stop().unwrap();
        ended.into_result().unwrap().unwrap();
    });
}
