//! How long a reactor that stops waits for jobs in its threads.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use deferrous::{Abandoned, Cancelled, Failure, Reactor, TimedOut, deferred, succeed};
use reactor_support::{HOUR, ms, reactor, within_a_minute};

/// A reactor that waits so long for jobs.
fn waits_for(limit: Duration) -> Reactor {
    let builder = Reactor::builder().signal_handlers(false);
    builder.wait_for_jobs(limit).build().unwrap()
}

/// A job that ends when the sender is used or dropped, and a flag that says that it has ended.
fn hanging() -> (
    mpsc::Sender<()>,
    Arc<AtomicBool>,
    impl FnOnce() -> Result<(), Failure> + Send,
) {
    let (sender, receiver) = mpsc::channel::<()>();
    let ended = Arc::new(AtomicBool::new(false));
    let note = ended.clone();
    let job = move || {
        let _ = receiver.recv();
        note.store(true, Ordering::SeqCst);
        Ok(())
    };
    (sender, ended, job)
}

#[test]
fn without_a_limit_run_until_returns_when_a_job_has_ended_that_timed_out() {
    within_a_minute(|| {
        let (reactor, (sender, ended, job)) = (reactor(), hanging());
        let d = reactor.defer_to_thread(job).add_timeout(ms(1), &reactor);
        let ends = thread::spawn(move || {
            thread::sleep(ms(50));
            drop(sender);
        });
        assert!(reactor.run_until(d).unwrap_err().check::<TimedOut>());
        assert!(ended.load(Ordering::SeqCst));
        ends.join().unwrap();
    });
}

#[test]
fn with_a_limit_run_until_returns_while_a_job_hangs() {
    within_a_minute(|| {
        for limit in [Duration::ZERO, ms(5)] {
            let (reactor, (sender, ended, job)) = (waits_for(limit), hanging());
            let d = reactor.defer_to_thread(job).add_timeout(ms(1), &reactor);
            assert!(reactor.run_until(d).unwrap_err().check::<TimedOut>());
            assert!(!ended.load(Ordering::SeqCst));
            drop(sender);
            while !ended.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        }
    });
}

#[test]
fn what_waits_for_a_job_that_is_left_is_abandoned() {
    within_a_minute(|| {
        let (reactor, (sender, _, job)) = (waits_for(ms(1)), hanging());
        let d = reactor.defer_to_thread(job);
        reactor.run_until(succeed(())).unwrap();
        assert!(d.into_result().unwrap().unwrap_err().check::<Abandoned>());
        drop(sender);
    });
}

#[test]
fn the_reactor_runs_again_while_a_job_of_the_run_before_hangs() {
    within_a_minute(|| {
        let (reactor, (sender, ended, job)) = (waits_for(Duration::ZERO), hanging());
        reactor.call_when_running(move || {
            let reactor = Reactor::current().unwrap();
            drop(reactor.defer_to_thread(job));
        });
        reactor.run_until(reactor.sleep(ms(1))).unwrap();
        let second = reactor.defer_to_thread(|| Ok("second"));
        assert_eq!(reactor.run_until(second).unwrap(), "second");
        assert!(!ended.load(Ordering::SeqCst));
        drop(sender);
    });
}

#[test]
fn jobs_that_end_in_time_are_waited_for_and_no_longer() {
    within_a_minute(|| {
        let (reactor, (sender, ended, job)) = (waits_for(HOUR), hanging());
        drop(reactor.defer_to_thread(job));
        let ends = thread::spawn(move || {
            thread::sleep(ms(20));
            drop(sender);
        });
        reactor.run_until(succeed(())).unwrap();
        assert!(ended.load(Ordering::SeqCst));
        ends.join().unwrap();
    });
}

#[test]
fn the_limit_is_no_reason_to_wait_for_a_blocking_call_that_never_ends() {
    within_a_minute(|| {
        let reactor = waits_for(HOUR);
        let remote = reactor.remote();
        let blocked = reactor.defer_to_thread(move || {
            remote.blocking_call_from_thread(|reactor| {
                let stop = reactor.clone();
                reactor.call_later(Duration::ZERO, move || stop.stop().unwrap());
                let (trigger, d) = deferred::<()>();
                std::mem::forget(trigger);
                d
            })
        });
        let kept = blocked.add_both(|result| Ok(result.unwrap_err().check::<Cancelled>()));
        reactor.run().unwrap();
        assert!(kept.into_result().unwrap().unwrap());
    });
}
