//! Other threads send to a loop, and wake it.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use loom::{
    sync::{Mutex, atomic::AtomicBool},
    thread,
};

use super::in_all_orders;
use crate::event_loop::{Events, MessageQueue, Waiter};

fn queue() -> (Arc<Waiter>, Arc<MessageQueue<u32>>) {
    let waiter = Arc::new(Waiter::new().unwrap());
    (waiter.clone(), Arc::new(MessageQueue::new(waiter)))
}

fn wait(waiter: &Waiter) {
    waiter.wait(&mut Events::new(), None).unwrap();
}

/// Turns of a loop, until so many messages have come.
fn receive(waiter: &Waiter, queue: &MessageQueue<u32>, count: usize) -> Vec<u32> {
    let (mut messages, mut received) = (VecDeque::new(), Vec::new());
    while received.len() < count {
        wait(waiter);
        queue.receive(&mut messages);
        received.extend(messages.drain(..));
    }
    received
}

/// Two threads send 1 and 2, and 10. They come in the order of each.
fn check_two_senders(receive: fn(&Waiter, &MessageQueue<u32>) -> Vec<u32>) {
    in_all_orders(move || {
        let (waiter, queue) = queue();
        let (first, second) = (queue.clone(), queue.clone());
        thread::spawn(move || {
            first.send(1).unwrap();
            first.send(2).unwrap();
        });
        thread::spawn(move || second.send(10).unwrap());
        let mut received = receive(&waiter, &queue);
        received.retain(|message| *message != 10);
        assert_eq!(received, [1, 2]);
        assert!(queue.is_empty());
    });
}

#[test]
fn each_message_wakes_the_loop_and_comes_in_the_order_of_its_sender() {
    check_two_senders(|waiter, queue| receive(waiter, queue, 3));
}

#[test]
fn messages_that_are_taken_one_by_one_wake_the_loop() {
    check_two_senders(|waiter, queue| {
        let mut received = Vec::new();
        while received.len() < 3 {
            wait(waiter);
            let end = queue.end();
            while let Some(message) = queue.pop_before(end) {
                received.push(message);
            }
        }
        received
    });
}

#[test]
fn a_loop_that_spins_before_it_waits_misses_no_message() {
    in_all_orders(|| {
        let (waiter, queue) = queue();
        let sender = queue.clone();
        thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        let (mut messages, mut received) = (VecDeque::new(), Vec::new());
        while received.len() < 2 {
            let timeout = waiter.spin(None);
            waiter.wait(&mut Events::new(), timeout).unwrap();
            queue.receive(&mut messages);
            received.extend(messages.drain(..));
        }
        assert_eq!(received, [1, 2]);
    });
}

#[test]
fn a_wake_ends_the_wait_and_shows_what_was_done_before_it() {
    in_all_orders(|| {
        let (waiter, done) = (
            Arc::new(Waiter::new().unwrap()),
            Arc::new(AtomicBool::new(false)),
        );
        let (other, does) = (waiter.clone(), done.clone());
        thread::spawn(move || {
            does.store(true, Ordering::Relaxed);
            other.wake();
        });
        wait(&waiter);
        assert!(done.load(Ordering::Relaxed));
    });
}

#[test]
fn of_two_wakes_neither_is_lost() {
    in_all_orders(|| {
        let waiter = Arc::new(Waiter::new().unwrap());
        let flags = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        for flag in &flags {
            let (waiter, flag) = (waiter.clone(), flag.clone());
            thread::spawn(move || {
                flag.store(true, Ordering::Relaxed);
                waiter.wake();
            });
        }
        while !flags.iter().all(|flag| flag.load(Ordering::Relaxed)) {
            wait(&waiter);
        }
    });
}

#[test]
fn closing_leaves_no_message_without_an_owner() {
    in_all_orders(|| {
        let (_waiter, queue) = queue();
        let sender = queue.clone();
        let sending = thread::spawn(move || {
            let results = [1, 2].map(|message| sender.send(message));
            results.into_iter().filter_map(Result::err).collect()
        });
        let mut messages = VecDeque::new();
        queue.receive(&mut messages);
        messages.extend(queue.close());
        let refused: Vec<_> = sending.join().unwrap();
        messages.extend(refused);
        assert_eq!(messages, [1, 2]);
        assert!(queue.is_empty());
    });
}

#[test]
fn a_sender_with_a_lock_that_the_loop_needs_wakes_it_after_unlocking() {
    in_all_orders(|| {
        let (waiter, queue) = queue();
        let lock = Arc::new(Mutex::new(()));
        let (sender, held) = (queue.clone(), lock.clone());
        thread::spawn(move || {
            let guard = held.lock().unwrap();
            let wake = sender.push(1).unwrap();
            drop(guard);
            drop(wake);
        });
        let mut messages = VecDeque::new();
        while messages.is_empty() {
            wait(&waiter);
            let _guard = lock.lock().unwrap();
            queue.receive(&mut messages);
        }
        assert_eq!(messages, [1]);
    });
}

#[test]
fn a_message_that_comes_while_the_waiter_is_replaced_ends_a_wait_of_the_new_one() {
    in_all_orders(|| {
        let (_former, queue) = queue();
        let sender = queue.clone();
        thread::spawn(move || sender.send(1).unwrap());
        let waiter = Arc::new(Waiter::new().unwrap());
        queue.set_waiter(waiter.clone());
        assert_eq!(receive(&waiter, &queue, 1), [1]);
    });
}
