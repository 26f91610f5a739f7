//! Work in threads, and its way back to the reactor.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    cell::RefCell,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use deferrous::{
    Abandoned, Cancelled, Deferred, Executor, Failure, Job, Panicked, Reactor, ThreadPool,
    capture_unhandled, gather_results,
};
use reactor_support::{Log, ms, reactor, run, within_a_minute};

#[test]
fn the_value_comes_back_on_the_reactors_thread() {
    within_a_minute(|| {
        let reactor = reactor();
        let home = thread::current().id();
        let d = reactor
            .defer_to_thread(move || Ok(thread::current().id() != home))
            .map(move |elsewhere| elsewhere && thread::current().id() == home);
        assert!(reactor.run_until(d).unwrap());
    });
}

#[test]
fn an_error_becomes_the_failure() {
    within_a_minute(|| {
        let reactor = reactor();
        let d = reactor.defer_to_thread(|| Ok("x".parse::<u8>()?));
        let failure = reactor.run_until(d).unwrap_err();
        assert!(failure.check::<std::num::ParseIntError>());
    });
}

#[test]
fn a_panic_becomes_the_failure_and_the_pool_goes_on() {
    within_a_minute(|| {
        let reactor = Reactor::builder()
            .signal_handlers(false)
            .thread_pool(1, 1)
            .build()
            .unwrap();
        let jobs: Vec<_> = (0..20)
            .map(|n| {
                reactor.defer_to_thread(move || {
                    assert!(n % 2 == 0, "odd");
                    Ok(())
                })
            })
            .map(|d| d.add_both(|result| Ok(result.is_err_and(|f| f.check::<Panicked>()))))
            .collect();
        let panicked = reactor.run_until(gather_results(jobs)).unwrap();
        assert_eq!(panicked.iter().filter(|&&p| p).count(), 10);
    });
}

#[test]
fn results_come_back_in_the_order_in_which_jobs_end() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut ends, mut waits) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let (end, wait) = mpsc::channel::<()>();
            ends.push(Some(end));
            waits.push(wait);
        }
        let order = [3, 0, 4, 1, 2];
        let turns = Arc::new(Mutex::new(Vec::from_iter(order.into_iter().rev())));
        let ends = RefCell::new(ends);
        let let_next_end = std::rc::Rc::new(move || {
            let next = turns.lock().unwrap().pop();
            if let Some(next) = next {
                ends.borrow_mut()[next] = None;
            }
        });
        let mut jobs = Vec::new();
        for (n, wait) in waits.into_iter().enumerate() {
            let (seen, next) = (log.clone(), let_next_end.clone());
            let d = reactor.defer_to_thread(move || Ok(wait.recv().is_err()));
            jobs.push(d.map(move |_| {
                seen.add(n);
                next();
            }));
        }
        reactor.call_when_running(move || let_next_end());
        reactor.run_until(gather_results(jobs)).unwrap();
        assert_eq!(log.take(), order);
    });
}

#[test]
fn one_thread_gives_results_in_order() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        reactor.suggest_thread_pool_size(1);
        let jobs: Vec<_> = (0..500)
            .map(|n| {
                let seen = log.clone();
                reactor
                    .defer_to_thread(move || Ok(n))
                    .map(move |n| seen.add(n))
            })
            .collect();
        reactor.run_until(gather_results(jobs)).unwrap();
        assert_eq!(log.take(), Vec::from_iter(0..500));
    });
}

#[test]
fn thousands_may_be_in_flight() {
    within_a_minute(|| {
        let reactor = reactor();
        let jobs: Vec<_> = (0..20_000_u64)
            .map(|n| reactor.defer_to_thread(move || Ok(n)))
            .collect();
        let all = reactor.run_until(gather_results(jobs)).unwrap();
        assert!(all.into_iter().eq(0..20_000));
    });
}

#[test]
fn jobs_run_at_the_same_time() {
    within_a_minute(|| {
        let reactor = reactor();
        let barrier = Arc::new(Barrier::new(10));
        let jobs: Vec<_> = (0..10)
            .map(|_| {
                let barrier = barrier.clone();
                reactor.defer_to_thread(move || Ok(barrier.wait().is_leader()))
            })
            .collect();
        reactor.run_until(gather_results(jobs)).unwrap();
    });
}

#[test]
fn cancelling_lets_go_of_the_result_and_the_job_goes_on() {
    within_a_minute(|| {
        let reactor = reactor();
        let captured = capture_unhandled();
        let done = Arc::new(AtomicUsize::new(0));
        let (release, released) = mpsc::channel::<()>();
        let counter = done.clone();
        let d = reactor.defer_to_thread(move || -> Result<(), Failure> {
            let _ = released.recv();
            counter.fetch_add(1, SeqCst);
            Err(std::fmt::Error.into())
        });
        d.cancel();
        assert!(d.into_result().unwrap().unwrap_err().check::<Cancelled>());
        drop(release);
        let other = reactor.defer_to_thread(|| Ok(()));
        reactor.run_until(other).unwrap();
        assert_eq!(done.load(SeqCst), 1);
        assert!(captured.take().is_empty());
    });
}

