//! The pool of threads where two things happen at once.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use deferrous::ThreadPool;
use reactor_support::{ms, scale, within_a_minute};

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn a_job_that_was_accepted_is_done_though_the_pool_stops_at_once() {
    within_a_minute(|| {
        for _ in 0..scale::many(2_000) {
            let (pool, done) = (ThreadPool::new(0, 2), Arc::new(AtomicUsize::new(0)));
            pool.start();
            let barrier = Barrier::new(3);
            let accepted = thread::scope(|scope| {
                let queue = || {
                    barrier.wait();
                    let done = done.clone();
                    let job = move || {
                        done.fetch_add(1, SeqCst);
                    };
                    usize::from(pool.call_in_thread(job).is_ok())
                };
                let queueing = [scope.spawn(queue), scope.spawn(queue)];
                barrier.wait();
                pool.stop();
                queueing
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .sum::<usize>()
            });
            assert_eq!(done.load(SeqCst), accepted);
            assert_eq!((pool.threads(), pool.queued()), (0, 0));
        }
    });
}

#[test]
fn a_job_queued_while_the_pool_starts_is_done() {
    within_a_minute(|| {
        for _ in 0..scale::many(2_000) {
            let (pool, (done, wait)) = (ThreadPool::new(0, 1), mpsc::channel());
            let starting = pool.clone();
            let starter = thread::spawn(move || starting.start());
            pool.call_in_thread(move || done.send(()).unwrap()).unwrap();
            wait.recv().unwrap();
            starter.join().unwrap();
            pool.stop();
        }
    });
}

#[test]
fn busy_workers_stay_if_the_size_that_has_no_place_for_them_is_taken_back() {
    within_a_minute(|| {
        let pool = ThreadPool::with_idle_timeout(0, 4, ms(1));
        pool.start();
        let barrier = Arc::new(Barrier::new(5));
        for _ in 0..4 {
            let barrier = barrier.clone();
            pool.call_in_thread(move || {
                barrier.wait();
                barrier.wait();
            })
            .unwrap();
        }
        barrier.wait();
        pool.adjust_size(0, 1);
        pool.adjust_size(4, 6);
        barrier.wait();
        until(|| pool.idle() == 4);
        thread::sleep(ms(5));
        assert_eq!((pool.threads(), pool.idle()), (4, 4));
        pool.stop();
    });
}

#[test]
fn busy_workers_above_the_maximum_go_after_their_job_though_others_wait() {
    within_a_minute(|| {
        let pool = ThreadPool::new(0, 2);
        pool.start();
        let (barrier, (release, released)) = (Arc::new(Barrier::new(3)), mpsc::channel::<()>());
        let gate = Arc::new(std::sync::Mutex::new(released));
        for waits in [false, true] {
            let (barrier, gate) = (barrier.clone(), gate.clone());
            pool.call_in_thread(move || {
                barrier.wait();
                barrier.wait();
                if waits {
                    let _ = gate.lock().unwrap().recv();
                }
            })
            .unwrap();
        }
        barrier.wait();
        let done = Arc::new(AtomicUsize::new(0));
        pool.adjust_size(0, 1);
        for _ in 0..3 {
            let done = done.clone();
            pool.call_in_thread(move || {
                done.fetch_add(1, SeqCst);
            })
            .unwrap();
        }
        barrier.wait();
        until(|| pool.threads() == 1);
        assert_eq!((done.load(SeqCst), pool.queued()), (0, 3));
        drop(release);
        pool.stop();
        assert_eq!(done.load(SeqCst), 3);
    });
}
