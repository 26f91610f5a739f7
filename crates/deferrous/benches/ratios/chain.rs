//! Callbacks on a Deferred, against combinators and tasks on a oneshot channel.

use std::{cell::Cell, hint::black_box};

use deferrous::{Deferred, deferred, succeed};
use futures::{
    FutureExt,
    channel::oneshot,
    executor::LocalPool,
    future::{self, LocalBoxFuture},
    task::LocalSpawnExt,
};
use tokio::task::spawn_local;

use crate::{
    coroutine::{Tokio, in_local_set},
    harness::{Case, Pair},
};

pub const CASES: &[Case] = &[
    Case {
        name: "chain: one link, then fire",
        peer: "futures: oneshot, map, LocalPool",
        target: Some(1.5),
        make: one_link,
    },
    Case {
        name: "chain: ten links, then fire",
        peer: "futures: ten boxed maps",
        target: Some(1.5),
        make: ten_links,
    },
    Case {
        name: "chain: ten links on a fired one",
        peer: "futures: sent oneshot, ten boxed maps",
        target: Some(1.5),
        make: ten_links_on_fired,
    },
    Case {
        name: "chain: ten links on succeed",
        peer: "futures: ready and ten boxed maps",
        target: None,
        make: ten_links_on_succeed,
    },
    Case {
        name: "chain: ten links, peer not boxed",
        peer: "futures: ten maps in one expression",
        target: None,
        make: ten_links_static_peer,
    },
    Case {
        name: "chain: the whole life",
        peer: "tokio LocalSet: a task with ten steps",
        target: Some(1.0),
        make: whole_life,
    },
];

const OPS: u32 = 100;

/// Where the last link puts its value, so that no side can leave out its work.
pub type Sink = &'static Cell<u64>;

pub fn sink() -> Sink {
    Box::leak(Box::default())
}

/// One step of a chain: a small closure over one word.
fn step(k: u64) -> impl FnOnce(u64) -> u64 {
    move |n| black_box(n + k)
}

/// The last step.
fn store(sink: Sink) -> impl FnOnce(u64) {
    move |n| sink.set(sink.get() + n)
}

fn add_ten(d: Deferred<u64>, k: u64, sink: Sink) -> Deferred<()> {
    d.map(step(k))
        .map(step(k))
        .map(step(k))
        .map(step(k))
        .map(step(k))
        .map(step(k))
        .map(step(k))
        .map(step(k))
        .map(step(k))
        .map(store(sink))
}

/// Boxed after each step, as where a function adds a step to a future that it was given.
/// `LocalPool` boxes the last.
fn add_ten_boxed(
    future: LocalBoxFuture<'static, u64>,
    k: u64,
    sink: Sink,
) -> impl Future<Output = ()> + use<> {
    let boxed = |future: LocalBoxFuture<'static, u64>| future.map(step(k)).boxed_local();
    let future = (0..8).fold(future, |future, _| boxed(future));
    future.map(store(sink))
}

/// `futures` has an executor for one thread, made for this: tasks are spawned on it and run until
/// none can go on. The pool and its spawner are made once.
///
/// The receiver is polled for the first time after the sending, which saves the peer its waker; a
/// program that really waits would pay for it.
fn one_link() -> Pair {
    let out = sink();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    Pair {
        ops: OPS,
        ours: Box::new(move || {
            for n in 0..u64::from(OPS) {
                let (trigger, d) = deferred::<u64>();
                let end = d.map(store(out));
                trigger.callback(black_box(n)).unwrap();
                drop(end);
            }
        }),
        peer: Box::new(move || {
            for n in 0..u64::from(OPS) {
                let (sender, receiver) = oneshot::channel::<u64>();
                let store = store(out);
                let end = receiver.map(move |n| store(n.unwrap()));
                spawner.spawn_local(end).unwrap();
                sender.send(black_box(n)).unwrap();
                pool.run_until_stalled();
            }
        }),
    }
}

