//! The life of a reactor: from `run` to its end, and what may not be done when.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{cell::RefCell, rc::Rc, sync::mpsc, thread, time::Duration};

use deferrous::{
    Abandoned, Cancelled, Deferred, LoopingCall, Origin, Reactor, ReactorError, ReactorGone,
    ReactorTime, Trigger, capture_unhandled, deferred, deferred_with_canceller, fail, succeed,
};
use reactor_support::{HOUR, Log, OnDrop, ms, reactor, run, within_a_minute};

fn stop_at_start(reactor: &Reactor) {
    let stop = reactor.clone();
    reactor.call_when_running(move || stop.stop().unwrap());
}

/// A reactor that has run.
fn ended() -> Reactor {
    let reactor = reactor();
    stop_at_start(&reactor);
    reactor.run().unwrap();
    reactor
}

fn is_abandoned<T: 'static>(d: Deferred<T>) -> bool {
    let result = d.into_result().expect("it has fired");
    result
        .err()
        .is_some_and(|failure| failure.check::<Abandoned>())
}

#[test]
fn run_ends_after_stop() {
    within_a_minute(|| {
        let reactor = reactor();
        assert!(!reactor.is_running());
        let (stop, log) = (reactor.clone(), Log::new());
        let seen = log.clone();
        reactor.call_later(ms(1), move || {
            stop.stop().unwrap();
            seen.add(stop.is_running());
        });
        reactor.run().unwrap();
        assert_eq!(log.take(), [true]);
        assert!(!reactor.is_running());
    });
}

#[test]
fn running_inside_a_run_is_an_error() {
    within_a_minute(|| {
        let reactor = reactor();
        let (inner, log) = (reactor.clone(), Log::new());
        let seen = log.clone();
        reactor.call_when_running(move || {
            seen.add(matches!(inner.run(), Err(ReactorError::AlreadyRunning)));
            inner.stop().unwrap();
            seen.add(matches!(inner.run(), Err(ReactorError::AlreadyRunning)));
        });
        reactor.run().unwrap();
        assert_eq!(log.take(), [true, true]);
    });
}

#[test]
fn stopping_what_does_not_run_is_an_error() {
    within_a_minute(|| {
        let reactor = reactor();
        assert!(matches!(reactor.stop(), Err(ReactorError::NotRunning)));
        stop_at_start(&reactor);
        reactor.run().unwrap();
        assert!(matches!(reactor.stop(), Err(ReactorError::NotRunning)));
    });
}

#[test]
fn stopping_twice_is_an_error() {
    within_a_minute(|| {
        let reactor = reactor();
        let stop = reactor.clone();
        reactor.call_when_running(move || {
            stop.stop().unwrap();
            assert!(matches!(stop.stop(), Err(ReactorError::NotRunning)));
        });
        let captured = capture_unhandled();
        reactor.run().unwrap();
        assert!(captured.take().is_empty());
    });
}

#[test]
fn running_again_is_an_error() {
    within_a_minute(|| {
        let reactor = ended();
        assert!(matches!(reactor.run(), Err(ReactorError::NotRestartable)));
    });
}

#[test]
fn another_reactor_may_run_after_the_first() {
    within_a_minute(|| {
        for _ in 0..3 {
            assert!(!ended().is_running());
        }
    });
}

#[test]
fn another_reactor_may_run_inside_the_first() {
    within_a_minute(|| {
        let outer = reactor();
        let log = Log::new();
        let (seen, stop) = (log.clone(), outer.clone());
        outer.call_when_running(move || {
            let inner = reactor();
            seen.add(inner.run_until(succeed("inner")).unwrap());
            assert!(Reactor::current().is_some_and(|current| current.stop().is_ok()));
            assert!(!inner.is_running() && stop.is_running());
        });
        outer.run().unwrap();
        assert_eq!(log.take(), ["inner"]);
    });
}

#[test]
fn run_until_gives_the_outcome() {
    within_a_minute(|| {
        assert_eq!(reactor().run_until(succeed(5)).unwrap(), 5);
        let failure = reactor()
            .run_until(fail::<()>(std::fmt::Error))
            .unwrap_err();
        assert!(failure.check::<std::fmt::Error>());
        let reactor = reactor();
        let (trigger, d) = deferred();
        reactor.call_later(ms(1), move || trigger.callback("later").unwrap());
        assert_eq!(reactor.run_until(d).unwrap(), "later");
    });
}

