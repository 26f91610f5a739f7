//! Calls from other threads.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use deferrous::{Origin, Panicked, Reactor, ReactorGone, Remote, capture_unhandled};
use reactor_support::{HOUR, Log, ms, reactor, within_a_minute};

fn assert_sendable<T: Send + Sync + Clone + 'static>() {}

#[test]
fn a_remote_may_go_anywhere() {
    assert_sendable::<Remote>();
}

#[test]
fn eight_threads_lose_no_call_and_keep_their_order() {
    const THREADS: usize = 8;
    const CALLS: usize = 100_000;
    thread_local! {
        static NEXT: std::cell::RefCell<[usize; THREADS]> = const { std::cell::RefCell::new([0; THREADS]) };
    }
    within_a_minute(|| {
        let reactor = reactor();
        let barrier = Arc::new(Barrier::new(THREADS));
        for n in 0..THREADS {
            let (remote, barrier) = (reactor.remote(), barrier.clone());
            thread::spawn(move || {
                barrier.wait();
                for call in 0..CALLS {
                    let counted = remote.call_from_thread(move |reactor| {
                        NEXT.with_borrow_mut(|next| {
                            assert_eq!(next[n], call);
                            next[n] += 1;
                            if next.iter().sum::<usize>() == THREADS * CALLS {
                                reactor.stop().unwrap();
                            }
                        });
                    });
                    counted.unwrap();
                }
            });
        }
        let captured = capture_unhandled();
        reactor.run().unwrap();
        assert!(captured.take().is_empty());
        assert_eq!(NEXT.take(), [CALLS; THREADS]);
    });
}

#[test]
fn a_call_wakes_a_sleeping_reactor_each_time() {
    within_a_minute(|| {
        let reactor = reactor();
        reactor.call_later(HOUR, || panic!("an hour has not passed"));
        let remote = reactor.remote();
        let caller = thread::spawn(move || {
            for _ in 0..5000 {
                let (done, wait) = mpsc::channel();
                remote
                    .call_from_thread(move |_| done.send(()).unwrap())
                    .unwrap();
                wait.recv().unwrap();
            }
            remote.stop().unwrap();
        });
        reactor.run().unwrap();
        caller.join().unwrap();
    });
}

#[test]
fn a_call_at_the_moment_of_falling_asleep_is_not_missed() {
    within_a_minute(|| {
        let reactor = reactor();
        reactor.call_later(HOUR, || panic!("an hour has not passed"));
        let remote = reactor.remote();
        let caller = thread::spawn(move || {
            let made = Arc::new(AtomicUsize::new(0));
            for n in 1..=50_000 {
                let count = made.clone();
                let call = move |_: &Reactor| count.store(n, Ordering::SeqCst);
                remote.call_from_thread(call).unwrap();
                let mut spins = 0_u32;
                while made.load(Ordering::SeqCst) < n {
                    spins += 1;
                    if spins > 10_000 {
                        thread::yield_now();
                    }
                }
                (0..n * 7 % 400).for_each(|_| std::hint::spin_loop());
            }
            remote.stop().unwrap();
        });
        reactor.run().unwrap();
        caller.join().unwrap();
    });
}

#[test]
fn calls_wait_for_the_run() {
    within_a_minute(|| {
        let reactor = reactor();
        let remote = reactor.remote();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for n in 0..3 {
                let sender = sender.clone();
                remote
                    .call_from_thread(move |_| sender.send(n).unwrap())
                    .unwrap();
            }
            remote.stop().unwrap();
        })
        .join()
        .unwrap();
        assert!(receiver.try_recv().is_err());
        reactor.run().unwrap();
        assert_eq!(Vec::from_iter(receiver), [0, 1, 2]);
    });
}

#[test]
fn calls_are_made_on_the_reactors_thread_with_the_reactor() {
    within_a_minute(|| {
        let reactor = reactor();
        let home = thread::current().id();
        let remote = reactor.remote();
        thread::spawn(move || {
            remote.call_from_thread(move |reactor| {
                assert_eq!(thread::current().id(), home);
                assert!(Reactor::current().is_some());
                reactor.stop().unwrap();
            })
        });
        let captured = capture_unhandled();
        reactor.run().unwrap();
        assert!(captured.take().is_empty());
    });
}

#[test]
fn the_reactors_own_thread_may_call_too() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (remote, seen) = (reactor.remote(), log.clone());
        reactor.call_when_running(move || {
            remote
                .call_from_thread(|reactor| reactor.stop().unwrap())
                .unwrap();
            seen.add("not inside the call");
        });
        reactor.add_system_event_trigger(
            deferrous::Phase::Before,
            deferrous::SystemEvent::Shutdown,
            log.adds("shutdown"),
        );
        reactor.run().unwrap();
        assert_eq!(log.take(), ["not inside the call", "shutdown"]);
    });
}

#[test]
fn a_panicking_call_is_reported_and_the_next_one_is_made() {
    within_a_minute(|| {
        let reactor = reactor();
        let remote = reactor.remote();
        remote.call_from_thread(|_| panic!("in a call")).unwrap();
        remote.stop().unwrap();
        let captured = capture_unhandled();
        reactor.run().unwrap();
        let reported = captured.take();
        assert_eq!(reported.len(), 1);
        assert_eq!(reported[0].origin, Origin::ReactorCall);
        assert!(reported[0].failure.check::<Panicked>());
    });
}

#[test]
fn a_call_that_calls_again_does_not_starve_timers() {
    fn again(reactor: &Reactor) {
        let _ = reactor.remote().call_from_thread(again);
    }
    within_a_minute(|| {
        let reactor = reactor();
        again(&reactor);
        let stop = reactor.clone();
        reactor.call_later(ms(2), move || stop.stop().unwrap());
        reactor.run().unwrap();
    });
}

#[test]
fn stop_may_be_asked_for_by_several() {
    within_a_minute(|| {
        let reactor = reactor();
        for _ in 0..4 {
            let remote = reactor.remote();
            thread::spawn(move || {
                let _ = remote.stop();
            });
        }
        let captured = capture_unhandled();
        reactor.run().unwrap();
        assert!(captured.take().is_empty());
    });
}

#[test]
fn stop_before_the_run_stops_it_as_soon_as_it_runs() {
    within_a_minute(|| {
        let reactor = reactor();
        reactor.remote().stop().unwrap();
        reactor.remote().stop().unwrap();
        reactor.run().unwrap();
    });
}

#[test]
fn what_the_end_did_not_make_is_dropped() {
    within_a_minute(|| {
        let reactor = reactor();
        let owned = Arc::new(());
        let (remote, kept) = (reactor.remote(), owned.clone());
        drop(reactor);
        assert_eq!(
            remote.call_from_thread(move |_| drop(kept)),
            Err(ReactorGone)
        );
        assert_eq!(Arc::strong_count(&owned), 1);
    });
}

#[test]
fn threads_that_call_during_the_end_are_told_of_it() {
    within_a_minute(|| {
        for _ in 0..50 {
            let reactor = reactor();
            let (remote, made) = (reactor.remote(), Arc::new(()));
            let in_calls = made.clone();
            let caller = thread::spawn(move || {
                let call = || {
                    let owned = in_calls.clone();
                    remote.call_from_thread(move |_| drop(owned))
                };
                while call().is_ok() {}
            });
            reactor.remote().stop().unwrap();
            reactor.run().unwrap();
            caller.join().unwrap();
            assert_eq!(Arc::strong_count(&made), 1);
        }
    });
}
