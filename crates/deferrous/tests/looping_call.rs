//! Functions that are called again and again.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    cell::{Cell, RefCell},
    ops::Deref,
    rc::Rc,
    time::Duration,
};

use deferrous::{
    Abandoned, Cancelled, Clock, Deferred, Failure, LoopingCall, LoopingCallError, Panicked,
    ReactorTime, Trigger, capture_unhandled, deferred,
};
use reactor_support::{HOUR, Log, ms, reactor, secs, within_a_minute};

/// Stops when it is dropped: the function owns the clock, which owns the function for as long as
/// the loop runs.
struct Ticker(LoopingCall<Clock>);

impl Deref for Ticker {
    type Target = LoopingCall<Clock>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        let _ = self.0.stop();
    }
}

/// A looping call that logs when it is called.
fn ticker(clock: &Clock) -> (Ticker, Log<Duration>) {
    let (log, now) = (Log::new(), clock.clone());
    let seen = log.clone();
    let tick = LoopingCall::new(clock, move || seen.add(now.now()));
    (Ticker(tick), log)
}

/// A looping call whose Deferreds the test fires.
fn waiting_ticker(clock: &Clock) -> (LoopingCall<Clock>, Log<Trigger<()>>) {
    let log = Log::new();
    let seen = log.clone();
    let tick = LoopingCall::new(clock, move || {
        let (trigger, d) = deferred();
        seen.add(trigger);
        d
    });
    (tick, log)
}

fn ended(d: Deferred<()>) -> Result<(), Failure> {
    d.into_result().expect("the loop has ended")
}

fn running(d: Deferred<()>) -> Deferred<()> {
    d.into_result().expect_err("the loop goes on")
}

#[test]
fn calls_are_made_at_whole_intervals() {
    let clock = Clock::new();
    let (tick, log) = ticker(&clock);
    clock.advance(ms(300));
    let _d = tick.start(secs(1), true).unwrap();
    assert_eq!(tick.interval(), Some(secs(1)));
    clock.pump([ms(500); 5]);
    assert_eq!(log.take(), [ms(300), ms(1300), ms(2300)]);
}

#[test]
fn the_first_call_may_wait_for_the_interval() {
    let clock = Clock::new();
    let (tick, log) = ticker(&clock);
    let _d = tick.start(secs(1), false).unwrap();
    assert_eq!(log.len(), 0);
    clock.pump([ms(500); 4]);
    assert_eq!(log.take(), [secs(1), secs(2)]);
}

#[test]
fn no_call_is_made_up_for() {
    let clock = Clock::new();
    let (tick, log) = ticker(&clock);
    let _d = tick.start(secs(1), true).unwrap();
    clock.advance(ms(3500));
    assert_eq!(log.take(), [ms(0), ms(3500)]);
    clock.advance(ms(499));
    assert_eq!(log.len(), 0);
    clock.advance(ms(1));
    assert_eq!(log.take(), [ms(4000)]);
}

#[test]
fn a_long_call_is_followed_by_the_next_whole_interval() {
    let (clock, log) = (Clock::new(), Log::new());
    let (busy, seen) = (clock.clone(), log.clone());
    let tick = LoopingCall::new(&clock, move || {
        seen.add(busy.now());
        if busy.now() < secs(1) {
            busy.advance(ms(2300));
        }
    });
    let tick = Ticker(tick);
    let _d = tick.start(secs(1), true).unwrap();
    clock.pump([ms(100); 8]);
    assert_eq!(log.take(), [ms(0), ms(3000)]);
}

#[test]
fn a_call_that_ends_on_the_grid_is_not_followed_at_once() {
    let clock = Clock::new();
    let (tick, log) = waiting_ticker(&clock);
    let _d = tick.start(secs(1), true).unwrap();
    clock.advance(secs(2));
    log.take().remove(0).callback(()).unwrap();
    clock.advance(ms(999));
    assert_eq!(log.len(), 0);
    clock.advance(ms(1));
    assert_eq!(log.len(), 1);
    // What is waited for owns the loop, and the log what is waited for.
    log.take().remove(0).callback(()).unwrap();
}

#[test]
fn a_call_waits_for_the_deferred_of_the_one_before() {
    let clock = Clock::new();
    let (tick, log) = waiting_ticker(&clock);
    let _d = tick.start(secs(1), true).unwrap();
    clock.advance(ms(2500));
    let calls = log.take();
    assert_eq!((calls.len(), clock.delayed_calls()), (1, 0));
    calls[0].callback(()).unwrap();
    clock.advance(ms(499));
    assert_eq!(log.len(), 0);
    clock.advance(ms(1));
    assert_eq!(log.len(), 1);
    // What is waited for owns the loop, and the log what is waited for.
    log.take().remove(0).callback(()).unwrap();
}

