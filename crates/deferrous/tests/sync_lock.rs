//! One at a time.

mod support;

use deferrous::{
    Abandoned, Cancelled, Deferred, DeferredLock, Failure, Trigger, capture_unhandled, deferred,
    succeed,
};
use support::{Trace, error, failure_of, in_small_stack, scale::many, value_of};

fn note_when_run(lock: &DeferredLock, trace: &Trace, name: &'static str) -> Deferred<()> {
    let trace = trace.clone();
    lock.run(move || trace.note(name))
}

#[test]
fn a_free_lock_is_acquired_at_once() {
    let lock = DeferredLock::new();
    assert!(!lock.is_locked());
    let permit = value_of(lock.acquire());
    assert!(lock.is_locked());
    permit.release();
    assert!(!lock.is_locked());
}

#[test]
fn dropping_the_permit_releases() {
    let lock = DeferredLock::default();
    drop(value_of(lock.acquire()));
    assert!(!lock.is_locked());
    drop(lock.acquire());
    assert!(!lock.is_locked());
}

#[test]
fn waiters_get_their_turn_in_order() {
    let trace = Trace::new();
    let lock = DeferredLock::new();
    let permit = value_of(lock.acquire());
    let all: Vec<_> = ["a", "b", "c"]
        .map(|name| note_when_run(&lock, &trace, name))
        .into();
    assert_eq!(lock.waiting(), 3);
    assert!(trace.take().is_empty());
    drop(permit);
    assert_eq!(trace.take(), ["a", "b", "c"]);
    assert_eq!(lock.waiting(), 0);
    assert!(!lock.is_locked());
    all.into_iter().for_each(value_of);
}

#[test]
fn clones_are_the_same_lock() {
    let lock = DeferredLock::new();
    let permit = value_of(lock.clone().acquire());
    assert!(lock.is_locked());
    drop(permit);
    assert!(!lock.is_locked());
}

#[test]
fn a_released_lock_goes_to_the_next_before_release_returns() {
    let lock = DeferredLock::new();
    let permit = value_of(lock.acquire());
    let next = lock.acquire();
    permit.release();
    let held = value_of(next);
    assert!(lock.is_locked());
    drop(held);
    assert!(!lock.is_locked());
}

#[test]
fn run_holds_the_lock_until_what_was_returned_is_there() {
    let trace = Trace::new();
    let lock = DeferredLock::new();
    let (trigger, work) = deferred();
    let first = lock.run(|| work);
    let second = note_when_run(&lock, &trace, "second");
    assert!(lock.is_locked() && trace.take().is_empty());
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["second"]);
    assert_eq!(value_of(first), 1);
    value_of(second);
}

#[test]
fn run_releases_after_a_failure() {
    let lock = DeferredLock::new();
    let d = lock.run(|| Err::<i32, _>(error("no")));
    assert!(!lock.is_locked());
    assert_eq!(failure_of(d).to_string(), "no");
}

#[test]
fn run_releases_after_a_panic() {
    let lock = DeferredLock::new();
    let d = lock.run(|| -> Result<i32, Failure> { panic!("no") });
    assert!(!lock.is_locked());
    assert_eq!(failure_of(d).to_string(), "panicked: no");
}

