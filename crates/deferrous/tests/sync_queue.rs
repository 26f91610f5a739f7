//! What one side puts in, the other gets, whoever comes first.

mod support;

use deferrous::{
    Abandoned, Cancelled, DeferredQueue, QueueLimits, QueueOverflow, QueueUnderflow,
    capture_unhandled,
};
use support::{Dropped, Trace, failure_of, value_of};

fn bounded(size: Option<usize>, backlog: Option<usize>) -> DeferredQueue<i32> {
    DeferredQueue::with_limits(QueueLimits { size, backlog })
}

#[test]
fn what_was_put_first_is_got_first() {
    let queue = DeferredQueue::new();
    for item in 0..3 {
        queue.put(item).unwrap();
    }
    assert_eq!(queue.pending(), 3);
    for item in 0..3 {
        assert_eq!(value_of(queue.get().unwrap()), item);
    }
    assert_eq!(queue.pending(), 0);
}

#[test]
fn who_waits_longest_gets_the_next_item() {
    let queue = DeferredQueue::new();
    let waiting: Vec<_> = (0..3).map(|_| queue.get().unwrap()).collect();
    assert_eq!(queue.waiting(), 3);
    for item in 0..3 {
        queue.put(item).unwrap();
    }
    let items: Vec<_> = waiting.into_iter().map(value_of).collect();
    assert_eq!(items, [0, 1, 2]);
    assert_eq!((queue.waiting(), queue.pending()), (0, 0));
}

#[test]
fn the_waiters_callbacks_run_before_put_returns() {
    let trace = Trace::new();
    let queue = DeferredQueue::new();
    let d = queue.get().unwrap().add_both(trace.both("got"));
    queue.put(1).unwrap();
    assert_eq!(trace.take(), ["got value 1"]);
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_full_queue_refuses_and_gives_the_item_back() {
    let queue = bounded(Some(2), None);
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    assert_eq!(queue.put(3), Err(QueueOverflow(3)));
    assert_eq!(value_of(queue.get().unwrap()), 1);
    queue.put(4).unwrap();
    assert_eq!(value_of(queue.get().unwrap()), 2);
    assert_eq!(value_of(queue.get().unwrap()), 4);
}

#[test]
fn a_queue_of_size_zero_only_hands_over() {
    let queue = bounded(Some(0), None);
    assert_eq!(queue.put(1), Err(QueueOverflow(1)));
    let waiting = queue.get().unwrap();
    queue.put(2).unwrap();
    assert_eq!(value_of(waiting), 2);
    assert_eq!(queue.put(3), Err(QueueOverflow(3)));
}

#[test]
fn too_many_that_wait_are_refused() {
    let queue = bounded(None, Some(1));
    let waiting = queue.get().unwrap();
    assert_eq!(queue.get().unwrap_err(), QueueUnderflow);
    queue.put(1).unwrap();
    assert_eq!(value_of(waiting), 1);
    let again = queue.get().unwrap();
    assert_eq!(queue.waiting(), 1);
    queue.put(2).unwrap();
    assert_eq!(value_of(again), 2);
}

#[test]
fn a_backlog_of_zero_still_gives_what_is_there() {
    let queue = bounded(None, Some(0));
    assert!(queue.get().is_err());
    queue.put(1).unwrap();
    assert_eq!(value_of(queue.get().unwrap()), 1);
}

#[test]
fn cancelling_what_was_got_does_nothing() {
    let queue = DeferredQueue::new();
    queue.put(1).unwrap();
    let got = queue.get().unwrap();
    got.cancel();
    assert_eq!(value_of(got), 1);
}

#[test]
fn waiters_of_a_queue_that_is_gone_are_abandoned() {
    let queue = DeferredQueue::<i32>::new();
    let other = queue.clone();
    let waiting = queue.get().unwrap();
    drop(queue);
    assert!(!waiting.is_called());
    drop(other);
    assert!(failure_of(waiting).check::<Abandoned>());
}

#[test]
fn cancelling_after_the_queue_is_gone_does_nothing() {
    let captured = capture_unhandled();
    let queue = DeferredQueue::<i32>::default();
    let waiting = queue.get().unwrap();
    let handle = waiting.cancel_handle();
    drop(queue);
    handle.cancel();
    assert!(failure_of(waiting).check::<Abandoned>());
    assert!(captured.take().is_empty());
}

#[test]
fn a_waiter_may_put_and_get_from_its_callback() {
    let trace = Trace::new();
    let queue = DeferredQueue::new();
    let (own, seen) = (queue.clone(), trace.clone());
    let d = queue.get().unwrap().add_callback(move |n: i32| {
        own.put(n + 1).unwrap();
        seen.note(own.pending());
        own.get().unwrap()
    });
    queue.put(1).unwrap();
    assert_eq!(trace.take(), ["1"]);
    assert_eq!(value_of(d), 2);
    assert_eq!(queue.pending(), 0);
}

#[test]
fn items_left_in_a_queue_are_dropped_with_it() {
    let trace = Trace::new();
    let queue = DeferredQueue::new();
    assert!(queue.put(Dropped(trace.clone(), "left")).is_ok());
    drop(queue);
    assert_eq!(trace.take(), ["dropped left"]);
}

#[test]
fn the_errors_say_what_to_do() {
    assert!(QueueOverflow(1).to_string().contains("full"));
    assert!(QueueUnderflow.to_string().contains("wait"));
    let refused = bounded(Some(0), None).put(1).unwrap_err();
    assert_eq!(
        deferrous::Failure::from(refused).to_string(),
        refused.to_string()
    );
}

#[test]
fn cancelling_a_waiter_gives_up_its_place() {
    let queue = bounded(None, Some(2));
    let first = queue.get().unwrap();
    let second = queue.get().unwrap();
    first.cancel();
    assert_eq!(queue.waiting(), 1);
    let third = queue.get().unwrap();
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    assert!(failure_of(first).check::<Cancelled>());
    assert_eq!(value_of(second), 1);
    assert_eq!(value_of(third), 2);
}

#[test]
fn an_item_does_not_go_to_a_get_that_was_dropped() {
    let queue = DeferredQueue::new();
    drop(queue.get().unwrap());
    queue.put(1).unwrap();
    assert_eq!((queue.pending(), queue.waiting()), (1, 0));
    assert_eq!(value_of(queue.get().unwrap()), 1);
}
