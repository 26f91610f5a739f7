//! Delayed calls, the same on a `Clock` and on a running reactor.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use deferrous::{
    Clock, DelayedCall, DelayedCallError, Origin, Panicked, Reactor, ReactorTime,
    capture_unhandled, deferred, spawn,
};
use reactor_support::{HOUR, Log, ms, reactor, run, scale, within_a_minute};

/// A source of time on which a test can wait.
trait Source: ReactorTime {
    /// Lets at least this much time pass.
    async fn pass(&self, amount: Duration);
}

impl Source for Clock {
    async fn pass(&self, amount: Duration) {
        self.advance(amount);
    }
}

impl Source for Reactor {
    async fn pass(&self, amount: Duration) {
        let (trigger, d) = deferred();
        self.call_later(amount, move || trigger.callback(()).unwrap());
        d.await.unwrap();
    }
}

macro_rules! on_clock_and_reactor {
    ($($name:ident)*) => {
        mod clock {
            use super::*;
            $(
                #[test]
                fn $name() {
                    let test = async { super::$name(Clock::new()).await; Ok(()) };
                    spawn(test).into_result().unwrap().unwrap();
                }
            )*
        }
        mod running_reactor {
            use super::*;
            $(
                #[test]
                fn $name() {
                    within_a_minute(|| {
                        let reactor = reactor();
                        let time = reactor.clone();
                        run(&reactor, async { super::$name(time).await; Ok(()) });
                    });
                }
            )*
        }
    };
}

on_clock_and_reactor! {
    calls_are_made_in_order_of_time
    equal_deadlines_fire_in_the_order_they_were_set
    nothing_is_called_early
    a_delay_of_zero_is_not_a_call_at_once
    a_call_may_set_calls
    a_call_set_for_now_does_not_overtake_those_that_are_due
    a_cancelled_call_is_not_made
    cancelling_drops_the_function
    a_call_may_cancel_another_that_is_due
    reset_counts_from_now
    reset_may_bring_a_call_forward
    delay_counts_from_the_old_deadline
    a_moved_call_comes_after_those_with_its_new_deadline
    time_is_the_deadline
    a_made_call_can_not_be_changed
    a_cancelled_call_can_not_be_changed
    a_call_is_not_active_while_it_is_made
    dropping_the_handle_does_not_cancel
    an_old_handle_does_not_touch_a_new_call
    a_panic_is_reported_and_others_go_on
    pending_calls_are_counted
    delays_without_end_do_not_overflow
    clones_share_their_time_and_calls
    what_is_dropped_by_cancelling_may_set_calls
}

async fn calls_are_made_in_order_of_time<C: Source>(time: C) {
    let log = Log::new();
    for millis in [3, 1, 5, 2, 4] {
        time.call_later(ms(millis) * scale::patience(), log.adds(millis));
    }
    time.pass(ms(6) * scale::patience()).await;
    assert_eq!(log.take(), [1, 2, 3, 4, 5]);
}

async fn equal_deadlines_fire_in_the_order_they_were_set<C: Source>(time: C) {
    let log = Log::new();
    let deadline = time.now() + ms(50);
    for n in 0..200 {
        let call = time.call_later(Duration::ZERO, log.adds(n));
        call.delay(deadline - call.time().unwrap()).unwrap();
        assert_eq!(call.time(), Ok(deadline));
    }
    time.pass(ms(60)).await;
    assert_eq!(log.take(), Vec::from_iter(0..200));
}

async fn nothing_is_called_early<C: Source>(time: C) {
    let log = Log::new();
    let (clock, seen) = (time.clone(), log.clone());
    let start = time.now();
    time.call_later(ms(5), move || seen.add(clock.now()));
    time.call_later(HOUR, || panic!("an hour has not passed"));
    time.pass(ms(8)).await;
    let made = log.take();
    assert_eq!(made.len(), 1);
    assert!(made[0] >= start + ms(5));
}

async fn a_delay_of_zero_is_not_a_call_at_once<C: Source>(time: C) {
    let log = Log::new();
    time.call_later(Duration::ZERO, log.adds("called"));
    assert_eq!(log.len(), 0);
    time.pass(Duration::ZERO).await;
    assert_eq!(log.take(), ["called"]);
}

async fn a_call_may_set_calls<C: Source>(time: C) {
    let log = Log::new();
    fn again<C: Source>(time: C, log: Log<u32>, left: u32) {
        log.add(left);
        if left > 0 {
            time.clone()
                .call_later(Duration::ZERO, move || again(time, log, left - 1));
        }
    }
    let (clock, seen) = (time.clone(), log.clone());
    time.call_later(ms(1), move || again(clock, seen, 3));
    time.pass(ms(2)).await;
    for _ in 0..5 {
        time.pass(Duration::ZERO).await;
    }
    assert_eq!(log.take(), [3, 2, 1, 0]);
}

