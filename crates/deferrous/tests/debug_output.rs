//! What the `Debug` output of Deferreds and their handles says.

mod support;

use std::{cell::RefCell, rc::Rc};

use deferrous::{
    Deferred, DeferredLock, DeferredQueue, DeferredSemaphore, QueueLimits, Trigger, deferred, fail,
    succeed,
};
use support::{Trace, error, value_of};

fn shows(what: impl std::fmt::Debug, parts: &[&str]) {
    let text = format!("{what:?}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

fn hides(what: impl std::fmt::Debug, parts: &[&str]) {
    let text = format!("{what:?}");
    for part in parts {
        assert!(!text.contains(part), "{part:?} is in {text:?}");
    }
}

#[test]
fn an_unfired_deferred_has_no_result() {
    let (trigger, d) = deferred::<u64>();
    let d = d.map(|n| n + 1).map(|n| n + 1);
    shows(
        &d,
        &["Deferred", "u64", "called: false", "paused: 0", "links: 2"],
    );
    hides(&d, &["result", "waiting_on"]);
    shows(&trigger, &["Trigger", "called: false"]);
}

#[test]
fn a_fired_deferred_says_what_kind_of_value_it_has() {
    let d = succeed(1_u64);
    shows(&d, &["called: true", "links: 0", "value of u64"]);
}

#[test]
fn a_failed_deferred_says_its_failure() {
    let d = fail::<u64>(error("no disk"));
    shows(&d, &["called: true", "failure: no disk"]);
    drop(d.add_errback(|_| Ok(0)));
}

#[test]
fn a_paused_deferred_says_how_often() {
    let d = succeed(1);
    d.pause();
    d.pause();
    shows(&d, &["paused: 2"]);
    let guard = d.pause_guard();
    shows(&guard, &["PauseGuard", "pauses: 3"]);
}

#[test]
fn a_waiting_deferred_says_for_which() {
    let (trigger, inner) = deferred::<i32>();
    let inner_text = format!("{inner:?}");
    let address = inner_text.split("at: ").nth(1).unwrap();
    let address = address.split(',').next().unwrap().to_owned();
    let d = succeed(()).add_callback(|()| inner);
    shows(&d, &["called: true", &format!("waiting_on: {address}")]);
    trigger.callback(1).unwrap();
    hides(&d, &["waiting_on"]);
}

#[test]
fn a_deferred_in_a_callback_says_that_it_runs() {
    let trace = Trace::new();
    let own: Rc<RefCell<Option<Deferred<i32>>>> = Rc::default();
    let (trigger, d) = deferred();
    let (handle, seen) = (own.clone(), trace.clone());
    let d = d.map(move |n: i32| {
        seen.note(format_args!("{:?}", handle.borrow().as_ref().unwrap()));
        n
    });
    own.replace(Some(d));
    trigger.callback(1).unwrap();
    assert!(trace.take()[0].contains("with a running callback"));
    hides(own.take().unwrap(), &["running"]);
}

#[test]
fn types_without_debug_can_be_shown() {
    struct Opaque;
    let (trigger, d) = deferred::<Opaque>();
    shows(&d, &["Opaque"]);
    trigger.callback(Opaque).unwrap();
    shows(&d, &["value of", "Opaque"]);
    shows(&trigger, &["Opaque"]);
}

#[test]
fn a_cancel_handle_says_whether_there_is_something_to_cancel() {
    let (trigger, d): (Trigger<i32>, _) = deferred();
    let handle = d.cancel_handle();
    shows(&handle, &["called: false"]);
    trigger.callback(1).unwrap();
    shows(&handle, &["called: true"]);
    value_of(d);
}

#[test]
fn locks_semaphores_and_queues_say_who_waits() {
    let lock = DeferredLock::new();
    let held = value_of(lock.acquire());
    let waiting = lock.acquire();
    shows(&lock, &["locked: true", "waiting: 1"]);
    shows(&held, &["LockPermit"]);
    drop((held, waiting));
    shows(&lock, &["locked: false", "waiting: 0"]);

    let semaphore = DeferredSemaphore::new(2);
    let permit = value_of(semaphore.acquire());
    shows(&semaphore, &["tokens: 1", "limit: 2", "waiting: 0"]);
    drop(permit);

    let limits = QueueLimits {
        size: Some(3),
        backlog: None,
    };
    let queue = DeferredQueue::with_limits(limits);
    queue.put(1).unwrap();
    shows(&queue, &["size: Some(3)", "pending: 1", "waiting: 0"]);
}

#[test]
fn a_future_says_whether_it_is_done() {
    shows(succeed(1).into_future(), &["DeferredFuture", "done: false"]);
}
