//! A reactor that runs until one Deferred fires, and then until another one does.

#![cfg(feature = "reactor")]

mod reactor_support;
mod streams;

use std::{cell::RefCell, io::Write, thread, time::Duration};

use deferrous::{
    Abandoned, Cancelled, Deferred, Executor, Job, LoopingCall, Phase, Reactor, ReactorError,
    ReactorGone, ReactorTime, SystemEvent, Trigger, deferred, fail, succeed,
};
use reactor_support::{HOUR, Log, ms, reactor, run, within_a_minute};
use streams::{pair, read_one};

/// A reactor that has run until a Deferred fired.
fn used() -> Reactor {
    let reactor = reactor();
    reactor.run_until(succeed(())).unwrap();
    reactor
}

fn is_abandoned<T: 'static>(d: Deferred<T>) -> bool {
    let result = d.into_result().expect("it has fired");
    result
        .err()
        .is_some_and(|failure| failure.check::<Abandoned>())
}

#[test]
fn everything_works_in_the_second_run_as_in_the_first() {
    within_a_minute(|| {
        let reactor = reactor();
        for n in 0..3 {
            let (mut near, far) = pair();
            near.write_all(&[n]).unwrap();
            let far = reactor.run_until(reactor.readable(far)).unwrap();
            assert_eq!(read_one(far), n);
            reactor.run_until(reactor.sleep(ms(1))).unwrap();
            let job = reactor.defer_to_thread(move || Ok(n + 1));
            assert_eq!(reactor.run_until(job).unwrap(), n + 1);
            let remote = reactor.remote();
            let asked = reactor.defer_to_thread(move || {
                remote.blocking_call_from_thread(|reactor| reactor.sleep(ms(1)))
            });
            reactor.run_until(asked).unwrap();
            let (trigger, d) = reactor.remote_trigger();
            let thread = thread::spawn(move || trigger.callback("from a thread").unwrap());
            assert_eq!(reactor.run_until(d).unwrap(), "from a thread");
            thread.join().unwrap();
            let (sender, receiver) = futures::channel::oneshot::channel();
            let thread = thread::spawn(move || sender.send(n).unwrap());
            assert_eq!(run(&reactor, async { Ok(receiver.await?) }), n);
            thread.join().unwrap();
        }
    });
}

#[test]
fn signals_are_handled_in_each_run() {
    within_a_minute(|| {
        let reactor = reactor();
        for _ in 0..2 {
            let (trigger, d) = deferred();
            let fire = move || trigger.callback(()).unwrap_or(());
            let usr1 = signal_hook::consts::SIGUSR1;
            reactor.add_signal_handler(usr1, fire).unwrap();
            reactor.call_when_running(move || signal_hook::low_level::raise(usr1).unwrap());
            reactor.run_until(d).unwrap();
        }
    });
}

#[test]
fn it_runs_again_after_a_failure_and_after_a_stop() {
    within_a_minute(|| {
        let reactor = reactor();
        assert!(reactor.run_until(fail::<()>(std::fmt::Error)).is_err());
        reactor.call_when_running(|| Reactor::current().unwrap().stop().unwrap());
        let (_trigger, d) = deferred::<()>();
        assert!(reactor.run_until(d).unwrap_err().check::<Cancelled>());
        assert_eq!(reactor.run_until(succeed(3)).unwrap(), 3);
    });
}

#[test]
fn what_was_pending_at_the_end_of_a_run_is_dropped() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let asleep = reactor.sleep(ms(1));
        let (mut near, far) = pair();
        near.write_all(b"a").unwrap();
        let seen = log.clone();
        reactor.call_when_running(move || {
            let again = Reactor::current().unwrap();
            again.add_reader(far, move |_| seen.add("read")).unwrap();
        });
        reactor.call_later(ms(2), log.adds("called"));
        reactor.run_until(succeed(())).unwrap();
        log.take();
        assert!(is_abandoned(asleep));
        assert_eq!(reactor.delayed_calls(), 0);
        reactor.run_until(reactor.sleep(ms(20))).unwrap();
        assert_eq!(log.len(), 0);
    });
}

#[test]
fn calls_that_are_set_between_two_runs_wait_for_the_second() {
    within_a_minute(|| {
        let (reactor, log) = (used(), Log::new());
        reactor.call_later(Duration::ZERO, log.adds("later"));
        reactor.call_when_running(log.adds("running"));
        let seen = log.clone();
        let from_thread = reactor.remote();
        from_thread.call_from_thread(|_| ()).unwrap();
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || {
            seen.add("shutdown");
        });
        assert_eq!(log.len(), 0);
        reactor.run_until(reactor.sleep(ms(2))).unwrap();
        assert_eq!(log.take(), ["running", "later", "shutdown"]);
        reactor.run_until(succeed(())).unwrap();
        assert_eq!(log.len(), 0);
    });
}

#[test]
fn run_ends_for_good_a_reactor_that_has_run_before() {
    within_a_minute(|| {
        let reactor = used();
        reactor.call_later(ms(1), || Reactor::current().unwrap().stop().unwrap());
        reactor.run().unwrap();
        let error = reactor.run_until(succeed(())).unwrap_err();
        let error = error.downcast::<ReactorError>().unwrap();
        assert!(matches!(error, ReactorError::NotRestartable));
        assert!(is_abandoned(reactor.sleep(ms(1))));
    });
}

#[test]
fn remotes_and_remote_triggers_of_a_run_are_told_of_its_end() {
    within_a_minute(|| {
        let reactor = reactor();
        let (remote, (trigger, d)) = (reactor.remote(), reactor.remote_trigger::<String>());
        reactor.run_until(succeed(())).unwrap();
        assert!(is_abandoned(d));
        assert_eq!(remote.stop(), Err(ReactorGone));
        // It would have the place of the first, and another type.
        let (_pending, next) = reactor.remote_trigger::<u8>();
        assert_eq!(trigger.callback("late".to_owned()), Err(ReactorGone));
        let next = next.add_timeout(ms(2), &reactor);
        assert!(reactor.run_until(next).is_err());
    });
}

