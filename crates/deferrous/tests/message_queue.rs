//! Messages from other threads reach the one that waits for them.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    collections::VecDeque,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use deferrous::event_loop::{Events, Interest, MessageQueue, Waiter};
use reactor_support::{HOUR, ms, scale, within_a_minute};

/// A queue and what its receiver waits by.
struct Inbox<M> {
    queue: MessageQueue<M>,
    waiter: Arc<Waiter>,
}

impl<M> Inbox<M> {
    fn new() -> Self {
        let waiter = Arc::new(Waiter::new().unwrap());
        Inbox {
            queue: MessageQueue::new(waiter.clone()),
            waiter,
        }
    }

    /// Waits for messages until there are as many, and returns them.
    fn receive(&self, many: usize) -> Vec<M> {
        let (mut events, mut messages, mut all) = (Events::new(), VecDeque::new(), Vec::new());
        while all.len() < many {
            self.waiter.wait(&mut events, None).unwrap();
            self.queue.receive(&mut messages);
            all.extend(messages.drain(..));
        }
        all
    }
}

#[test]
fn messages_of_many_threads_all_arrive_in_the_order_of_each() {
    within_a_minute(|| {
        const THREADS: usize = 4;
        let each = scale::many(20_000) as usize;
        let inbox = Inbox::new();
        let mut expected = [0; THREADS];
        thread::scope(|scope| {
            for sender in 0..THREADS {
                let inbox = &inbox;
                scope.spawn(move || (0..each).for_each(|n| inbox.queue.send((sender, n)).unwrap()));
            }
            for (sender, n) in inbox.receive(THREADS * each) {
                assert_eq!(n, expected[sender]);
                expected[sender] += 1;
            }
        });
        assert_eq!(expected, [each; THREADS]);
        assert!(inbox.queue.is_empty());
    });
}

#[test]
fn one_message_at_a_time_always_wakes() {
    within_a_minute(|| {
        let (ping, pong) = (Inbox::new(), Inbox::new());
        let rounds = scale::many(10_000);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..rounds {
                    pong.queue.send(ping.receive(1)[0] + 1).unwrap();
                }
            });
            for n in 0..rounds {
                ping.queue.send(n).unwrap();
                assert_eq!(pong.receive(1), [n + 1]);
            }
        });
    });
}

#[test]
fn one_message_at_a_time_reaches_a_receiver_that_spins() {
    within_a_minute(|| {
        let (ping, pong) = (Inbox::new(), Inbox::new());
        let receive = |inbox: &Inbox<u32>| {
            inbox.waiter.spin(None);
            inbox.receive(1)[0]
        };
        let rounds = scale::many(10_000);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..rounds {
                    drop(pong.queue.push(receive(&ping) + 1).unwrap());
                }
            });
            for n in 0..rounds {
                ping.queue.send(n).unwrap();
                assert_eq!(receive(&pong), n + 1);
            }
        });
    });
}

#[test]
fn it_does_not_wait_when_a_message_is_there() {
    within_a_minute(|| {
        let (inbox, mut events) = (Inbox::new(), Events::new());
        inbox.queue.send("there").unwrap();
        for timeout in [None, Some(HOUR), Some(Duration::ZERO)] {
            assert!(!inbox.queue.is_empty());
            inbox.waiter.spin(timeout);
            inbox.waiter.wait(&mut events, timeout).unwrap();
        }
        assert_eq!(inbox.receive(1), ["there"]);
    });
}

#[test]
fn messages_that_were_there_before_the_wait_leave_no_wake_behind() {
    within_a_minute(|| {
        let (inbox, mut events) = (Inbox::new(), Events::new());
        inbox.waiter.wait(&mut events, Some(ms(1))).unwrap();
        (0..100).for_each(|n| inbox.queue.send(n).unwrap());
        inbox.waiter.wake();
        assert_eq!(inbox.receive(100), Vec::from_iter(0..100));
        let began = Instant::now();
        inbox.waiter.wait(&mut events, Some(ms(20))).unwrap();
        assert!(began.elapsed() >= ms(20));
    });
}

#[test]
fn a_wake_ends_the_wait_without_a_message() {
    within_a_minute(|| {
        let (inbox, barrier) = (Arc::new(Inbox::<()>::new()), Arc::new(Barrier::new(2)));
        let (waiting, ready) = (inbox.clone(), barrier.clone());
        let waiter = thread::spawn(move || {
            ready.wait();
            waiting.waiter.wait(&mut Events::new(), Some(HOUR)).unwrap();
        });
        barrier.wait();
        while !waiter.is_finished() {
            inbox.waiter.wake();
            thread::sleep(Duration::from_micros(50));
        }
        waiter.join().unwrap();
        assert!(inbox.queue.is_empty());
    });
}

#[test]
fn a_wake_before_the_wait_ends_that_one_and_no_other() {
    within_a_minute(|| {
        let (inbox, mut events) = (Inbox::<()>::new(), Events::new());
        inbox.waiter.wake();
        inbox.waiter.wake();
        inbox.waiter.wait(&mut events, None).unwrap();
        let began = Instant::now();
        inbox.waiter.wait(&mut events, Some(ms(20))).unwrap();
        assert!(began.elapsed() >= ms(20));
    });
}

