//! Deferreds that other threads fire.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{sync::Arc, thread};

use deferrous::{
    Abandoned, Cancelled, Failure, Reactor, ReactorGone, RemoteTrigger, capture_unhandled,
    gather_results,
};
use reactor_support::{HOUR, Log, ms, reactor, run, within_a_minute};

fn assert_sendable<T: Send + 'static>() {}

#[test]
fn a_remote_trigger_may_go_to_any_thread() {
    assert_sendable::<RemoteTrigger<u32>>();
    assert_sendable::<RemoteTrigger<std::cell::Cell<u32>>>();
}

#[test]
fn callbacks_run_on_the_reactors_thread() {
    within_a_minute(|| {
        let (reactor, home) = (reactor(), thread::current().id());
        reactor.call_later(HOUR, || panic!("an hour has not passed"));
        let (trigger, d) = reactor.remote_trigger::<String>();
        let fires = thread::spawn(move || trigger.callback("text".to_owned()));
        let d = d.map(move |text| (text, thread::current().id() == home));
        assert_eq!(reactor.run_until(d).unwrap(), ("text".to_owned(), true));
        fires.join().unwrap().unwrap();
    });
}

#[test]
fn errors_and_results_cross() {
    within_a_minute(|| {
        let reactor = reactor();
        let (failing, failed) = reactor.remote_trigger::<u8>();
        let (parsing, parsed) = reactor.remote_trigger::<u8>();
        thread::spawn(move || {
            failing.errback(std::io::Error::other("no disk")).unwrap();
            parsing.fire_with(Ok(8)).unwrap();
        });
        let failed = failed.add_both(|result| Ok(result.unwrap_err().to_string()));
        let both = failed.add_callback(|text| parsed.map(|n| (text, n)));
        assert_eq!(reactor.run_until(both).unwrap(), ("no disk".to_owned(), 8));
    });
}

#[test]
fn it_fires_in_a_turn_and_not_in_the_call() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (trigger, d) = reactor.remote_trigger();
        let seen = log.clone();
        let d = d.map(move |()| seen.add("fired"));
        let seen = log.clone();
        reactor.call_when_running(move || {
            trigger.callback(()).unwrap();
            seen.add("returned");
        });
        reactor.run_until(d).unwrap();
        assert_eq!(log.take(), ["returned", "fired"]);
    });
}

#[test]
fn outcomes_and_calls_of_one_thread_keep_their_order() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut triggers, mut ds) = (Vec::new(), Vec::new());
        for n in 0..100 {
            let (trigger, d) = reactor.remote_trigger::<u32>();
            let seen = log.clone();
            triggers.push((n, trigger));
            ds.push(d.map(move |n| seen.add(n)));
        }
        thread::spawn(move || {
            for (n, trigger) in triggers.into_iter().rev() {
                trigger.callback(n).unwrap();
            }
        });
        reactor.run_until(gather_results(ds)).unwrap();
        assert_eq!(log.take(), Vec::from_iter((0..100).rev()));
    });
}

#[test]
fn many_threads_fire_at_once() {
    within_a_minute(|| {
        let reactor = reactor();
        let (mut triggers, mut ds) = (Vec::new(), Vec::new());
        for n in 0..4000_u32 {
            let (trigger, d) = reactor.remote_trigger();
            triggers.push((n, trigger));
            ds.push(d);
        }
        for _ in 0..4 {
            let triggers = triggers.split_off(triggers.len() - 1000);
            thread::spawn(move || {
                let fire = |(n, trigger): (u32, RemoteTrigger<u32>)| trigger.callback(n).unwrap();
                triggers.into_iter().for_each(fire);
            });
        }
        let all = reactor.run_until(gather_results(ds)).unwrap();
        assert_eq!(all, Vec::from_iter(0..4000));
    });
}

#[test]
fn what_was_fired_before_the_run_waits_for_it() {
    within_a_minute(|| {
        let reactor = reactor();
        let (trigger, d) = reactor.remote_trigger();
        let fires = thread::spawn(move || trigger.callback(5));
        fires.join().unwrap().unwrap();
        assert!(!d.is_called());
        assert_eq!(reactor.run_until(d).unwrap(), 5);
    });
}

