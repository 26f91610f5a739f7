//! Code in a thread that waits for what the reactor does.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    cell::RefCell,
    os::unix::net::UnixStream,
    rc::Rc,
    sync::{Arc, Barrier, mpsc},
    thread,
    time::Duration,
};

use deferrous::{
    Cancelled, Deferred, Failure, LoopingCall, Panicked, Phase, Reactor, ReactorGone, SystemEvent,
    Trigger, WouldDeadlock, deferred, fail, gather_results, succeed,
};
use reactor_support::{HOUR, ms, reactor, within_a_minute};

thread_local! {
    /// Triggers that keep their Deferreds waiting for as long as the test runs.
    static KEPT: RefCell<Vec<Trigger<()>>> = const { RefCell::new(Vec::new()) };
}

fn never() -> Deferred<()> {
    let (trigger, d) = deferred();
    KEPT.with_borrow_mut(|kept| kept.push(trigger));
    d
}

/// What a pool thread gets from a blocking call.
fn outcome<T: Send + 'static>(
    call: impl FnOnce(&Reactor) -> Deferred<T> + Send + 'static,
) -> Result<T, Failure> {
    within_a_minute(|| {
        let reactor = reactor();
        let remote = reactor.remote();
        let d = reactor.defer_to_thread(move || remote.blocking_call_from_thread(call));
        reactor.run_until(d)
    })
}

/// Stops a reactor while jobs that never come back by themselves wait for it.
fn stop_while_blocked(prepare: impl FnOnce(&Reactor) + Send + 'static) {
    within_a_minute(|| {
        let reactor = reactor();
        prepare(&reactor);
        let (remote, stop) = (reactor.remote(), reactor.clone());
        let blocked = reactor.defer_to_thread(move || {
            remote.blocking_call_from_thread(move |_| {
                stop_in_a_turn();
                never()
            })
        });
        let failed = blocked.add_both(|result| Ok(result.is_err_and(|f| f.check::<Cancelled>())));
        reactor.run().unwrap();
        drop(stop);
        assert!(failed.into_result().unwrap().unwrap());
    });
}

fn stop_in_a_turn() {
    let reactor = Reactor::current().unwrap();
    let stop = reactor.clone();
    reactor.call_later(Duration::ZERO, move || stop.stop().unwrap());
}

#[test]
fn it_gives_the_value_of_the_deferred() {
    assert_eq!(outcome(|_| succeed(5)).unwrap(), 5);
    let later = outcome(|reactor| {
        let (trigger, d) = deferred();
        reactor.call_later(ms(1), move || trigger.callback("later").unwrap());
        d
    });
    assert_eq!(later.unwrap(), "later");
}

#[test]
fn it_gives_the_failure_of_the_deferred() {
    let failure = outcome(|_| fail::<()>(std::fmt::Error)).unwrap_err();
    assert!(failure.check::<std::fmt::Error>());
}

#[test]
fn a_panic_in_the_call_is_its_failure() {
    let failure = outcome(|_| -> Deferred<()> { panic!("in the call") }).unwrap_err();
    assert!(failure.check::<Panicked>());
}

#[test]
fn the_call_is_made_on_the_reactors_thread() {
    within_a_minute(|| {
        let reactor = reactor();
        let remote = reactor.remote();
        let d = reactor.defer_to_thread(move || {
            remote.blocking_call_from_thread(|_| Ok(thread::current().id()))
        });
        assert_eq!(reactor.run_until(d).unwrap(), thread::current().id());
    });
}

#[test]
fn on_the_reactors_own_thread_it_is_an_error() {
    within_a_minute(|| {
        let reactor = reactor();
        let remote = reactor.remote();
        let failure = remote.blocking_call_from_thread(|_| ()).unwrap_err();
        assert!(failure.check::<WouldDeadlock>());
        reactor.call_when_running(move || {
            let failure = remote.blocking_call_from_thread(|_| ()).unwrap_err();
            assert!(failure.check::<WouldDeadlock>());
            remote.stop().unwrap();
        });
        reactor.run().unwrap();
    });
}

#[test]
fn all_threads_of_the_pool_may_block_at_once() {
    within_a_minute(|| {
        let reactor = reactor();
        let barrier = Arc::new(Barrier::new(10));
        let jobs: Vec<_> = (0..10_u32)
            .map(|n| {
                let (remote, barrier) = (reactor.remote(), barrier.clone());
                reactor.defer_to_thread(move || {
                    barrier.wait();
                    remote.blocking_call_from_thread(move |_| Ok(n))
                })
            })
            .collect();
        let all = reactor.run_until(gather_results(jobs)).unwrap();
        assert_eq!(all, Vec::from_iter(0..10));
    });
}

#[test]
fn it_still_works_while_the_reactor_stops() {
    within_a_minute(|| {
        let reactor = reactor();
        let (remote, stop) = (reactor.remote(), reactor.remote());
        let (sender, receiver) = mpsc::channel();
        let job = move || {
            stop.stop().unwrap();
            for n in 0..100 {
                let call = move |reactor: &Reactor| {
                    let (trigger, d) = deferred();
                    reactor.call_later(Duration::ZERO, move || trigger.callback(n).unwrap());
                    d
                };
                sender
                    .send(remote.blocking_call_from_thread(call).unwrap())
                    .unwrap();
            }
        };
        reactor.call_in_thread(job).unwrap();
        reactor.run().unwrap();
        assert_eq!(Vec::from_iter(receiver), Vec::from_iter(0..100));
    });
}