#[test]
fn a_job_of_an_earlier_run_does_not_answer_for_a_later_one() {
    /// Keeps jobs until they are run by hand.
    struct Kept(RefCell<Vec<Job>>);
    impl Executor for Kept {
        fn execute(&self, job: Job) {
            self.0.borrow_mut().push(job);
        }
    }
    within_a_minute(|| {
        let (reactor, kept) = (reactor(), Kept(RefCell::default()));
        let first = reactor.defer_to(&kept, || Ok("first"));
        reactor.run_until(succeed(())).unwrap();
        assert!(is_abandoned(first));
        let second = reactor.defer_to(&kept, || Ok(2));
        let jobs = kept.0.take();
        reactor.call_when_running(move || jobs.into_iter().for_each(|job| job()));
        assert_eq!(reactor.run_until(second).unwrap(), 2);
    });
}

#[test]
fn the_thread_pool_keeps_its_size() {
    within_a_minute(|| {
        let reactor = Reactor::builder()
            .signal_handlers(false)
            .thread_pool(1, 3)
            .build()
            .unwrap();
        reactor.suggest_thread_pool_size(7);
        let first = reactor.thread_pool();
        reactor.run_until(succeed(())).unwrap();
        assert!(first.call_in_thread(|| ()).is_err());
        let second = reactor.thread_pool();
        assert_eq!((second.min_threads(), second.max_threads()), (1, 7));
        assert_eq!(second.threads(), 0);
    });
}

#[test]
fn a_looping_call_can_be_started_in_each_run() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let seen = log.clone();
        let looping = LoopingCall::new(&reactor, move || seen.add(()));
        for _ in 0..2 {
            let ended = looping.start(ms(1), true).unwrap();
            let stop = looping.clone();
            reactor.call_later(ms(20), move || stop.stop().unwrap());
            reactor.run_until(ended).unwrap();
            assert!(log.take().len() > 1);
        }
    });
}

#[test]
fn a_startup_trigger_of_the_first_run_that_waits_does_not_start_the_second() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (trigger, d) = deferred();
        let startup = SystemEvent::Startup;
        reactor.add_system_event_trigger(Phase::Before, startup, move || d);
        reactor.call_later(ms(1), || Reactor::current().unwrap().stop().unwrap());
        let error = reactor.run_until(succeed(())).unwrap_err();
        assert!(
            error.check::<ReactorError>() || error.check::<Abandoned>(),
            "{error}"
        );
        reactor.call_when_running(log.adds("second"));
        trigger.callback(()).unwrap();
        assert_eq!(log.len(), 0);
        reactor.run_until(reactor.sleep(ms(1))).unwrap();
        assert_eq!(log.take(), ["second"]);
    });
}

#[test]
fn a_blocking_call_of_an_earlier_run_does_not_take_the_place_of_another() {
    thread_local! {
        static KEPT: RefCell<Vec<Trigger<()>>> = const { RefCell::new(Vec::new()) };
    }
    fn never() -> Deferred<()> {
        let (trigger, d) = deferred();
        KEPT.with_borrow_mut(|kept| kept.push(trigger));
        d
    }
    within_a_minute(|| {
        let reactor = reactor();
        // As long as something may fire it, the first one is not cancelled.
        reactor.call_later(HOUR, || ());
        let remote = reactor.remote();
        let outside = thread::spawn(move || {
            remote.blocking_call_from_thread(|reactor| {
                reactor.stop().unwrap();
                never()
            })
        });
        let (_never, d) = deferred::<()>();
        assert!(reactor.run_until(d).is_err());
        let failure = outside.join().unwrap().unwrap_err();
        assert!(failure.check::<ReactorGone>());
        let remote = reactor.remote();
        let second = reactor.defer_to_thread(move || {
            remote.blocking_call_from_thread(|reactor| {
                reactor.call_later(Duration::ZERO, || {
                    let first = KEPT.with_borrow_mut(|kept| kept.remove(0));
                    first.callback(()).unwrap();
                    Reactor::current().unwrap().stop().unwrap();
                });
                never()
            })
        });
        let failure = reactor.run_until(second).unwrap_err();
        assert!(failure.check::<Cancelled>());
    });
}

#[test]
fn many_runs_follow_each_other() {
    within_a_minute(|| {
        let reactor = reactor();
        for n in 0..500_u32 {
            let d = if n % 2 == 0 {
                reactor.sleep(Duration::ZERO).map(move |()| n)
            } else {
                reactor.defer_to_thread(move || Ok(n))
            };
            assert_eq!(reactor.run_until(d).unwrap(), n);
            reactor.call_later(HOUR, || ());
        }
    });
}

#[test]
fn a_deferred_that_fires_after_its_run_does_not_stop_the_next_one() {
    within_a_minute(|| {
        let reactor = reactor();
        let (late, cleaned_up) = deferred::<()>();
        let (_unfired, slow) = deferred::<()>();
        let slow = slow.add_errback(move |_| cleaned_up);
        let stop = reactor.clone();
        reactor.call_later(ms(1), move || stop.stop().unwrap());
        let failure = reactor.run_until(slow).unwrap_err();
        assert!(matches!(
            failure.downcast_ref::<ReactorError>(),
            Some(ReactorError::StoppedEarly)
        ));
        reactor.call_later(ms(1), move || late.callback(()).unwrap());
        reactor.run_until(reactor.sleep(ms(20))).unwrap();
    });
}
