//! What becomes of jobs when the system refuses to start threads.

#![cfg(feature = "reactor")]
#![cfg(target_pointer_width = "64")]

mod reactor_support;

use std::{
    env,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use deferrous::{Abandoned, ThreadPool, set_unhandled_handler};
use reactor_support::{reactor, within_a_minute};

const CASE: &str = "DEFERROUS_REFUSED_THREADS_TEST";

/// Runs one test of this file in another process, where threads cannot be started: each would need
/// a stack greater than the memory that can be addressed.
fn without_threads(name: &'static str, test: fn()) {
    if env::var_os(CASE).is_some() {
        return test();
    }
    within_a_minute(move || {
        let output = Command::new(env::current_exe().unwrap())
            .args([name, "--exact", "--test-threads=1"])
            .env(CASE, name)
            .env("RUST_MIN_STACK", (1_u64 << 48).to_string())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{said}");
    });
}

/// Counts the failures that are reported.
fn reported() -> Arc<AtomicUsize> {
    let reported = Arc::new(AtomicUsize::new(0));
    let count = reported.clone();
    set_unhandled_handler(Some(Arc::new(move |_| {
        count.fetch_add(1, SeqCst);
    })));
    reported
}

#[test]
fn jobs_are_dropped_and_the_refusal_is_reported() {
    without_threads("jobs_are_dropped_and_the_refusal_is_reported", || {
        let (reported, owned) = (reported(), Arc::new(()));
        let seen = || (Arc::strong_count(&owned), reported.swap(0, SeqCst));
        for min in [0, 2] {
            let pool = ThreadPool::new(min, 3);
            let kept = owned.clone();
            pool.call_in_thread(move || drop(kept)).unwrap();
            pool.start();
            assert_eq!(seen(), (1, 1));
            for _ in 0..3 {
                let kept = owned.clone();
                pool.call_in_thread(move || drop(kept)).unwrap();
                assert_eq!(seen(), (1, 1));
                assert_eq!((pool.threads(), pool.idle(), pool.queued()), (0, 0, 0));
            }
            pool.stop();
            assert_eq!(seen(), (1, 0));
        }
    });
}

#[test]
fn who_waits_for_a_job_hears_of_it() {
    without_threads("who_waits_for_a_job_hears_of_it", || {
        let (reported, reactor) = (reported(), reactor());
        let d = reactor.defer_to_thread(|| Ok(()));
        assert!(reactor.run_until(d).unwrap_err().check::<Abandoned>());
        assert_eq!(reported.load(SeqCst), 1);
    });
}