#[test]
fn stopping_finishes_queued_jobs_and_fires_their_deferreds() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (inner, seen) = (reactor.clone(), log.clone());
        let done = Arc::new(AtomicUsize::new(0));
        let counter = done.clone();
        reactor.call_when_running(move || {
            for n in 0..1000 {
                let (seen, counter) = (seen.clone(), counter.clone());
                let job = inner.defer_to_thread(move || {
                    counter.fetch_add(1, SeqCst);
                    Ok(n)
                });
                job.map(move |n| seen.add(n));
            }
            inner.stop().unwrap();
        });
        reactor.run().unwrap();
        assert_eq!((done.load(SeqCst), log.len()), (1000, 1000));
    });
}

#[test]
fn call_in_thread_runs_the_job() {
    within_a_minute(|| {
        let reactor = reactor();
        let remote = reactor.remote();
        reactor
            .call_in_thread(move || remote.stop().unwrap())
            .unwrap();
        reactor.run().unwrap();
    });
}

#[test]
fn the_suggested_size_is_the_maximum() {
    let reactor = Reactor::builder().thread_pool(5, 20).build().unwrap();
    reactor.suggest_thread_pool_size(3);
    let pool = reactor.thread_pool();
    assert_eq!((pool.min_threads(), pool.max_threads()), (3, 3));
    reactor.suggest_thread_pool_size(30);
    assert_eq!(reactor.thread_pool().max_threads(), 30);
}

struct Inline;

impl Executor for Inline {
    fn execute(&self, job: Job) {
        job();
    }
}

struct DropsJobs;

impl Executor for DropsJobs {
    fn execute(&self, job: Job) {
        drop(job);
    }
}

/// Threads that take jobs from a channel, as the pools of other crates do.
struct Workers(mpsc::Sender<Job>);

impl Workers {
    fn new(threads: usize) -> Self {
        let (sender, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads {
            let receiver = receiver.clone();
            thread::spawn(move || {
                loop {
                    let job = receiver.lock().unwrap().recv();
                    match job {
                        Ok(job) => job(),
                        Err(_) => return,
                    }
                }
            });
        }
        Workers(sender)
    }
}

impl Executor for Workers {
    fn execute(&self, job: Job) {
        self.0.send(job).unwrap();
    }
}

#[test]
fn an_executor_of_the_programs_own_runs_jobs() {
    within_a_minute(|| {
        let (reactor, workers) = (reactor(), Workers::new(3));
        let jobs: Vec<_> = (0..2000)
            .map(|n| reactor.defer_to(&workers, move || Ok(n * 2)))
            .collect();
        let all = reactor.run_until(gather_results(jobs)).unwrap();
        assert_eq!(all, Vec::from_iter((0..2000).map(|n| n * 2)));
    });
}

#[test]
fn an_executor_may_run_the_job_at_once_but_the_result_comes_in_a_turn() {
    within_a_minute(|| {
        let reactor = reactor();
        let d = reactor.defer_to(&Inline, || Ok(thread::current().id()));
        assert!(!d.is_called());
        assert_eq!(reactor.run_until(d).unwrap(), thread::current().id());
        let reactor = reactor_support::reactor();
        let d: Deferred<()> = reactor.defer_to(&Inline, || panic!("inline"));
        assert!(reactor.run_until(d).unwrap_err().check::<Panicked>());
    });
}

#[test]
fn a_dropped_job_is_abandoned() {
    within_a_minute(|| {
        let reactor = reactor();
        let d = reactor.defer_to(&DropsJobs, || Ok(()));
        assert!(reactor.run_until(d).unwrap_err().check::<Abandoned>());
        let reactor = reactor_support::reactor();
        let stopped = ThreadPool::new(0, 1);
        stopped.stop();
        let d = reactor.defer_to(&stopped, || Ok(()));
        assert!(reactor.run_until(d).unwrap_err().check::<Abandoned>());
    });
}

#[test]
fn a_trait_object_is_an_executor_too() {
    within_a_minute(|| {
        let (reactor, pool) = (reactor(), ThreadPool::new(0, 1));
        pool.start();
        let executor: Box<dyn Executor> = Box::new(pool.clone());
        let d = reactor.defer_to(&*executor, || Ok(1));
        assert_eq!(reactor.run_until(d).unwrap(), 1);
        pool.stop();
    });
}

#[test]
fn a_result_that_comes_after_the_end_does_no_harm() {
    within_a_minute(|| {
        let (reactor, workers) = (reactor(), Workers::new(1));
        let (release, released) = mpsc::channel::<()>();
        let (ending, ended) = mpsc::channel::<()>();
        let d = reactor.defer_to(&workers, move || {
            let _ = released.recv();
            Ok(ending)
        });
        reactor.remote().stop().unwrap();
        reactor.run().unwrap();
        assert!(d.into_result().unwrap().unwrap_err().check::<Abandoned>());
        drop(release);
        assert!(ended.recv().is_err());
    });
}

#[test]
fn a_coroutine_awaits_jobs_one_after_another() {
    within_a_minute(|| {
        let reactor = reactor();
        let inner = reactor.clone();
        let sum = run(&reactor, async move {
            let mut sum = 0;
            for n in 0..100_u64 {
                sum += inner.defer_to_thread(move || Ok(n)).await?;
            }
            Ok(sum)
        });
        assert_eq!(sum, 4950);
    });
}

#[test]
fn timers_go_on_while_all_threads_are_busy() {
    within_a_minute(|| {
        let reactor = reactor();
        reactor.suggest_thread_pool_size(1);
        let (release, released) = mpsc::channel::<()>();
        let d = reactor.defer_to_thread(move || Ok(released.recv().is_err()));
        reactor.call_later(ms(2), move || drop(release));
        reactor.run_until(d).unwrap();
    });
}