#[test]
fn the_count_is_of_intervals_since_the_last_call() {
    let (clock, log) = (Clock::new(), Log::new());
    let seen = log.clone();
    let tick = LoopingCall::with_count(&clock, move |count| seen.add(count));
    clock.advance(secs(60));
    let _d = tick.start(secs(1), true).unwrap();
    clock.pump([secs(1), ms(3500), ms(500), secs(2)]);
    assert_eq!(log.take(), [1, 1, 3, 1, 2]);
}

#[test]
fn the_first_count_is_one_even_when_time_begins() {
    let (clock, log) = (Clock::new(), Log::new());
    let seen = log.clone();
    let tick = LoopingCall::with_count(&clock, move |count| seen.add(count));
    let _d = tick.start(secs(1), true).unwrap();
    assert_eq!(log.take(), [1]);
    clock.advance(secs(1));
    assert_eq!(log.take(), [1]);
}

#[test]
fn counts_begin_with_the_first_interval_if_that_is_waited_for() {
    let (clock, log) = (Clock::new(), Log::new());
    let seen = log.clone();
    let tick = LoopingCall::with_count(&clock, move |count| seen.add(count));
    let _d = tick.start(secs(1), false).unwrap();
    clock.pump([secs(1), secs(3)]);
    assert_eq!(log.take(), [1, 3]);
}

#[test]
fn with_an_interval_of_zero_every_count_is_one() {
    let (clock, log) = (Clock::new(), Log::new());
    let (seen, own) = (
        log.clone(),
        Rc::new(RefCell::new(None::<LoopingCall<Clock>>)),
    );
    let stop = own.clone();
    let tick = LoopingCall::with_count(&clock, move |count| {
        seen.add(count);
        if seen.len() == 5 {
            stop.take().unwrap().stop().unwrap();
        }
    });
    *own.borrow_mut() = Some(tick.clone());
    let d = tick.start(Duration::ZERO, false).unwrap();
    clock.advance(secs(2));
    assert_eq!(log.take(), [1; 5]);
    ended(d).unwrap();
}

#[test]
fn with_an_interval_of_zero_the_reactor_does_other_things_between() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let seen = log.clone();
        let tick = LoopingCall::new(&reactor, move || seen.add("tick"));
        let d = tick.start(Duration::ZERO, true).unwrap();
        let other = LoopingCall::new(&reactor, move || {
            if log.len() > 2 {
                let _ = tick.stop();
            }
        });
        let _ends_with_the_reactor = other.start(Duration::ZERO, true).unwrap();
        reactor.run_until(d).unwrap();
    });
}

#[test]
fn an_error_ends_the_loop() {
    let (clock, log) = (Clock::new(), Log::new());
    let seen = log.clone();
    let tick = LoopingCall::new(&clock, move || {
        seen.add(());
        if seen.len() == 3 {
            Err(std::fmt::Error.into())
        } else {
            Ok(())
        }
    });
    let d = tick.start(secs(1), true).unwrap();
    clock.pump([secs(1); 10]);
    assert_eq!((log.len(), clock.delayed_calls()), (3, 0));
    assert!(!tick.is_running());
    assert!(ended(d).unwrap_err().check::<std::fmt::Error>());
}

#[test]
fn a_panic_ends_the_loop_which_can_be_started_again() {
    let (clock, log) = (Clock::new(), Log::new());
    let seen = log.clone();
    let tick = LoopingCall::new(&clock, move || {
        seen.add(());
        assert!(seen.len() > 1, "the first time");
    });
    let d = tick.start(secs(1), true).unwrap();
    assert!(ended(d).unwrap_err().check::<Panicked>());
    let d = tick.start(secs(1), true).unwrap();
    clock.advance(secs(1));
    assert_eq!(log.len(), 3);
    running(d);
}

#[test]
fn a_failing_deferred_ends_the_loop() {
    let clock = Clock::new();
    let (tick, log) = waiting_ticker(&clock);
    let d = running(tick.start(secs(1), true).unwrap());
    log.take().remove(0).errback(std::fmt::Error).unwrap();
    assert!(ended(d).unwrap_err().check::<std::fmt::Error>());
    assert!(!tick.is_running());
}

#[test]
fn stop_ends_the_loop() {
    let clock = Clock::new();
    let (tick, log) = ticker(&clock);
    let d = running(tick.start(secs(1), true).unwrap());
    tick.stop().unwrap();
    assert_eq!((tick.is_running(), tick.interval()), (false, None));
    ended(d).unwrap();
    assert_eq!(clock.delayed_calls(), 0);
    clock.advance(secs(5));
    assert_eq!(log.len(), 1);
}

