//! The pool of threads by itself.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use deferrous::{Executor, PoolStopped, ThreadPool, set_unhandled_handler};
use reactor_support::{HOUR, ms, secs, within_a_minute};

fn started(min: usize, max: usize) -> ThreadPool {
    let pool = ThreadPool::new(min, max);
    pool.start();
    pool
}

/// Waits for what other threads are about to do, which `within_a_minute` bounds.
fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::sleep(Duration::from_micros(200));
    }
}

/// Occupies as many workers until the sender is dropped.
fn occupy(pool: &ThreadPool, workers: usize) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let released = Arc::new(Mutex::new(released));
    let barrier = Arc::new(Barrier::new(workers + 1));
    for _ in 0..workers {
        let (barrier, released) = (barrier.clone(), released.clone());
        pool.call_in_thread(move || {
            barrier.wait();
            let _ = released.lock().unwrap().recv();
        })
        .unwrap();
    }
    barrier.wait();
    release
}

/// A job that counts when it is done.
fn counting(count: &Arc<AtomicUsize>) -> impl FnOnce() + Send + use<> {
    let count = count.clone();
    move || {
        count.fetch_add(1, SeqCst);
    }
}

#[test]
fn it_grows_by_need_up_to_the_maximum() {
    within_a_minute(|| {
        let pool = started(0, 3);
        assert_eq!(pool.threads(), 0);
        let mut busy = Vec::new();
        for n in 1..=3 {
            busy.push(occupy(&pool, 1));
            assert_eq!((pool.threads(), pool.idle()), (n, 0));
        }
        let done = Arc::new(AtomicUsize::new(0));
        pool.call_in_thread(counting(&done)).unwrap();
        assert_eq!((pool.threads(), pool.queued()), (3, 1));
        drop(busy);
        pool.stop();
        assert_eq!(done.load(SeqCst), 1);
    });
}

#[test]
fn jobs_that_come_quickly_get_one_worker_each() {
    within_a_minute(|| {
        for _ in 0..20 {
            let pool = started(0, 10);
            let busy = occupy(&pool, 4);
            assert_eq!((pool.threads(), pool.queued()), (4, 0));
            drop(busy);
            pool.stop();
        }
    });
}

#[test]
fn an_idle_worker_is_used_before_another_is_started() {
    within_a_minute(|| {
        let pool = started(0, 8);
        for _ in 0..200 {
            drop(occupy(&pool, 1));
            until(|| pool.idle() == 1);
        }
        assert_eq!(pool.threads(), 1);
        pool.stop();
    });
}

#[test]
fn jobs_that_need_each_other_all_get_a_worker() {
    within_a_minute(|| {
        let pool = started(0, 10);
        for _ in 0..200 {
            drop(occupy(&pool, 10));
        }
        pool.stop();
    });
}

#[test]
fn the_minimum_is_there_from_the_start_and_stays() {
    within_a_minute(|| {
        let pool = ThreadPool::with_idle_timeout(2, 4, ms(1));
        assert_eq!(pool.threads(), 0);
        pool.start();
        until(|| pool.idle() == 2);
        drop(occupy(&pool, 4));
        until(|| pool.threads() == 2);
        thread::sleep(ms(20));
        assert_eq!(pool.threads(), 2);
        pool.stop();
    });
}

#[test]
fn idle_workers_above_the_minimum_go() {
    within_a_minute(|| {
        let pool = ThreadPool::with_idle_timeout(0, 4, ms(1));
        pool.start();
        for _ in 0..20 {
            drop(occupy(&pool, 4));
            until(|| pool.threads() == 0);
            assert_eq!(pool.idle(), 0);
        }
        pool.stop();
    });
}

#[test]
fn a_job_is_not_lost_when_the_worker_is_about_to_go() {
    within_a_minute(|| {
        let pool = ThreadPool::with_idle_timeout(0, 1, Duration::from_micros(50));
        pool.start();
        for _ in 0..5000 {
            let (done, wait) = mpsc::channel();
            pool.call_in_thread(move || done.send(()).unwrap()).unwrap();
            wait.recv().unwrap();
        }
        pool.stop();
    });
}

