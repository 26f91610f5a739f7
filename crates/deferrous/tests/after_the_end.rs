//! A reactor that has ended takes nothing, and keeps nothing of what it is given.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{cell::Cell, io::ErrorKind, os::unix::net::UnixStream, rc::Rc};

use deferrous::{
    Abandoned, Clock, DelayedCallError, Failure, LoopingCall, Phase, Reactor, SystemEvent,
    capture_unhandled, deferred,
};
use reactor_support::{OnDrop, ms, reactor, run, within_a_minute};

/// A reactor that has run.
fn ended() -> Reactor {
    let reactor = reactor();
    reactor.call_when_running(|| Reactor::current().unwrap().stop().unwrap());
    reactor.run().unwrap();
    reactor
}

/// Something that notes when it is dropped.
fn tracked() -> (Rc<Cell<bool>>, OnDrop<impl FnMut()>) {
    let dropped = Rc::new(Cell::new(false));
    let note = dropped.clone();
    (dropped, OnDrop(move || note.set(true)))
}

#[test]
fn a_delayed_call_is_dropped_and_its_deferred_abandoned() {
    within_a_minute(|| {
        let reactor = ended();
        let (trigger, d) = deferred::<()>();
        let own = reactor.clone();
        let call = reactor.call_later(ms(0), move || {
            let _ = &own;
            trigger.callback(()).unwrap();
        });
        assert!(!call.is_active());
        assert_eq!(call.cancel(), Err(DelayedCallError::AlreadyCalled));
        let failure = d.into_result().unwrap().unwrap_err();
        assert!(failure.check::<Abandoned>());
    });
}

#[test]
fn calls_and_triggers_are_dropped() {
    within_a_minute(|| {
        let reactor = ended();
        let (dropped, guard) = tracked();
        reactor.call_when_running(move || drop(guard));
        assert!(dropped.get());
        let (dropped, guard) = tracked();
        let id = reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, move || {
            drop(guard);
        });
        assert!(dropped.get());
        assert!(reactor.remove_system_event_trigger(id).is_err());
    });
}

#[test]
fn readers_and_signal_handlers_are_refused() {
    within_a_minute(|| {
        let reactor = ended();
        let (near, _far) = UnixStream::pair().unwrap();
        let refused = reactor.add_reader(near, |_| {}).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotConnected);
        let hangup = signal_hook::consts::SIGHUP;
        assert!(reactor.add_signal_handler(hangup, || {}).is_err());
    });
}

#[test]
fn a_destructor_that_panics_at_the_end_is_reported_and_the_others_run() {
    within_a_minute(|| {
        let (reactor, captured) = (reactor(), capture_unhandled());
        let (dropped, guard) = tracked();
        let bad = OnDrop(|| panic!("in a destructor"));
        reactor.call_later(ms(60_000), move || drop(bad));
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, || {});
        reactor.call_later(ms(60_000), move || drop(guard));
        run(&reactor, async { Ok(()) });
        assert!(dropped.get());
        assert_eq!(captured.take().len(), 1);
    });
}

#[test]
fn a_destructor_that_panics_in_a_turn_does_not_end_the_loop() {
    within_a_minute(|| {
        let (reactor, captured) = (reactor(), capture_unhandled());
        let (near, far) = UnixStream::pair().unwrap();
        drop(far);
        let bad = OnDrop(|| panic!("in a destructor"));
        let watch = Rc::new(Cell::new(None::<deferrous::Watch>));
        let own = watch.clone();
        let stop = reactor.clone();
        let added = reactor.add_reader(near, move |_| {
            let _ = &bad;
            own.take().unwrap().remove();
            let stop = stop.clone();
            Reactor::current()
                .unwrap()
                .call_later(ms(0), move || stop.stop().unwrap());
        });
        watch.set(Some(added.unwrap()));
        reactor.run().unwrap();
        assert_eq!(captured.take().len(), 1);
    });
}

#[test]
fn timeouts_and_looping_calls_do_not_keep_a_clock_that_is_gone() {
    let (dropped, guard) = tracked();
    let clock = Clock::new();
    let (trigger, d) = deferred::<()>();
    clock.call_later(ms(10), move || {
        drop(guard);
        let _ = trigger.callback(());
    });
    drop(d.add_timeout(ms(5), &clock));
    let (loop_dropped, guard) = tracked();
    let looping = LoopingCall::new(&clock, move || {
        let _ = &guard;
    });
    let captured = capture_unhandled();
    drop((looping.start(ms(1), false).unwrap(), looping, clock));
    assert!(dropped.get() && loop_dropped.get());
    let left: Vec<Failure> = captured
        .take()
        .into_iter()
        .map(|left| left.failure)
        .collect();
    assert!(left.iter().all(|failure| failure.check::<Abandoned>()));
}