#[test]
fn run_until_cancels_the_deferred_if_the_reactor_is_stopped() {
    within_a_minute(|| {
        let reactor = reactor();
        stop_at_start(&reactor);
        let (_trigger, d) = deferred::<()>();
        assert!(reactor.run_until(d).unwrap_err().check::<Cancelled>());
    });
}

#[test]
fn run_until_keeps_what_a_canceller_makes_of_a_stop() {
    within_a_minute(|| {
        let reactor = reactor();
        stop_at_start(&reactor);
        let (_trigger, d) = deferred_with_canceller(|trigger| trigger.callback("half").unwrap());
        assert_eq!(reactor.run_until(d).unwrap(), "half");
    });
}

#[test]
fn run_until_says_so_if_there_is_no_outcome_at_the_end() {
    within_a_minute(|| {
        let reactor = reactor();
        stop_at_start(&reactor);
        let (trigger, d) = deferred::<()>();
        d.pause();
        let error = reactor.run_until(d).unwrap_err().downcast().unwrap();
        assert!(matches!(error, ReactorError::StoppedEarly));
        drop(trigger);
    });
}

#[test]
fn run_until_inside_a_run_changes_nothing() {
    within_a_minute(|| {
        let reactor = reactor();
        let (inner, log) = (reactor.clone(), Log::new());
        let seen = log.clone();
        reactor.call_when_running(move || {
            let error = inner.run_until(succeed(1)).unwrap_err().downcast().unwrap();
            assert!(matches!(error, ReactorError::AlreadyRunning));
            let goes_on = inner.clone();
            inner.call_later(ms(2), move || seen.add(goes_on.stop().is_ok()));
        });
        reactor.run().unwrap();
        assert_eq!(log.take(), [true]);
    });
}

#[test]
fn run_until_after_the_end_is_an_error() {
    within_a_minute(|| {
        let error = ended()
            .run_until(succeed(1))
            .unwrap_err()
            .downcast()
            .unwrap();
        assert!(matches!(error, ReactorError::NotRestartable));
    });
}

#[test]
fn call_when_running_waits_for_the_start_and_not_longer() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        reactor.call_when_running(log.adds("first"));
        let (inner, seen) = (reactor.clone(), log.clone());
        reactor.call_when_running(move || {
            inner.call_when_running(seen.adds("at once"));
            seen.add("second");
            inner.stop().unwrap();
        });
        reactor.call_when_running(log.adds("third"));
        assert_eq!(log.len(), 0);
        reactor.run().unwrap();
        assert_eq!(log.take(), ["first", "at once", "second", "third"]);
    });
}

#[test]
fn a_panic_in_call_when_running_is_reported() {
    within_a_minute(|| {
        let (reactor, captured) = (reactor(), capture_unhandled());
        reactor.call_when_running(|| panic!("at the start"));
        let inner = reactor.clone();
        reactor.call_when_running(move || {
            inner.call_when_running(|| panic!("while it runs"));
            inner.stop().unwrap();
        });
        reactor.run().unwrap();
        let origins: Vec<_> = captured.take().iter().map(|u| u.origin).collect();
        assert_eq!(origins, [Origin::ReactorCall; 2]);
    });
}

#[test]
fn the_running_reactor_is_current() {
    within_a_minute(|| {
        let reactor = reactor();
        assert!(Reactor::current().is_none());
        reactor.call_later(Duration::ZERO, || {
            Reactor::current().unwrap().stop().unwrap()
        });
        reactor.run().unwrap();
        assert!(Reactor::current().is_none());
    });
}

#[test]
fn an_entered_reactor_is_current_until_the_end_of_the_function() {
    let (outer, inner) = (reactor(), reactor());
    let count = || Reactor::current().map(|reactor| reactor.delayed_calls());
    inner.call_later(HOUR, || ());
    outer.enter(|| {
        assert_eq!(count(), Some(0));
        inner.enter(|| assert_eq!(count(), Some(1)));
        assert_eq!(count(), Some(0));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            inner.enter(|| panic!("inside"));
        }));
        assert!(caught.is_err());
        assert_eq!(count(), Some(0));
    });
    assert_eq!(count(), None);
}