fn ours_ten(out: Sink) -> impl FnMut() {
    move || {
        let k = black_box(3);
        for n in 0..u64::from(OPS) {
            let (trigger, d) = deferred::<u64>();
            let end = add_ten(d, k, out);
            trigger.callback(black_box(n)).unwrap();
            drop(end);
        }
    }
}

fn ten_links() -> Pair {
    let out = sink();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    Pair {
        ops: OPS,
        ours: Box::new(ours_ten(out)),
        peer: Box::new(move || {
            let k = black_box(3);
            for n in 0..u64::from(OPS) {
                let (sender, receiver) = oneshot::channel::<u64>();
                let first = receiver.map(move |n| step(k)(n.unwrap())).boxed_local();
                spawner.spawn_local(add_ten_boxed(first, k, out)).unwrap();
                sender.send(black_box(n)).unwrap();
                pool.run_until_stalled();
            }
        }),
    }
}

/// Both have their value before the first link is added.
fn ten_links_on_fired() -> Pair {
    let out = sink();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    Pair {
        ops: OPS,
        ours: Box::new(move || {
            let k = black_box(3);
            for n in 0..u64::from(OPS) {
                let (trigger, d) = deferred::<u64>();
                trigger.callback(black_box(n)).unwrap();
                drop(add_ten(d, k, out));
            }
        }),
        peer: Box::new(move || {
            let k = black_box(3);
            for n in 0..u64::from(OPS) {
                let (sender, receiver) = oneshot::channel::<u64>();
                sender.send(black_box(n)).unwrap();
                let first = receiver.map(move |n| step(k)(n.unwrap())).boxed_local();
                spawner.spawn_local(add_ten_boxed(first, k, out)).unwrap();
                pool.run_until_stalled();
            }
        }),
    }
}

/// What is made with its value, `succeed` against `future::ready`, which is the cheapest future
/// there is.
fn ten_links_on_succeed() -> Pair {
    let out = sink();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    Pair {
        ops: OPS,
        ours: Box::new(move || {
            let k = black_box(3);
            for n in 0..u64::from(OPS) {
                drop(add_ten(succeed(black_box(n)), k, out));
            }
        }),
        peer: Box::new(move || {
            let k = black_box(3);
            for n in 0..u64::from(OPS) {
                let first = future::ready(black_box(n)).map(step(k)).boxed_local();
                spawner.spawn_local(add_ten_boxed(first, k, out)).unwrap();
                pool.run_until_stalled();
            }
        }),
    }
}

/// Where all steps are written in one place, the compiler makes one future of them. No target: a
/// Deferred cannot know its chain beforehand.
fn ten_links_static_peer() -> Pair {
    let out = sink();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    Pair {
        ops: OPS,
        ours: Box::new(ours_ten(out)),
        peer: Box::new(move || {
            let k = black_box(3);
            for n in 0..u64::from(OPS) {
                let (sender, receiver) = oneshot::channel::<u64>();
                let end = receiver
                    .map(move |n| step(k)(n.unwrap()))
                    .map(step(k))
                    .map(step(k))
                    .map(step(k))
                    .map(step(k))
                    .map(step(k))
                    .map(step(k))
                    .map(step(k))
                    .map(step(k))
                    .map(store(out));
                spawner.spawn_local(end).unwrap();
                sender.send(black_box(n)).unwrap();
                pool.run_until_stalled();
            }
        }),
    }
}

/// A task per value that does its ten steps in a row after one wait. See [`in_local_set`] for how
/// it is driven.
fn whole_life() -> Pair {
    let out = sink();
    let tokio = Tokio::new();
    Pair {
        ops: OPS,
        ours: Box::new(ours_ten(out)),
        peer: Box::new(move || {
            in_local_set(&tokio, async move {
                let k = black_box(3);
                for n in 0..u64::from(OPS) {
                    let (sender, receiver) = tokio::sync::oneshot::channel::<u64>();
                    let task = spawn_local(async move {
                        let mut n = receiver.await.unwrap();
                        for _ in 0..9 {
                            n = step(k)(n);
                        }
                        store(out)(n);
                    });
                    sender.send(black_box(n)).unwrap();
                    task.await.unwrap();
                }
            });
        }),
    }
}