async fn a_call_set_for_now_does_not_overtake_those_that_are_due<C: Source>(time: C) {
    let log = Log::new();
    let (clock, seen) = (time.clone(), log.clone());
    time.call_later(Duration::ZERO, move || {
        seen.add("first");
        clock.call_later(Duration::ZERO, seen.adds("set later"));
    });
    time.call_later(Duration::ZERO, log.adds("second"));
    time.pass(ms(1)).await;
    time.pass(ms(1)).await;
    assert_eq!(log.take(), ["first", "second", "set later"]);
}

async fn a_cancelled_call_is_not_made<C: Source>(time: C) {
    let log = Log::new();
    let call = time.call_later(ms(1), log.adds("cancelled"));
    time.call_later(ms(1), log.adds("kept"));
    call.cancel().unwrap();
    time.pass(ms(2)).await;
    assert_eq!(log.take(), ["kept"]);
}

async fn cancelling_drops_the_function<C: Source>(time: C) {
    let owned = Rc::new(());
    let kept = owned.clone();
    let call = time.call_later(HOUR, move || drop(kept));
    assert_eq!(Rc::strong_count(&owned), 2);
    call.cancel().unwrap();
    assert_eq!(Rc::strong_count(&owned), 1);
}

async fn a_call_may_cancel_another_that_is_due<C: Source>(time: C) {
    let log = Log::new();
    let victim: Rc<RefCell<Option<DelayedCall>>> = Rc::default();
    let aim = victim.clone();
    time.call_later(ms(1), move || aim.take().unwrap().cancel().unwrap());
    *victim.borrow_mut() = Some(time.call_later(ms(1), log.adds("victim")));
    time.pass(ms(3)).await;
    assert_eq!(log.len(), 0);
}

async fn reset_counts_from_now<C: Source>(time: C) {
    let log = Log::new();
    let call = time.call_later(HOUR, log.adds("reset"));
    time.pass(ms(2)).await;
    let now = time.now();
    call.reset(HOUR).unwrap();
    let deadline = call.time().unwrap();
    assert!(deadline >= now + HOUR && deadline <= time.now() + HOUR);
    call.cancel().unwrap();
}

async fn reset_may_bring_a_call_forward<C: Source>(time: C) {
    let log = Log::new();
    let call = time.call_later(HOUR, log.adds("reset"));
    call.reset(ms(1)).unwrap();
    time.pass(ms(2)).await;
    assert_eq!(log.take(), ["reset"]);
}

async fn delay_counts_from_the_old_deadline<C: Source>(time: C) {
    let log = Log::new();
    let call = time.call_later(ms(1), log.adds("delayed"));
    let deadline = call.time().unwrap();
    call.delay(HOUR).unwrap();
    assert_eq!(call.time().unwrap(), deadline + HOUR);
    time.pass(ms(4)).await;
    assert_eq!(log.len(), 0);
    assert!(call.is_active());
}

async fn a_moved_call_comes_after_those_with_its_new_deadline<C: Source>(time: C) {
    let log = Log::new();
    let moved = time.call_later(ms(1), log.adds("moved"));
    let there = time.call_later(ms(3), log.adds("there"));
    moved
        .delay(there.time().unwrap() - moved.time().unwrap())
        .unwrap();
    assert_eq!(moved.time(), there.time());
    time.pass(ms(5)).await;
    assert_eq!(log.take(), ["there", "moved"]);
}

async fn time_is_the_deadline<C: Source>(time: C) {
    let before = time.now();
    let call = time.call_later(HOUR, || ());
    let deadline = call.time().unwrap();
    assert!(deadline >= before + HOUR && deadline <= time.now() + HOUR);
    call.cancel().unwrap();
}

fn assert_closed(call: &DelayedCall, error: DelayedCallError) {
    assert!(!call.is_active());
    assert_eq!(call.cancel(), Err(error));
    assert_eq!(call.reset(ms(1)), Err(error));
    assert_eq!(call.delay(ms(1)), Err(error));
    assert_eq!(call.time(), Err(error));
}

async fn a_made_call_can_not_be_changed<C: Source>(time: C) {
    let call = time.call_later(ms(1), || ());
    assert!(call.is_active());
    time.pass(ms(2)).await;
    assert_closed(&call, DelayedCallError::AlreadyCalled);
}

async fn a_cancelled_call_can_not_be_changed<C: Source>(time: C) {
    let call = time.call_later(ms(1), || ());
    call.cancel().unwrap();
    assert_closed(&call, DelayedCallError::AlreadyCancelled);
    time.pass(ms(2)).await;
    assert_closed(&call, DelayedCallError::AlreadyCancelled);
}

async fn a_call_is_not_active_while_it_is_made<C: Source>(time: C) {
    let call: Rc<RefCell<Option<DelayedCall>>> = Rc::default();
    let log = Log::new();
    let (own, seen) = (call.clone(), log.clone());
    *call.borrow_mut() = Some(time.call_later(ms(1), move || {
        let own = own.take().unwrap();
        seen.add((own.is_active(), own.cancel()));
    }));
    time.pass(ms(2)).await;
    assert_eq!(log.take(), [(false, Err(DelayedCallError::AlreadyCalled))]);
}