#[test]
fn idle_workers_stay_for_a_while() {
    within_a_minute(|| {
        let pool = ThreadPool::with_idle_timeout(0, 4, HOUR);
        pool.start();
        drop(occupy(&pool, 4));
        until(|| pool.idle() == 4);
        pool.stop();
        assert_eq!(pool.threads(), 0);
    });
}

#[test]
fn jobs_wait_for_the_start() {
    within_a_minute(|| {
        let (pool, done) = (ThreadPool::new(0, 2), Arc::new(AtomicUsize::new(0)));
        for _ in 0..5 {
            pool.call_in_thread(counting(&done)).unwrap();
        }
        assert_eq!((pool.threads(), pool.queued()), (0, 5));
        pool.start();
        pool.start();
        assert!(pool.threads() <= 2);
        pool.stop();
        assert_eq!(done.load(SeqCst), 5);
    });
}

#[test]
fn one_worker_does_jobs_in_order() {
    within_a_minute(|| {
        let (pool, order) = (started(1, 1), Arc::new(Mutex::new(Vec::new())));
        for n in 0..1000 {
            let order = order.clone();
            pool.call_in_thread(move || order.lock().unwrap().push(n))
                .unwrap();
        }
        pool.stop();
        assert_eq!(*order.lock().unwrap(), Vec::from_iter(0..1000));
    });
}

#[test]
fn a_greater_size_is_used_at_once() {
    within_a_minute(|| {
        let pool = started(0, 1);
        let busy = occupy(&pool, 1);
        let (done, wait) = mpsc::channel();
        for _ in 0..3 {
            let done = done.clone();
            pool.call_in_thread(move || done.send(()).unwrap()).unwrap();
        }
        pool.adjust_size(2, 4);
        for _ in 0..3 {
            wait.recv().unwrap();
        }
        assert_eq!((pool.min_threads(), pool.max_threads()), (2, 4));
        drop(busy);
        pool.stop();
    });
}

#[test]
fn a_smaller_size_lets_workers_go_when_they_are_free() {
    within_a_minute(|| {
        let pool = started(0, 6);
        let busy = occupy(&pool, 4);
        pool.adjust_size(0, 1);
        assert_eq!(pool.threads(), 4);
        drop(busy);
        until(|| pool.threads() <= 1);
        drop(occupy(&pool, 1));
        pool.adjust_size(3, 6);
        until(|| pool.idle() == 3);
        pool.adjust_size(1, 2);
        until(|| pool.threads() == 2);
        pool.stop();
    });
}

#[test]
fn the_size_may_change_under_load() {
    within_a_minute(|| {
        let (pool, done) = (started(0, 4), Arc::new(AtomicUsize::new(0)));
        let (resizing, jobs) = (pool.clone(), done.clone());
        let resizer = thread::spawn(move || {
            for n in 0..500 {
                resizing.adjust_size(n % 3, 3 + n % 5);
                thread::yield_now();
            }
        });
        for _ in 0..20_000 {
            pool.call_in_thread(counting(&jobs)).unwrap();
        }
        resizer.join().unwrap();
        pool.stop();
        assert_eq!(done.load(SeqCst), 20_000);
    });
}

#[test]
fn a_panicking_job_is_reported_and_its_worker_goes_on() {
    static REPORTED: AtomicUsize = AtomicUsize::new(0);
    within_a_minute(|| {
        set_unhandled_handler(Some(Arc::new(|_| {
            REPORTED.fetch_add(1, SeqCst);
        })));
        let (pool, done) = (started(2, 2), Arc::new(AtomicUsize::new(0)));
        for _ in 0..50 {
            pool.call_in_thread(|| panic!("in a job")).unwrap();
            pool.call_in_thread(counting(&done)).unwrap();
        }
        until(|| pool.idle() == 2);
        assert_eq!(pool.threads(), 2);
        pool.stop();
        assert_eq!((done.load(SeqCst), REPORTED.load(SeqCst)), (50, 50));
        set_unhandled_handler(None);
    });
}

#[test]
fn stop_finishes_what_is_queued() {
    within_a_minute(|| {
        let (pool, done) = (started(0, 2), Arc::new(AtomicUsize::new(0)));
        for _ in 0..1000 {
            pool.call_in_thread(counting(&done)).unwrap();
        }
        pool.stop();
        assert_eq!(
            (done.load(SeqCst), pool.threads(), pool.queued()),
            (1000, 0, 0)
        );
    });
}