#[test]
fn a_deferred_that_never_fires_does_not_keep_the_reactor_from_ending() {
    stop_while_blocked(|_| ());
}

#[test]
fn neither_does_it_beside_calls_that_were_cancelled() {
    stop_while_blocked(|reactor| {
        for _ in 0..10 {
            reactor.call_later(HOUR, || ()).cancel().unwrap();
        }
    });
}

#[test]
fn neither_does_it_beside_handlers_of_signals() {
    stop_while_blocked(|reactor| {
        let _ = reactor
            .add_signal_handler(signal_hook::consts::SIGWINCH, || ())
            .unwrap();
    });
}

#[test]
fn neither_does_it_beside_looping_calls() {
    stop_while_blocked(|reactor| {
        for interval in [Duration::ZERO, ms(1), HOUR] {
            let looping = LoopingCall::new(reactor, || ());
            let ended = looping.start(interval, true).unwrap();
            drop(ended.add_errback(|_| Ok(())));
        }
    });
}

#[test]
fn neither_does_it_beside_watched_descriptors() {
    stop_while_blocked(|reactor| {
        let (near, far) = UnixStream::pair().unwrap();
        let (near, silent) = (Rc::new(near), Rc::new(far));
        drop(reactor.add_reader(silent.clone(), |_| ()).unwrap());
        drop(reactor.add_writer(silent, |_| ()).unwrap());
        drop(reactor.readable(near).map(drop).add_errback(|_| Ok(())));
    });
}

#[test]
fn neither_does_it_beside_a_job_that_ends_later_without_a_word() {
    stop_while_blocked(|reactor| {
        let (ends, end) = mpsc::channel::<()>();
        let job = move || assert!(end.recv().is_err());
        reactor.call_in_thread(job).unwrap();
        reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move || {
            thread::spawn(move || {
                thread::sleep(ms(50));
                drop(ends);
            });
        });
    });
}

#[test]
fn several_that_wait_for_ever_are_all_let_go() {
    within_a_minute(|| {
        let reactor = reactor();
        let barrier = Arc::new(Barrier::new(5));
        let jobs: Vec<_> = (0..5)
            .map(|_| {
                let (remote, barrier) = (reactor.remote(), barrier.clone());
                reactor.defer_to_thread(move || {
                    barrier.wait();
                    remote.blocking_call_from_thread(|_| never())
                })
            })
            .map(|d| d.add_both(|result| Ok(result.unwrap_err().check::<Cancelled>())))
            .collect();
        let all = gather_results(jobs);
        reactor.call_later(ms(5), || Reactor::current().unwrap().stop().unwrap());
        reactor.run().unwrap();
        assert_eq!(all.into_result().unwrap().unwrap(), [true; 5]);
    });
}

#[test]
fn it_is_not_cut_short_while_another_job_may_fire_its_deferred() {
    within_a_minute(|| {
        let reactor = reactor();
        let (remote, stop, other) = (reactor.remote(), reactor.remote(), reactor.remote());
        let (begun, begins) = mpsc::channel();
        let blocked = reactor.defer_to_thread(move || {
            remote.blocking_call_from_thread(move |_| {
                begun.send(()).unwrap();
                never()
            })
        });
        reactor
            .call_in_thread(move || {
                begins.recv().unwrap();
                stop.stop().unwrap();
                thread::sleep(ms(100));
                let fire = |_: &Reactor| {
                    KEPT.take()
                        .into_iter()
                        .for_each(|t| t.callback(()).unwrap())
                };
                other.call_from_thread(fire).unwrap();
            })
            .unwrap();
        reactor.run().unwrap();
        assert!(blocked.into_result().unwrap().is_ok());
    });
}

#[test]
fn a_thread_outside_the_pool_hears_of_the_end() {
    within_a_minute(|| {
        let reactor = reactor();
        let remote = reactor.remote();
        let outside = thread::spawn(move || {
            let call = |_: &Reactor| {
                stop_in_a_turn();
                never()
            };
            remote.blocking_call_from_thread(call).unwrap_err()
        });
        reactor.run().unwrap();
        let failure = outside.join().unwrap();
        assert!(failure.check::<ReactorGone>() || failure.check::<Cancelled>());
    });
}

#[test]
fn a_call_that_the_reactor_did_not_come_to_is_told_of_the_end() {
    within_a_minute(|| {
        for _ in 0..50 {
            let reactor = reactor();
            let remote = reactor.remote();
            let outside = thread::spawn(move || {
                while remote.blocking_call_from_thread(|_| ()).is_ok() {}
                remote.blocking_call_from_thread(|_| ()).unwrap_err()
            });
            reactor.remote().stop().unwrap();
            reactor.run().unwrap();
            assert!(outside.join().unwrap().check::<ReactorGone>());
        }
    });
}
