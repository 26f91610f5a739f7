//! The items of a queue as a stream, with the feature `futures`.
#![cfg(feature = "futures")]

mod support;

use deferrous::{DeferredQueue, QueueLimits, QueueUnderflow, spawn};
use futures::{FutureExt, StreamExt};
use support::value_of;

#[test]
fn items_come_in_order_whether_they_are_there_or_come_later() {
    let queue = DeferredQueue::new();
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    let mut stream = queue.stream();
    let sum = spawn(async move {
        let mut items = Vec::new();
        while items.len() < 4 {
            items.push(stream.next().await.unwrap()?);
        }
        Ok(items)
    });
    queue.put(3).unwrap();
    assert!(!sum.is_called());
    queue.put(4).unwrap();
    assert_eq!(value_of(sum), [1, 2, 3, 4]);
}

#[test]
fn a_stream_that_is_dropped_gives_up_its_place() {
    let queue = DeferredQueue::new();
    let mut stream = queue.stream();
    assert!(stream.next().now_or_never().is_none());
    assert_eq!(queue.waiting(), 1);
    assert!(format!("{stream:?}").contains("waiting: true"));
    drop(stream);
    assert_eq!(queue.waiting(), 0);
    queue.put(1).unwrap();
    assert_eq!(value_of(queue.get().unwrap()), 1);
}

#[test]
fn a_next_that_is_dropped_loses_no_item() {
    let queue = DeferredQueue::new();
    let mut stream = queue.stream();
    assert!(stream.next().now_or_never().is_none());
    queue.put(1).unwrap();
    let item = stream.next().now_or_never().unwrap();
    assert_eq!(item.unwrap().unwrap(), 1);
}

#[test]
fn a_backlog_that_is_full_is_an_error_of_the_stream() {
    let limits = QueueLimits {
        size: None,
        backlog: Some(0),
    };
    let queue = DeferredQueue::<u8>::with_limits(limits);
    let mut stream = queue.stream();
    let refused = stream.next().now_or_never().unwrap().unwrap().unwrap_err();
    assert!(refused.check::<QueueUnderflow>());
    queue.put(1).unwrap();
    let item = stream.next().now_or_never().unwrap();
    assert_eq!(item.unwrap().unwrap(), 1);
}