#[test]
fn a_call_may_stop_its_own_loop() {
    let (clock, log) = (Clock::new(), Log::new());
    let own = Rc::new(RefCell::new(None::<LoopingCall<Clock>>));
    let (stop, seen) = (own.clone(), log.clone());
    let tick = LoopingCall::new(&clock, move || {
        seen.add(());
        stop.take().unwrap().stop().unwrap();
    });
    *own.borrow_mut() = Some(tick.clone());
    let d = tick.start(secs(1), false).unwrap();
    clock.advance(secs(5));
    assert_eq!((log.len(), clock.delayed_calls()), (1, 0));
    ended(d).unwrap();
}

#[test]
fn a_stopped_loop_ends_when_the_call_that_it_waits_for_has() {
    let clock = Clock::new();
    let (tick, log) = waiting_ticker(&clock);
    let d = tick.start(secs(1), true).unwrap();
    tick.stop().unwrap();
    assert!(!tick.is_running());
    let d = running(d);
    log.take().remove(0).callback(()).unwrap();
    ended(d).unwrap();
    assert_eq!(clock.delayed_calls(), 0);
}

#[test]
fn the_last_call_of_a_stopped_loop_may_still_fail() {
    let (clock, captured) = (Clock::new(), capture_unhandled());
    let (tick, log) = waiting_ticker(&clock);
    let d = tick.start(secs(1), true).unwrap();
    tick.stop().unwrap();
    log.take().remove(0).errback(std::fmt::Error).unwrap();
    assert!(ended(d).unwrap_err().check::<std::fmt::Error>());
    assert!(captured.take().is_empty());
}

#[test]
fn a_loop_may_be_started_again() {
    let clock = Clock::new();
    let (tick, log) = ticker(&clock);
    let d = tick.start(secs(1), true).unwrap();
    tick.stop().unwrap();
    ended(d).unwrap();
    clock.advance(ms(500));
    let d = tick.start(secs(2), true).unwrap();
    clock.advance(secs(2));
    assert_eq!(log.take(), [ms(0), ms(500), ms(2500)]);
    running(d);
}

#[test]
fn a_loop_started_again_is_not_driven_by_the_run_before() {
    let (clock, calls) = (Clock::new(), Rc::new(Cell::new(0)));
    let (first, slow) = deferred();
    let (counter, slow) = (calls.clone(), RefCell::new(Some(slow)));
    let tick = LoopingCall::new(&clock, move || {
        counter.set(counter.get() + 1);
        slow.take().unwrap_or_else(|| deferrous::succeed(()))
    });
    let old = tick.start(secs(1), true).unwrap();
    tick.stop().unwrap();
    let new = tick.start(secs(1), false).unwrap();
    first.callback(()).unwrap();
    ended(old).unwrap();
    assert_eq!(clock.delayed_calls(), 1);
    clock.pump([secs(1); 4]);
    assert_eq!(calls.get(), 5);
    running(new);
}

#[test]
fn a_call_may_start_its_loop_again() {
    let (clock, calls) = (Clock::new(), Rc::new(Cell::new(0)));
    let own = Rc::new(RefCell::new(None::<LoopingCall<Clock>>));
    let (restart, counter) = (own.clone(), calls.clone());
    let tick = LoopingCall::new(&clock, move || {
        counter.set(counter.get() + 1);
        if let Some(tick) = restart.take() {
            tick.stop().unwrap();
            drop(tick.start(secs(1), false).unwrap());
        }
    });
    *own.borrow_mut() = Some(tick.clone());
    let d = tick.start(secs(1), true).unwrap();
    ended(d).unwrap();
    assert_eq!(clock.delayed_calls(), 1);
    clock.pump([secs(1); 3]);
    assert_eq!(calls.get(), 4);
    assert!(tick.is_running());
}

#[test]
fn starting_twice_and_stopping_twice_are_errors() {
    let clock = Clock::new();
    let (tick, log) = ticker(&clock);
    assert_eq!(tick.stop(), Err(LoopingCallError::NotRunning));
    assert_eq!(tick.reset(), Err(LoopingCallError::NotRunning));
    let d = tick.start(secs(1), true).unwrap();
    let again = tick.start(secs(1), true);
    assert_eq!(again.unwrap_err(), LoopingCallError::AlreadyRunning);
    assert_eq!(log.len(), 1);
    tick.stop().unwrap();
    assert_eq!(tick.stop(), Err(LoopingCallError::NotRunning));
    ended(d).unwrap();
}

