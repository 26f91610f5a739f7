//! System event triggers: what is done when a reactor starts and stops.

#![cfg(feature = "reactor")]

mod reactor_support;

use deferrous::{
    NoSuchTrigger, Origin, Panicked, Phase, Reactor, SystemEvent, capture_unhandled, deferred, fail,
};
use reactor_support::{Log, ms, reactor, within_a_minute};

use Phase::{After, Before, During};
use SystemEvent::{Shutdown, Startup};

fn run_and_stop(reactor: &Reactor) {
    let stop = reactor.clone();
    reactor.call_later(ms(1), move || stop.stop().unwrap());
    reactor.run().unwrap();
}

/// Adds a trigger that waits for a delayed call.
fn add_waiting(reactor: &Reactor, phase: Phase, event: SystemEvent, log: &Log<&'static str>) {
    let (reactor_again, seen) = (reactor.clone(), log.clone());
    reactor.add_system_event_trigger(phase, event, move || {
        let (trigger, d) = deferred();
        seen.add("begins");
        reactor_again.call_later(ms(2), move || {
            seen.add("ends");
            trigger.callback(()).unwrap();
        });
        d
    });
}

#[test]
fn triggers_are_called_by_phase_and_then_in_the_order_they_were_added() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        for event in [Shutdown, Startup] {
            for phase in [After, During, Before] {
                for n in 0..2 {
                    let add = log.adds((event, phase, n));
                    reactor.add_system_event_trigger(phase, event, add);
                }
            }
        }
        run_and_stop(&reactor);
        let phases = [Before, During, After];
        let order = |event| {
            phases
                .into_iter()
                .flat_map(move |p| [(event, p, 0), (event, p, 1)])
        };
        assert_eq!(
            log.take(),
            Vec::from_iter(order(Startup).chain(order(Shutdown)))
        );
    });
}

#[test]
fn the_next_phase_waits_for_deferreds() {
    for event in [Startup, Shutdown] {
        for (phase, next) in [(Before, During), (During, After), (Before, After)] {
            within_a_minute(move || {
                let (reactor, log) = (reactor(), Log::new());
                add_waiting(&reactor, phase, event, &log);
                reactor.add_system_event_trigger(phase, event, log.adds("beside"));
                reactor.add_system_event_trigger(next, event, log.adds("next"));
                let stop = reactor.clone();
                reactor.call_later(ms(10), move || stop.stop().unwrap());
                reactor.run().unwrap();
                assert_eq!(log.take(), ["begins", "beside", "ends", "next"]);
            });
        }
    }
}

#[test]
fn the_end_waits_for_the_last_phase() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        add_waiting(&reactor, After, Shutdown, &log);
        run_and_stop(&reactor);
        assert_eq!(log.take(), ["begins", "ends"]);
    });
}

#[test]
fn all_deferreds_of_a_phase_are_waited_for() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        for _ in 0..3 {
            add_waiting(&reactor, Before, Shutdown, &log);
        }
        reactor.add_system_event_trigger(During, Shutdown, log.adds("next"));
        run_and_stop(&reactor);
        let expected = ["begins", "begins", "begins", "ends", "ends", "ends", "next"];
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn the_reactor_still_does_everything_before_the_shutdown() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (inner, seen) = (reactor.clone(), log.clone());
        reactor.add_system_event_trigger(Before, Shutdown, move || {
            inner
                .defer_to_thread(|| Ok("in a thread"))
                .map(move |text| seen.add(text))
        });
        reactor.add_system_event_trigger(During, Shutdown, log.adds("next"));
        run_and_stop(&reactor);
        assert_eq!(log.take(), ["in a thread", "next"]);
    });
}

#[test]
fn queued_jobs_are_finished_before_the_last_phase() {
    within_a_minute(|| {
        let reactor = reactor();
        let log = Log::new();
        let (inner, seen) = (reactor.clone(), log.clone());
        reactor.add_system_event_trigger(Before, Shutdown, move || {
            for n in 0..20 {
                let seen = seen.clone();
                inner
                    .defer_to_thread(move || Ok(n))
                    .map(move |n| seen.add(n));
            }
        });
        let seen = log.clone();
        reactor.add_system_event_trigger(After, Shutdown, move || seen.add(100));
        run_and_stop(&reactor);
        let mut all = log.take();
        assert_eq!(all.pop(), Some(100));
        all.sort_unstable();
        assert_eq!(all, Vec::from_iter(0..20));
    });
}

