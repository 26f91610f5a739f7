//! Messages from other threads reach the one that waits for them.

mod reactor_support;

use std::{
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use deferrous::event_loop::{Events, Inbox, Interest};
use reactor_support::{HOUR, ms, scale, within_a_minute};

/// Waits for messages until there are as many, and returns them.
fn receive<M>(inbox: &Inbox<M>, many: usize) -> Vec<M> {
    let (mut events, mut messages, mut all) = (Events::new(), Vec::new(), Vec::new());
    while all.len() < many {
        inbox.wait(&mut events, None).unwrap();
        inbox.receive(&mut messages);
        all.append(&mut messages);
    }
    all
}

#[test]
fn messages_of_many_threads_all_arrive_in_the_order_of_each() {
    within_a_minute(|| {
        const THREADS: usize = 4;
        let each = scale::many(20_000) as usize;
        let inbox = Inbox::new().unwrap();
        let mut expected = [0; THREADS];
        thread::scope(|scope| {
            for sender in 0..THREADS {
                let inbox = &inbox;
                scope.spawn(move || (0..each).for_each(|n| inbox.send((sender, n)).unwrap()));
            }
            for (sender, n) in receive(&inbox, THREADS * each) {
                assert_eq!(n, expected[sender]);
                expected[sender] += 1;
            }
        });
        assert_eq!(expected, [each; THREADS]);
        assert!(inbox.is_empty());
    });
}

#[test]
fn one_message_at_a_time_always_wakes() {
    within_a_minute(|| {
        let (ping, pong) = (Inbox::new().unwrap(), Inbox::new().unwrap());
        let rounds = scale::many(10_000);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..rounds {
                    pong.send(receive(&ping, 1)[0] + 1).unwrap();
                }
            });
            for n in 0..rounds {
                ping.send(n).unwrap();
                assert_eq!(receive(&pong, 1), [n + 1]);
            }
        });
    });
}

#[test]
fn one_message_at_a_time_reaches_who_lingers() {
    within_a_minute(|| {
        let (ping, pong) = (Inbox::new().unwrap(), Inbox::new().unwrap());
        let receive = |inbox: &Inbox<u32>| {
            inbox.linger(None);
            receive(inbox, 1)[0]
        };
        let rounds = scale::many(10_000);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..rounds {
                    pong.push(receive(&ping) + 1).unwrap();
                    pong.notify();
                }
            });
            for n in 0..rounds {
                ping.send(n).unwrap();
                assert_eq!(receive(&pong), n + 1);
            }
        });
    });
}

#[test]
fn it_does_not_wait_when_a_message_is_there() {
    within_a_minute(|| {
        let (inbox, mut events) = (Inbox::new().unwrap(), Events::new());
        inbox.send("there").unwrap();
        for timeout in [None, Some(HOUR), Some(Duration::ZERO)] {
            assert!(!inbox.is_empty());
            inbox.linger(timeout);
            inbox.wait(&mut events, timeout).unwrap();
        }
        assert_eq!(receive(&inbox, 1), ["there"]);
    });
}

#[test]
fn messages_that_were_there_before_the_wait_leave_no_wake_behind() {
    within_a_minute(|| {
        let (inbox, mut events) = (Inbox::new().unwrap(), Events::new());
        inbox.wait(&mut events, Some(ms(1))).unwrap();
        (0..100).for_each(|n| inbox.send(n).unwrap());
        inbox.wake();
        assert_eq!(receive(&inbox, 100), Vec::from_iter(0..100));
        let began = Instant::now();
        inbox.wait(&mut events, Some(ms(20))).unwrap();
        assert!(began.elapsed() >= ms(20));
    });
}

#[test]
fn a_wake_ends_the_wait_without_a_message() {
    within_a_minute(|| {
        let (inbox, barrier) = (
            Arc::new(Inbox::<()>::new().unwrap()),
            Arc::new(Barrier::new(2)),
        );
        let (waiting, ready) = (inbox.clone(), barrier.clone());
        let waiter = thread::spawn(move || {
            ready.wait();
            waiting.wait(&mut Events::new(), Some(HOUR)).unwrap();
        });
        barrier.wait();
        while !waiter.is_finished() {
            inbox.wake();
            thread::sleep(Duration::from_micros(50));
        }
        waiter.join().unwrap();
        assert!(inbox.is_empty());
    });
}

#[test]
fn a_wake_before_the_wait_ends_that_one_and_no_other() {
    within_a_minute(|| {
        let (inbox, mut events) = (Inbox::<()>::new().unwrap(), Events::new());
        inbox.wake();
        inbox.wake();
        inbox.wait(&mut events, None).unwrap();
        let began = Instant::now();
        inbox.wait(&mut events, Some(ms(20))).unwrap();
        assert!(began.elapsed() >= ms(20));
    });
}

#[test]
fn a_closed_inbox_gives_back_what_is_left_and_what_comes() {
    let inbox = Inbox::new().unwrap();
    inbox.send(1).unwrap();
    inbox.send(2).unwrap();
    assert!(!inbox.is_closed());
    assert_eq!(inbox.close(), [1, 2]);
    assert!(inbox.is_closed() && inbox.is_empty());
    assert_eq!((inbox.send(3), inbox.push(4)), (Err(3), Err(4)));
    assert!(inbox.is_empty());
    assert_eq!(inbox.close(), []);
}

#[test]
fn each_message_is_received_or_given_back_when_it_closes() {
    within_a_minute(|| {
        for _ in 0..200 {
            let inbox = Inbox::new().unwrap();
            let (accepted, got) = thread::scope(|scope| {
                let senders: Vec<_> = (0..3)
                    .map(|_| scope.spawn(|| (0..500).filter(|&n| inbox.send(n).is_ok()).count()))
                    .collect();
                let mut got = receive(&inbox, 100).len();
                got += inbox.close().len();
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
            let inbox = Inbox::<()>::new().unwrap();
            let (near, far) = UnixStream::pair().unwrap();
            let interest = Interest {
                readable,
                writable: !readable,
                urgent: false,
            };
            inbox.poller().add(near.as_fd(), 7, interest).unwrap();
            drop(far);
            let mut events = Events::new();
            while events.iter().next().is_none() {
                inbox.wait(&mut events, None).unwrap();
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
fn an_abandoned_inbox_drops_its_messages() {
    let (message, inbox) = (Arc::new(()), Inbox::new().unwrap());
    inbox.send(message.clone()).unwrap();
    inbox.abandon();
    assert_eq!(Arc::strong_count(&message), 1);
}