#[test]
fn stop_without_start_drops_the_jobs() {
    within_a_minute(|| {
        let (pool, owned) = (ThreadPool::new(0, 2), Arc::new(()));
        let kept = owned.clone();
        pool.call_in_thread(move || drop(kept)).unwrap();
        pool.stop();
        assert_eq!(Arc::strong_count(&owned), 1);
        pool.start();
        assert_eq!(pool.threads(), 0);
    });
}

#[test]
fn after_stop_jobs_are_refused_and_dropped() {
    within_a_minute(|| {
        let (pool, owned) = (started(1, 2), Arc::new(()));
        pool.stop();
        let kept = owned.clone();
        assert_eq!(pool.call_in_thread(move || drop(kept)), Err(PoolStopped));
        let kept = owned.clone();
        pool.execute(Box::new(move || drop(kept)));
        assert_eq!(Arc::strong_count(&owned), 1);
        pool.stop();
        pool.adjust_size(2, 2);
        assert_eq!(pool.threads(), 0);
    });
}

#[test]
fn every_stop_waits_until_all_is_done() {
    within_a_minute(|| {
        for _ in 0..20 {
            let (pool, done) = (started(0, 3), Arc::new(AtomicUsize::new(0)));
            let accepted = Arc::new(AtomicUsize::new(0));
            let release = occupy(&pool, 2);
            for _ in 0..200 {
                pool.call_in_thread(counting(&done)).unwrap();
                accepted.fetch_add(1, SeqCst);
            }
            let stopping: Vec<_> = (0..4)
                .map(|_| {
                    let (pool, done, accepted) = (pool.clone(), done.clone(), accepted.clone());
                    thread::spawn(move || {
                        if pool.call_in_thread(counting(&done)).is_ok() {
                            accepted.fetch_add(1, SeqCst);
                        }
                        pool.stop();
                        (pool.threads(), done.load(SeqCst) >= 200)
                    })
                })
                .collect();
            until(|| pool.call_in_thread(|| ()).is_err());
            thread::sleep(ms(2));
            drop(release);
            for thread in stopping {
                assert_eq!(thread.join().unwrap(), (0, true));
            }
            assert_eq!(done.load(SeqCst), accepted.load(SeqCst));
        }
    });
}

#[test]
fn workers_may_stop_their_own_pool() {
    within_a_minute(|| {
        for _ in 0..50 {
            let (pool, done) = (started(0, 3), Arc::new(AtomicUsize::new(0)));
            let barrier = Arc::new(Barrier::new(3));
            for _ in 0..3 {
                let (own, barrier, done) = (pool.clone(), barrier.clone(), done.clone());
                pool.call_in_thread(move || {
                    barrier.wait();
                    own.stop();
                    done.fetch_add(1, SeqCst);
                })
                .unwrap();
            }
            until(|| pool.threads() == 0);
            assert_eq!(done.load(SeqCst), 3);
        }
    });
}

#[test]
fn a_job_may_queue_others() {
    within_a_minute(|| {
        let (pool, (done, wait)) = (started(0, 1), mpsc::channel());
        let own = pool.clone();
        pool.call_in_thread(move || own.call_in_thread(move || done.send(()).unwrap()).unwrap())
            .unwrap();
        wait.recv_timeout(secs(30)).unwrap();
        pool.stop();
    });
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let refuses = |f: fn()| std::panic::catch_unwind(f).is_err();
    assert!(refuses(|| drop(ThreadPool::new(0, 0))));
    assert!(refuses(|| drop(ThreadPool::new(3, 2))));
    assert!(refuses(|| ThreadPool::new(0, 1).adjust_size(2, 1)));
    assert!(refuses(|| ThreadPool::new(0, 1).adjust_size(0, 0)));
    assert!(refuses(|| drop(
        deferrous::Reactor::builder().thread_pool(2, 1).build()
    )));
}

#[test]
fn a_pool_that_is_dropped_finishes_and_ends() {
    within_a_minute(|| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let pool = ThreadPool::new(2, 2);
        pool.start();
        let from_job = sender.clone();
        pool.call_in_thread(move || from_job.send("done").unwrap())
            .unwrap();
        drop((pool, sender));
        assert_eq!(receiver.iter().collect::<Vec<_>>(), ["done"]);
    });
}