#[test]
fn failing_triggers_are_reported_and_the_others_go_on() {
    within_a_minute(|| {
        let (reactor, log, captured) = (reactor(), Log::new(), capture_unhandled());
        for phase in [Before, During, After] {
            reactor.add_system_event_trigger(phase, Shutdown, || -> () { panic!("a trigger") });
            reactor.add_system_event_trigger(phase, Shutdown, || fail::<()>(std::fmt::Error));
            reactor.add_system_event_trigger(phase, Shutdown, || Err(std::fmt::Error.into()));
            reactor.add_system_event_trigger(phase, Shutdown, log.adds(phase));
        }
        run_and_stop(&reactor);
        assert_eq!(log.take(), [Before, During, After]);
        let unhandled = captured.take();
        assert_eq!(unhandled.len(), 9);
        assert!(unhandled.iter().all(|u| u.origin == Origin::Trigger));
        let panics = unhandled.iter().filter(|u| u.failure.check::<Panicked>());
        assert_eq!(panics.count(), 3);
    });
}

#[test]
fn a_failing_startup_trigger_does_not_keep_the_reactor_from_running() {
    within_a_minute(|| {
        let (reactor, log, captured) = (reactor(), Log::new(), capture_unhandled());
        reactor.add_system_event_trigger(Before, Startup, || fail::<()>(std::fmt::Error));
        reactor.call_when_running(log.adds("runs"));
        run_and_stop(&reactor);
        assert_eq!(log.take(), ["runs"]);
        assert_eq!(captured.take().len(), 1);
    });
}

#[test]
fn a_removed_trigger_is_not_called() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let kept = reactor.add_system_event_trigger(Before, Shutdown, log.adds("kept"));
        let removed = reactor.add_system_event_trigger(Before, Shutdown, log.adds("removed"));
        assert_eq!(reactor.remove_system_event_trigger(removed), Ok(()));
        let again = reactor.remove_system_event_trigger(removed);
        assert_eq!(again, Err(NoSuchTrigger));
        run_and_stop(&reactor);
        assert_eq!(log.take(), ["kept"]);
        assert_eq!(
            reactor.remove_system_event_trigger(kept),
            Err(NoSuchTrigger)
        );
    });
}

#[test]
fn triggers_may_add_and_remove_others() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (inner, seen) = (reactor.clone(), log.clone());
        let victim = reactor.add_system_event_trigger(During, Shutdown, log.adds("victim"));
        reactor.add_system_event_trigger(Before, Shutdown, move || {
            inner.remove_system_event_trigger(victim).unwrap();
            inner.add_system_event_trigger(Before, Shutdown, seen.adds("same phase"));
            inner.add_system_event_trigger(After, Shutdown, seen.adds("later phase"));
        });
        run_and_stop(&reactor);
        assert_eq!(log.take(), ["same phase", "later phase"]);
    });
}

#[test]
fn stopping_inside_a_shutdown_trigger_is_an_error_and_does_no_harm() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (inner, seen) = (reactor.clone(), log.clone());
        reactor.add_system_event_trigger(Before, Shutdown, move || seen.add(inner.stop().is_err()));
        run_and_stop(&reactor);
        assert_eq!(log.take(), [true]);
    });
}

#[test]
fn the_shutdown_begins_after_the_call_that_stops() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        reactor.add_system_event_trigger(Before, Shutdown, log.adds("shutdown"));
        let (stop, seen) = (reactor.clone(), log.clone());
        reactor.call_when_running(move || {
            stop.stop().unwrap();
            seen.add("after stop");
        });
        reactor.run().unwrap();
        assert_eq!(log.take(), ["after stop", "shutdown"]);
    });
}

#[test]
fn stopping_before_the_startup_has_ended_runs_the_shutdown() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (never, d) = deferred();
        reactor.add_system_event_trigger(Before, Startup, move || d);
        reactor.call_when_running(log.adds("never"));
        reactor.add_system_event_trigger(After, Shutdown, log.adds("shutdown"));
        run_and_stop(&reactor);
        drop(never);
        assert_eq!(log.take(), ["shutdown"]);
    });
}