#[test]
fn what_waits_at_the_end_is_abandoned() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let waiting = |trigger: Trigger<()>, d: Deferred<()>| {
            let seen = log.clone();
            d.add_errback(move |failure| {
                seen.add(failure.check::<Abandoned>());
                Ok(())
            });
            trigger
        };
        let (trigger, d) = deferred();
        let trigger = waiting(trigger, d);
        reactor.call_later(HOUR, move || trigger.callback(()).unwrap());
        let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
        let (trigger, d) = deferred();
        let trigger = waiting(trigger, d);
        reactor
            .add_reader(near, move |_| trigger.callback(()).unwrap())
            .unwrap();
        let tick = LoopingCall::new(&reactor, || ());
        let d = tick.start(HOUR, false).unwrap();
        stop_at_start(&reactor);
        reactor.run().unwrap();
        assert_eq!(log.take(), [true, true]);
        drop(tick);
        assert!(is_abandoned(d));
        assert_eq!(reactor.delayed_calls(), 0);
    });
}

#[test]
fn what_the_end_abandons_may_use_the_reactor() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (trigger, d) = deferred::<()>();
        let (again, seen) = (reactor.clone(), log.clone());
        let retried: Rc<RefCell<Option<Deferred<()>>>> = Rc::default();
        let store = retried.clone();
        d.add_errback(move |_| {
            again.call_later(HOUR, || ());
            let retry = again.defer_to_thread(|| Ok(()));
            let seen = seen.clone();
            *store.borrow_mut() = Some(retry.add_both(move |result| {
                seen.add(result.unwrap_err().check::<Abandoned>());
            }));
            Ok(())
        });
        reactor.call_later(HOUR, move || trigger.callback(()).unwrap());
        stop_at_start(&reactor);
        reactor.run().unwrap();
        assert_eq!(log.take(), [true]);
        assert_eq!(reactor.delayed_calls(), 0);
    });
}

#[test]
fn the_end_drops_what_was_pending() {
    within_a_minute(|| {
        let (reactor, owned) = (reactor(), Rc::new(()));
        let (timer, reader, late) = (owned.clone(), owned.clone(), owned.clone());
        reactor.call_later(HOUR, move || drop(timer));
        let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
        reactor
            .add_reader(near, move |_| drop(reader.clone()))
            .unwrap();
        let again = reactor.clone();
        let on_drop = OnDrop(move || {
            let late = late.clone();
            again.call_later(HOUR, move || drop(late));
        });
        reactor.call_later(HOUR, move || drop(on_drop));
        stop_at_start(&reactor);
        reactor.run().unwrap();
        assert_eq!(Rc::strong_count(&owned), 1);
    });
}

#[test]
fn a_remote_hears_that_the_reactor_is_gone() {
    within_a_minute(|| {
        let reactor = ended();
        let remote = reactor.remote();
        assert_eq!(remote.call_from_thread(|_| ()), Err(ReactorGone));
        assert_eq!(remote.stop(), Err(ReactorGone));
        let failure = thread::spawn(move || remote.blocking_call_from_thread(|_| ()).unwrap_err());
        assert!(failure.join().unwrap().check::<ReactorGone>());
        assert!(reactor.call_in_thread(|| ()).is_err());
        assert!(is_abandoned(reactor.defer_to_thread(|| Ok(()))));
    });
}

#[test]
fn a_reactor_that_never_ran_can_be_dropped() {
    within_a_minute(|| {
        let (reactor, owned) = (reactor(), Rc::new(()));
        let remote = reactor.remote();
        let (timer, reader) = (owned.clone(), owned.clone());
        reactor.call_later(HOUR, move || drop(timer));
        let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
        let watch = reactor
            .add_reader(near, move |_| drop(reader.clone()))
            .unwrap();
        let signal = reactor
            .add_signal_handler(signal_hook::consts::SIGUSR2, || ())
            .unwrap();
        let job = reactor.defer_to_thread(|| Ok(()));
        let (sender, receiver) = mpsc::channel::<()>();
        remote.call_from_thread(move |_| drop(sender)).unwrap();
        let blocked = remote.clone();
        let blocked = thread::spawn(move || blocked.blocking_call_from_thread(|_| ()));
        drop(reactor);
        assert_eq!(Rc::strong_count(&owned), 1);
        assert!(is_abandoned(job));
        assert!(receiver.recv().is_err());
        assert!(blocked.join().unwrap().unwrap_err().check::<ReactorGone>());
        assert_eq!(remote.stop(), Err(ReactorGone));
        watch.remove();
        signal.remove();
    });
}

#[test]
fn a_panic_in_the_callback_of_a_deferred_does_not_stop_the_loop() {
    within_a_minute(|| {
        let reactor = reactor();
        let d = reactor
            .defer_to_thread(|| Ok(1))
            .map(|_| -> u8 { panic!("in a callback") });
        let seen = run(&reactor, async { Ok(d.await.is_err()) });
        assert!(seen);
    });
}