#[test]
fn cancelling_the_deferred_stops_the_loop() {
    let clock = Clock::new();
    let (tick, log) = ticker(&clock);
    let d = tick.start(secs(1), true).unwrap();
    d.cancel();
    assert!(!tick.is_running());
    assert!(ended(d).unwrap_err().check::<Cancelled>());
    assert_eq!(clock.delayed_calls(), 0);
    clock.advance(secs(3));
    assert_eq!(log.len(), 1);
}

#[test]
fn dropping_the_deferred_does_not_stop_the_loop() {
    let clock = Clock::new();
    let log = Log::new();
    let seen = log.clone();
    let tick = LoopingCall::new(&clock, move || seen.add(()));
    drop(tick.start(secs(1), true).unwrap());
    drop(tick);
    clock.pump([secs(1); 2]);
    assert_eq!(log.len(), 3);
}

#[test]
fn reset_moves_the_grid() {
    let clock = Clock::new();
    let (tick, log) = ticker(&clock);
    let _d = tick.start(secs(1), false).unwrap();
    clock.advance(ms(700));
    tick.reset().unwrap();
    clock.advance(ms(999));
    assert_eq!(log.len(), 0);
    clock.pump([ms(1), secs(1)]);
    assert_eq!(log.take(), [ms(1700), ms(2700)]);
    assert_eq!(clock.delayed_calls(), 1);
}

#[test]
fn reset_inside_a_call_does_not_double_it() {
    let (clock, log) = (Clock::new(), Log::new());
    let own = Rc::new(RefCell::new(None::<LoopingCall<Clock>>));
    let (reset, seen, now) = (own.clone(), log.clone(), clock.clone());
    let tick = LoopingCall::new(&clock, move || {
        seen.add(now.now());
        if let Some(tick) = &*reset.borrow() {
            tick.reset().unwrap();
        }
    });
    *own.borrow_mut() = Some(tick.clone());
    let _d = tick.start(secs(1), false).unwrap();
    clock.pump([ms(1500), ms(500), ms(500)]);
    assert_eq!(log.take(), [ms(1500), ms(2500)]);
    assert_eq!(clock.delayed_calls(), 1);
    own.take();
    tick.stop().unwrap();
}

#[test]
fn a_reactor_loops_on_the_grid_too() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (seen, now) = (log.clone(), reactor.clone());
        let own = Rc::new(RefCell::new(None::<LoopingCall<_>>));
        let stop = own.clone();
        let tick = LoopingCall::new(&reactor, move || {
            seen.add(now.now());
            if seen.len() == 4 {
                stop.take().unwrap().stop().unwrap();
            }
        });
        *own.borrow_mut() = Some(tick.clone());
        let started = reactor.now();
        let d = tick.start(ms(5), true).unwrap();
        reactor.run_until(d).unwrap();
        let times = log.take();
        // A slow machine makes each late, but none early.
        assert_eq!(times.len(), 4);
        assert!((0..4).all(|n| times[n as usize] - started >= ms(5) * n));
    });
}

#[test]
fn a_dropped_clock_drops_the_loops_that_run_on_it() {
    let owned = Rc::new(());
    let (clock, kept) = (Clock::new(), owned.clone());
    let tick = LoopingCall::new(&clock, move || drop(kept.clone()));
    let d = running(tick.start(secs(1), true).unwrap());
    drop((tick, clock));
    assert!(ended(d).unwrap_err().check::<Abandoned>());
    assert_eq!(Rc::strong_count(&owned), 1);
}

#[test]
fn a_loop_that_waits_for_a_deferred_ends_when_its_clock_is_gone() {
    let clock = Clock::new();
    let (tick, log) = waiting_ticker(&clock);
    let d = running(tick.start(secs(1), true).unwrap());
    drop((tick, clock));
    let d = running(d);
    log.take().remove(0).callback(()).unwrap();
    assert!(ended(d).unwrap_err().check::<Abandoned>());
}

#[test]
fn a_loop_ends_with_its_reactor_and_can_be_started_in_the_next_run() {
    within_a_minute(|| {
        let reactor = reactor();
        let tick = LoopingCall::new(&reactor, || ());
        let first = tick.start(HOUR, true).unwrap();
        reactor.run_until(reactor.sleep(ms(1))).unwrap();
        let failure = first.into_result().unwrap().unwrap_err();
        assert!(failure.check::<Abandoned>());
        assert!(!tick.is_running());
        let second = tick.start(ms(1), true).unwrap();
        let stop = tick.clone();
        reactor.call_later(ms(5), move || stop.stop().unwrap());
        reactor.run_until(second).unwrap();
    });
}
