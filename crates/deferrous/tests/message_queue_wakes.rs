//! A burst of messages wakes whoever waits for them once. The system counts that, for a process with
//! one waiter: so this is a file of its own.

#![cfg(feature = "reactor")]
#![cfg(all(target_os = "linux", not(portable_poller)))]

mod reactor_support;

use std::{
    collections::VecDeque,
    fs,
    sync::{Arc, mpsc},
    thread,
};

use deferrous::event_loop::{Events, MessageQueue, Waiter};
use reactor_support::{ms, scale, within_a_minute};

/// How often the poller was woken: nobody reads its eventfd, which adds up.
fn wakes() -> u64 {
    let counts = fs::read_dir("/proc/self/fdinfo")
        .unwrap()
        .filter_map(|entry| {
            let info = fs::read_to_string(entry.ok()?.path()).ok()?;
            let count = info
                .lines()
                .find_map(|line| line.strip_prefix("eventfd-count:"))?;
            Some(u64::from_str_radix(count.trim(), 16).unwrap())
        });
    let counts: Vec<_> = counts.collect();
    assert_eq!(counts.len(), 1, "one waiter has one eventfd");
    counts[0]
}

#[test]
fn a_burst_wakes_at_most_once_for_each_wait() {
    within_a_minute(|| {
        const BURST: usize = 500;
        let waiter = Arc::new(Waiter::new().unwrap());
        let queue = MessageQueue::new(waiter.clone());
        let (mut events, mut messages) = (Events::new(), VecDeque::new());
        assert_eq!(wakes(), 0);
        thread::scope(|scope| {
            scope.spawn(|| queue.push(0).unwrap().cancel());
            waiter.wait(&mut events, Some(ms(20))).unwrap();
        });
        queue.receive(&mut messages);
        assert_eq!((messages.len(), wakes()), (1, 0));
        messages.clear();
        let (next, go) = mpsc::channel();
        thread::scope(|scope| {
            let queue = &queue;
            scope.spawn(move || {
                for one_by_one in go {
                    if one_by_one {
                        (0..BURST).for_each(|n| queue.send(n).unwrap());
                    } else {
                        let wakes: Vec<_> = (0..BURST).map(|n| queue.push(n).unwrap()).collect();
                        drop(wakes);
                    }
                }
            });
            let mut waits = 0;
            for round in 0..scale::many(500) {
                next.send(round % 2 == 0).unwrap();
                let mut received = 0;
                while received < BURST {
                    waiter.wait(&mut events, None).unwrap();
                    waits += 1;
                    queue.receive(&mut messages);
                    received += messages.len();
                    messages.clear();
                }
            }
            drop(next);
            assert!(
                (1..=waits).contains(&wakes()),
                "{} wakes, {waits} waits",
                wakes()
            );
        });
    });
}