#[test]
fn dropping_it_abandons_the_deferred() {
    within_a_minute(|| {
        let reactor = reactor();
        let (trigger, d) = reactor.remote_trigger::<()>();
        thread::spawn(move || drop(trigger));
        assert!(reactor.run_until(d).unwrap_err().check::<Abandoned>());
    });
}

#[test]
fn a_thread_that_panics_abandons_the_deferred() {
    within_a_minute(|| {
        let reactor = reactor();
        let (trigger, d) = reactor.remote_trigger::<()>();
        let panics = thread::spawn(move || {
            let _trigger = trigger;
            std::panic::resume_unwind(Box::new("in the thread"));
        });
        assert!(reactor.run_until(d).unwrap_err().check::<Abandoned>());
        assert!(panics.join().is_err());
    });
}

#[test]
fn an_outcome_after_the_cancellation_is_dropped() {
    within_a_minute(|| {
        let (reactor, captured) = (reactor(), capture_unhandled());
        let (late, cancelled) = reactor.remote_trigger::<Arc<()>>();
        let (failing, also_cancelled) = reactor.remote_trigger::<Arc<()>>();
        let (trigger, d) = reactor.remote_trigger();
        cancelled.cancel();
        also_cancelled.cancel();
        let value = Arc::new(());
        let kept = value.clone();
        thread::spawn(move || {
            late.callback(kept).unwrap();
            failing.errback(Failure::new("too late")).unwrap();
            trigger.callback(()).unwrap();
        });
        reactor.run_until(d).unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
        for d in [cancelled, also_cancelled] {
            assert!(d.into_result().unwrap().unwrap_err().check::<Cancelled>());
        }
        assert!(captured.take().is_empty());
    });
}

#[test]
fn the_end_of_the_reactor_abandons_the_deferred_and_refuses_the_outcome() {
    within_a_minute(|| {
        let reactor = reactor();
        let (before, waiting) = reactor.remote_trigger::<Arc<()>>();
        reactor.call_when_running(|| Reactor::current().unwrap().stop().unwrap());
        reactor.run().unwrap();
        let (after, late) = reactor.remote_trigger::<Arc<()>>();
        let value = Arc::new(());
        for (trigger, d) in [(before, waiting), (after, late)] {
            assert!(d.into_result().unwrap().unwrap_err().check::<Abandoned>());
            let sent = value.clone();
            let fires = thread::spawn(move || trigger.callback(sent));
            assert_eq!(fires.join().unwrap(), Err(ReactorGone));
        }
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn dropping_the_reactor_abandons_the_deferred() {
    within_a_minute(|| {
        let reactor = reactor();
        let (trigger, d) = reactor.remote_trigger::<()>();
        drop(reactor);
        assert!(d.into_result().unwrap().unwrap_err().check::<Abandoned>());
        assert_eq!(trigger.callback(()), Err(ReactorGone));
    });
}

#[test]
fn a_coroutine_awaits_a_thread() {
    within_a_minute(|| {
        let reactor = reactor();
        let sum = run(&reactor, async {
            let mut sum = 0;
            for n in 0..10 {
                let (trigger, d) = Reactor::current().unwrap().remote_trigger::<u32>();
                thread::spawn(move || trigger.callback(n));
                sum += d.await?;
            }
            Ok(sum)
        });
        assert_eq!(sum, 45);
    });
}

#[test]
fn a_reactor_does_not_wait_for_it_to_end() {
    within_a_minute(|| {
        let reactor = reactor();
        let (trigger, d) = reactor.remote_trigger::<()>();
        let stop = reactor.clone();
        reactor.call_later(ms(1), move || stop.stop().unwrap());
        reactor.run().unwrap();
        let failure: Failure = d.into_result().unwrap().unwrap_err();
        assert!(failure.check::<Abandoned>());
        assert!(format!("{trigger:?}").contains("gone: true"));
    });
}
