//! Up to a number at once.

mod support;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use deferrous::{Cancelled, DeferredSemaphore, Failure, deferred};
use support::{error, failure_of, value_of};

#[test]
fn as_many_permits_as_tokens_are_given_at_once() {
    let semaphore = DeferredSemaphore::new(3);
    let permits: Vec<_> = (0..3).map(|_| value_of(semaphore.acquire())).collect();
    assert_eq!(semaphore.tokens(), 0);
    let waiting = semaphore.acquire();
    assert!(!waiting.is_called());
    assert_eq!(semaphore.waiting(), 1);
    drop(permits);
    assert_eq!(semaphore.tokens(), 2);
    drop(value_of(waiting));
    assert_eq!((semaphore.tokens(), semaphore.limit()), (3, 3));
}

#[test]
fn a_semaphore_needs_a_token() {
    let made = catch_unwind(AssertUnwindSafe(|| DeferredSemaphore::new(0)));
    assert!(made.is_err());
}

#[test]
fn clones_share_the_tokens() {
    let semaphore = DeferredSemaphore::new(2);
    let permit = value_of(semaphore.clone().acquire());
    assert_eq!(semaphore.tokens(), 1);
    permit.release();
    assert_eq!(semaphore.tokens(), 2);
}

#[test]
fn never_more_than_the_tokens_run_at_once() {
    let semaphore = DeferredSemaphore::new(2);
    let running = Rc::new(Cell::new(0));
    let (triggers, works): (Vec<_>, Vec<_>) = (0..10).map(|_| deferred::<()>()).unzip();
    let all: Vec<_> = works
        .into_iter()
        .map(|work| {
            let running = running.clone();
            let ended = running.clone();
            semaphore.run(move || {
                running.set(running.get() + 1);
                assert!(running.get() <= 2);
                work.map(move |()| ended.set(ended.get() - 1))
            })
        })
        .collect();
    assert_eq!((running.get(), semaphore.waiting()), (2, 8));
    for trigger in &triggers {
        trigger.callback(()).unwrap();
    }
    all.into_iter().for_each(value_of);
    assert_eq!((running.get(), semaphore.tokens()), (0, 2));
}

#[test]
fn run_gives_the_token_back_whatever_happens() {
    let semaphore = DeferredSemaphore::new(1);
    assert_eq!(value_of(semaphore.run(|| Ok(1))), 1);
    assert_eq!(semaphore.tokens(), 1);
    let failed = semaphore.run(|| Err::<i32, _>(error("no")));
    assert_eq!(semaphore.tokens(), 1);
    assert_eq!(failure_of(failed).to_string(), "no");
    let panicked = semaphore.run(|| -> Result<i32, Failure> { panic!("no") });
    assert_eq!(semaphore.tokens(), 1);
    assert_eq!(failure_of(panicked).to_string(), "panicked: no");
    let (_trigger, work) = deferred::<i32>();
    let cancelled = semaphore.run(|| work);
    assert_eq!(semaphore.tokens(), 0);
    cancelled.cancel();
    assert_eq!(semaphore.tokens(), 1);
    assert!(failure_of(cancelled).check::<Cancelled>());
    let (trigger, work) = deferred::<i32>();
    drop(semaphore.run(|| work.add_errback(|_| Ok(0))));
    drop(trigger);
    assert_eq!(semaphore.tokens(), 1);
}

#[test]
fn a_token_given_back_in_a_waiters_callback_goes_to_the_next() {
    let semaphore = DeferredSemaphore::new(1);
    let permit = value_of(semaphore.acquire());
    let order = Rc::new(Cell::new(0));
    let next = |expected: u32| {
        let order = order.clone();
        semaphore.acquire().map(move |permit| {
            assert_eq!(order.replace(expected + 1), expected);
            drop(permit);
        })
    };
    let all: Vec<_> = (0..5).map(next).collect();
    drop(permit);
    all.into_iter().for_each(value_of);
    assert_eq!((order.get(), semaphore.tokens()), (5, 1));
}

#[test]
fn several_tokens_go_to_several_waiters() {
    let semaphore = DeferredSemaphore::new(2);
    let permits = [value_of(semaphore.acquire()), value_of(semaphore.acquire())];
    let waiting = [
        semaphore.acquire(),
        semaphore.acquire(),
        semaphore.acquire(),
    ];
    drop(permits);
    assert!(waiting[0].is_called() && waiting[1].is_called() && !waiting[2].is_called());
}

#[test]
fn a_waiter_that_was_paused_holds_its_token() {
    let semaphore = DeferredSemaphore::new(1);
    let permit = value_of(semaphore.acquire());
    let waiting = semaphore.acquire();
    waiting.pause();
    drop(permit);
    assert_eq!((semaphore.tokens(), semaphore.waiting()), (0, 0));
    waiting.unpause().unwrap();
    drop(value_of(waiting));
    assert_eq!(semaphore.tokens(), 1);
}

#[test]
fn a_cancelled_waiter_never_runs() {
    let semaphore = DeferredSemaphore::new(1);
    let permit = value_of(semaphore.acquire());
    let waiting = semaphore.run(|| -> Result<(), Failure> { panic!("never") });
    waiting.cancel();
    assert_eq!(semaphore.waiting(), 0);
    assert!(failure_of(waiting).check::<Cancelled>());
    drop(permit);
    assert_eq!(semaphore.tokens(), 1);
}