#[test]
fn run_releases_when_it_is_cancelled() {
    let lock = DeferredLock::new();
    let (_trigger, work) = deferred::<i32>();
    let d = lock.run(|| work);
    d.cancel();
    assert!(!lock.is_locked());
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn run_releases_when_the_work_is_abandoned() {
    let lock = DeferredLock::new();
    let (trigger, work) = deferred::<i32>();
    let d = lock.run(|| work);
    drop(trigger);
    assert!(!lock.is_locked());
    assert!(failure_of(d).check::<Abandoned>());
}

#[test]
fn run_goes_on_when_its_deferred_is_dropped() {
    let lock = DeferredLock::new();
    let (trigger, work) = deferred::<i32>();
    drop(lock.run(|| work));
    assert!(lock.is_locked());
    trigger.callback(1).unwrap();
    assert!(!lock.is_locked());
}

#[test]
fn a_waiting_run_that_is_dropped_has_its_turn_all_the_same() {
    let trace = Trace::new();
    let lock = DeferredLock::new();
    let permit = value_of(lock.acquire());
    drop(note_when_run(&lock, &trace, "dropped"));
    drop(permit);
    assert_eq!(trace.take(), ["dropped"]);
    assert!(!lock.is_locked());
}

#[test]
fn run_releases_when_the_work_can_never_end() {
    let captured = capture_unhandled();
    let lock = DeferredLock::new();
    let work = succeed(1);
    work.pause();
    drop(lock.run(|| work));
    assert!(!lock.is_locked());
    assert_eq!(captured.take().len(), 1);
}

#[test]
fn a_waiter_that_is_dropped_hands_the_lock_on() {
    let lock = DeferredLock::new();
    let permit = value_of(lock.acquire());
    drop(lock.acquire());
    let last = lock.acquire();
    drop(permit);
    assert!(lock.is_locked());
    drop(value_of(last));
    assert!(!lock.is_locked());
}

#[test]
fn cancelling_after_the_lock_was_acquired_does_not_release_it() {
    let lock = DeferredLock::new();
    let acquired = lock.acquire();
    acquired.cancel();
    assert!(lock.is_locked());
    drop(value_of(acquired));
    assert!(!lock.is_locked());
}

#[test]
fn a_lock_may_be_acquired_from_inside_run() {
    let trace = Trace::new();
    let lock = DeferredLock::new();
    let (inner, seen) = (lock.clone(), trace.clone());
    let d = lock.run(move || {
        let next = note_when_run(&inner, &seen, "inner");
        seen.note("outer");
        drop(next);
    });
    value_of(d);
    assert_eq!(trace.take(), ["outer", "inner"]);
    assert!(!lock.is_locked());
}

#[test]
fn a_waiter_may_acquire_again_and_waits_behind_the_others() {
    let trace = Trace::new();
    let lock = DeferredLock::new();
    let permit = value_of(lock.acquire());
    let (again, seen) = (lock.clone(), trace.clone());
    let first = lock.run(move || {
        seen.note("first");
        drop(note_when_run(&again, &seen, "again"));
    });
    let second = note_when_run(&lock, &trace, "second");
    drop(permit);
    assert_eq!(trace.take(), ["first", "second", "again"]);
    value_of(first);
    value_of(second);
}

#[test]
fn waiters_of_a_lock_whose_holder_never_lets_go_are_not_abandoned() {
    let (trigger, work) = deferred::<i32>();
    let lock = DeferredLock::new();
    let first = lock.run(|| work);
    let second = lock.run(|| Ok(2));
    drop(lock);
    let second = second.into_result().unwrap_err();
    trigger.callback(1).unwrap();
    assert_eq!(value_of(first), 1);
    assert_eq!(value_of(second), 2);
}

#[test]
fn a_million_waiters_that_finish_at_once_take_no_stack() {
    in_small_stack(|| {
        let lock = DeferredLock::new();
        let permit = value_of(lock.acquire());
        let count = std::rc::Rc::new(std::cell::Cell::new(0));
        let many = many(1_000_000);
        for _ in 0..many {
            let count = count.clone();
            drop(lock.run(move || count.set(count.get() + 1)));
        }
        assert_eq!(lock.waiting(), many as usize);
        drop(permit);
        assert_eq!(count.get(), many);
        assert!(!lock.is_locked());
    });
}

#[test]
fn a_long_row_of_waiters_is_worked_off_one_by_one() {
    in_small_stack(|| {
        let lock = DeferredLock::new();
        let (triggers, works): (Vec<Trigger<()>>, Vec<_>) =
            (0..many(100_000)).map(|_| deferred::<()>()).unzip();
        for work in works {
            drop(lock.run(|| work));
        }
        for trigger in triggers {
            assert!(lock.is_locked());
            trigger.callback(()).unwrap();
        }
        assert!(!lock.is_locked());
    });
}

#[test]
fn cancelling_a_waiter_gives_up_its_place() {
    let trace = Trace::new();
    let lock = DeferredLock::new();
    let permit = value_of(lock.acquire());
    let first = note_when_run(&lock, &trace, "first");
    let second = note_when_run(&lock, &trace, "second");
    let third = note_when_run(&lock, &trace, "third");
    second.cancel();
    assert_eq!(lock.waiting(), 2);
    assert!(failure_of(second).check::<Cancelled>());
    drop(permit);
    assert_eq!(trace.take(), ["first", "third"]);
    value_of(first);
    value_of(third);
}