async fn dropping_the_handle_does_not_cancel<C: Source>(time: C) {
    let log = Log::new();
    drop(time.call_later(ms(1), log.adds("made")));
    time.pass(ms(2)).await;
    assert_eq!(log.take(), ["made"]);
}

async fn an_old_handle_does_not_touch_a_new_call<C: Source>(time: C) {
    let log = Log::new();
    let old = time.call_later(ms(1), || ());
    old.cancel().unwrap();
    let new = time.call_later(ms(1), log.adds("new"));
    assert!(old.cancel().is_err());
    assert!(old.delay(HOUR).is_err());
    assert!(new.is_active() && !old.is_active());
    time.pass(ms(2)).await;
    assert_eq!(log.take(), ["new"]);
}

async fn a_panic_is_reported_and_others_go_on<C: Source>(time: C) {
    let captured = capture_unhandled();
    let log = Log::new();
    time.call_later(ms(1), log.adds("before"));
    time.call_later(ms(1), || panic!("in a timer"));
    time.call_later(ms(1), log.adds("after"));
    time.pass(ms(2)).await;
    assert_eq!(log.take(), ["before", "after"]);
    let unhandled = captured.take();
    assert_eq!(unhandled.len(), 1);
    assert_eq!(unhandled[0].origin, Origin::ReactorCall);
    assert!(unhandled[0].failure.check::<Panicked>());
}

async fn pending_calls_are_counted<C: Source>(time: C) {
    let base = time.delayed_calls();
    let calls: Vec<_> = (0..5).map(|_| time.call_later(HOUR, || ())).collect();
    assert_eq!(time.delayed_calls(), base + 5);
    calls[2].cancel().unwrap();
    assert_eq!(time.delayed_calls(), base + 4);
    calls[3].reset(HOUR).unwrap();
    calls[4].delay(HOUR).unwrap();
    assert_eq!(time.delayed_calls(), base + 4);
    calls[1].reset(Duration::ZERO).unwrap();
    time.pass(ms(1)).await;
    assert_eq!(time.delayed_calls(), base + 3);
}

async fn delays_without_end_do_not_overflow<C: Source>(time: C) {
    let log = Log::new();
    time.call_later(Duration::MAX, || panic!("that was early"));
    let call = time.call_later(HOUR, || panic!("that was early"));
    call.delay(Duration::MAX).unwrap();
    call.reset(Duration::MAX).unwrap();
    time.call_later(ms(1), log.adds("made"));
    time.pass(ms(2)).await;
    assert_eq!(log.take(), ["made"]);
}

async fn clones_share_their_time_and_calls<C: Source>(time: C) {
    let made = Rc::new(Cell::new(false));
    let mark = made.clone();
    let other = time.clone();
    other.call_later(ms(1), move || mark.set(true));
    time.pass(ms(2)).await;
    assert!(made.get());
    assert_eq!(time.delayed_calls(), other.delayed_calls());
}

async fn what_is_dropped_by_cancelling_may_set_calls<C: Source>(time: C) {
    let log = Log::new();
    let (clock, seen) = (time.clone(), log.clone());
    let owned = reactor_support::OnDrop(move || {
        clock.call_later(ms(1), seen.adds("set by a drop"));
    });
    let call = time.call_later(HOUR, move || drop(owned));
    call.cancel().unwrap();
    time.pass(ms(2)).await;
    assert_eq!(log.take(), ["set by a drop"]);
}

#[test]
fn a_clock_stands_still_by_itself() {
    let clock = Clock::default();
    assert_eq!(clock.now(), Duration::ZERO);
    clock.advance(ms(1500));
    clock.pump([ms(250), ms(250)]);
    assert_eq!(clock.now(), ms(2000));
}

#[test]
fn a_clock_shows_its_new_time_to_the_calls_it_makes() {
    let (clock, log) = (Clock::new(), Log::new());
    let (now, seen) = (clock.clone(), log.clone());
    clock.call_later(ms(1), move || seen.add(now.now()));
    clock.advance(ms(10));
    assert_eq!(log.take(), [ms(10)]);
}

#[test]
fn a_clock_makes_calls_exactly_at_their_deadline() {
    let (clock, log) = (Clock::new(), Log::new());
    clock.call_later(Duration::from_nanos(1001), log.adds(()));
    clock.advance(Duration::from_nanos(1000));
    assert_eq!(log.len(), 0);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(log.len(), 1);
}

#[test]
fn a_call_that_owns_itself_goes_with_its_clock() {
    let (clock, owned) = (Clock::new(), Rc::new(RefCell::new(None)));
    let own = owned.clone();
    let call = clock.call_later(HOUR, move || drop(own));
    *owned.borrow_mut() = Some(call);
    drop(clock);
    assert_eq!(Rc::strong_count(&owned), 1);
    let call = owned.take().unwrap();
    assert!(!call.is_active());
    assert_eq!(call.cancel(), Err(DelayedCallError::AlreadyCalled));
    assert_eq!(call.reset(HOUR), Err(DelayedCallError::AlreadyCalled));
    assert!(format!("{call:?}").contains("called: true"));
}
