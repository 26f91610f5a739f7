//! A burst of messages wakes whoever waits for them once. The system counts that, for a process with
//! one inbox: so this is a file of its own.
#![cfg(all(target_os = "linux", not(portable_poller)))]

mod reactor_support;

use std::{fs, sync::mpsc, thread};

use deferrous::event_loop::{Events, Inbox};
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
    assert_eq!(counts.len(), 1, "one inbox has one eventfd");
    counts[0]
}

#[test]
fn a_burst_wakes_at_most_once_for_each_wait() {
    within_a_minute(|| {
        const BURST: usize = 500;
        let (inbox, mut events, mut messages) = (Inbox::new().unwrap(), Events::new(), Vec::new());
        assert_eq!(wakes(), 0);
        thread::scope(|scope| {
            scope.spawn(|| inbox.push(0).unwrap());
            inbox.wait(&mut events, Some(ms(20))).unwrap();
        });
        inbox.receive(&mut messages);
        assert_eq!((messages.len(), wakes()), (1, 0));
        messages.clear();
        let (next, go) = mpsc::channel();
        thread::scope(|scope| {
            let inbox = &inbox;
            scope.spawn(move || {
                for one_by_one in go {
                    if one_by_one {
                        (0..BURST).for_each(|n| inbox.send(n).unwrap());
                    } else {
                        (0..BURST).for_each(|n| inbox.push(n).unwrap());
                        inbox.notify();
                    }
                }
            });
            let mut waits = 0;
            for round in 0..scale::many(500) {
                next.send(round % 2 == 0).unwrap();
                let mut received = 0;
                while received < BURST {
                    inbox.wait(&mut events, None).unwrap();
                    waits += 1;
                    inbox.receive(&mut messages);
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