#[test]
fn a_closed_queue_gives_back_what_is_left_and_what_comes() {
    let inbox = Inbox::new();
    inbox.queue.send(1).unwrap();
    inbox.queue.send(2).unwrap();
    assert!(!inbox.queue.is_closed());
    assert_eq!(inbox.queue.close(), [1, 2]);
    assert!(inbox.queue.is_closed() && inbox.queue.is_empty());
    assert_eq!(inbox.queue.send(3), Err(3));
    assert_eq!(inbox.queue.push(4).map(drop), Err(4));
    assert!(inbox.queue.is_empty());
    assert_eq!(inbox.queue.close(), []);
}

#[test]
fn each_message_is_received_or_given_back_when_it_closes() {
    within_a_minute(|| {
        for _ in 0..200 {
            let inbox = Inbox::new();
            let (accepted, got) = thread::scope(|scope| {
                let senders: Vec<_> = (0..3)
                    .map(|_| {
                        scope.spawn(|| (0..500).filter(|&n| inbox.queue.send(n).is_ok()).count())
                    })
                    .collect();
                let mut got = inbox.receive(100).len();
                got += inbox.queue.close().len();
                let accepted = senders.into_iter().map(|thread| thread.join().unwrap());
                (accepted.sum::<usize>(), got)
            });
            assert_eq!(accepted, got);
        }
    });
}

#[test]
fn an_event_of_a_broken_connection_says_only_what_was_asked() {
    within_a_minute(|| {
        for readable in [true, false] {
            let inbox = Inbox::<()>::new();
            let (near, far) = UnixStream::pair().unwrap();
            let interest = Interest {
                readable,
                writable: !readable,
                urgent: false,
            };
            inbox
                .waiter
                .poller()
                .add(near.as_fd(), 7, interest)
                .unwrap();
            drop(far);
            let mut events = Events::new();
            while events.iter().next().is_none() {
                inbox.waiter.wait(&mut events, None).unwrap();
            }
            let event = events.iter().next().unwrap();
            assert_eq!(
                (event.key, event.readable, event.writable),
                (7, readable, !readable)
            );
        }
    });
}

#[test]
fn a_child_process_waits_by_another_waiter_for_the_same_messages() {
    within_a_minute(|| {
        let inbox = Inbox::new();
        inbox.queue.send(1).unwrap();
        drop(inbox.waiter);
        let inherited = inbox.queue.take_waiter().map(Arc::try_unwrap);
        inherited.unwrap().unwrap().abandon();
        inbox.queue.send(2).unwrap();
        assert!(inbox.queue.waiter().is_none());
        let waiter = Arc::new(Waiter::new().unwrap());
        inbox.queue.set_waiter(waiter.clone());
        let child = Inbox {
            queue: inbox.queue,
            waiter,
        };
        assert_eq!(child.receive(2), [1, 2]);
    });
}

#[test]
fn a_dropped_push_wakes_unless_it_was_cancelled() {
    within_a_minute(|| {
        let inbox = Inbox::new();
        inbox.queue.push(1).unwrap().cancel();
        // Nobody was to be woken, but the message is there.
        inbox.waiter.wait(&mut Events::new(), None).unwrap();
        thread::scope(|scope| {
            let push = inbox.queue.push(2).unwrap();
            scope.spawn(|| {
                thread::sleep(ms(1));
                drop(push);
            });
            assert_eq!(inbox.receive(2), [1, 2]);
        });
    });
}

#[test]
fn messages_are_popped_one_by_one_up_to_those_of_the_beginning() {
    let inbox = Inbox::new();
    (0..3).for_each(|n| inbox.queue.send(n).unwrap());
    let outer = inbox.queue.end();
    assert_eq!(inbox.queue.pop_before(outer), Some(0));
    inbox.queue.send(3).unwrap();
    // A turn within the turn takes what is left, and what has come since.
    let inner = inbox.queue.end();
    let rest: Vec<_> = std::iter::from_fn(|| inbox.queue.pop_before(inner)).collect();
    assert_eq!(rest, [1, 2, 3]);
    inbox.queue.send(4).unwrap();
    assert_eq!(inbox.queue.pop_before(outer), None);
    assert!(!inbox.queue.is_empty());
}

#[test]
fn waiting_messages_can_be_replaced() {
    let inbox = Inbox::new();
    (0..4).for_each(|n| inbox.queue.send(n).unwrap());
    assert_eq!(inbox.queue.splice(1, 3, vec![7, 8, 9]), [1, 2]);
    assert_eq!(inbox.queue.splice(9, 12, vec![10]), []);
    assert_eq!(inbox.queue.peek(VecDeque::clone), [0, 7, 8, 9, 3, 10]);
}

#[test]
fn a_queue_without_a_waiter_keeps_its_messages_for_the_first() {
    within_a_minute(|| {
        let queue = MessageQueue::without_waiter();
        assert!(queue.waiter().is_none());
        queue.send("early").unwrap();
        let waiter = Arc::new(Waiter::new().unwrap());
        queue.set_waiter(waiter.clone());
        let (mut events, mut messages) = (Events::new(), VecDeque::new());
        waiter.wait(&mut events, Some(HOUR)).unwrap();
        queue.receive(&mut messages);
        assert_eq!(messages, ["early"]);
    });
}
