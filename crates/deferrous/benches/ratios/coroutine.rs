//! Coroutines over Deferreds, against tasks over oneshot channels.

use std::hint::black_box;

use async_executor::LocalExecutor;
use deferrous::{deferred, spawn};
use futures::{channel::oneshot, executor::LocalPool, task::LocalSpawnExt};

use crate::{
    chain::{Sink, sink},
    harness::{Case, Pair},
};

pub const CASES: &[Case] = &[
    Case::new(
        "coroutine: ten waits",
        "async-executor, async-oneshot",
        on_local_executor,
    )
    .at_least(1.3),
    Case::new(
        "coroutine: ten waits",
        "futures: LocalPool, oneshot",
        on_local_pool,
    ),
];

const OPS: u32 = 100;
const WAITS: usize = 10;

/// A coroutine that waits for ten values, one after the other. They come one by one: each has been
/// used before the next is there, as with replies from a network.
fn ours(out: Sink) -> Box<dyn FnMut()> {
    Box::new(move || {
        for n in 0..u64::from(OPS) {
            let (triggers, waits): (Vec<_>, Vec<_>) = (0..WAITS).map(|_| deferred::<u64>()).unzip();
            let end = spawn(async move {
                for d in waits {
                    out.set(out.get() + d.await?);
                }
                Ok(())
            });
            for trigger in triggers {
                trigger.callback(black_box(n)).unwrap();
            }
            end.into_result().unwrap().unwrap();
        }
    })
}

/// A task does the same. It runs after each sending, until it waits again.
fn on_local_executor() -> Pair {
    let out = sink();
    let executor = LocalExecutor::new();
    Pair {
        ops: OPS,
        ours: ours(out),
        peer: Box::new(move || {
            for n in 0..u64::from(OPS) {
                let (senders, waits): (Vec<_>, Vec<_>) =
                    (0..WAITS).map(|_| async_oneshot::oneshot::<u64>()).unzip();
                let task = executor.spawn(async move {
                    for receiver in waits {
                        out.set(out.get() + receiver.await.unwrap());
                    }
                });
                while executor.try_tick() {}
                for mut sender in senders {
                    sender.send(black_box(n)).unwrap();
                    while executor.try_tick() {}
                }
                assert!(task.is_finished());
                task.detach();
            }
        }),
    }
}

/// The executor for one thread that `futures` has.
fn on_local_pool() -> Pair {
    let out = sink();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    Pair {
        ops: OPS,
        ours: ours(out),
        peer: Box::new(move || {
            for n in 0..u64::from(OPS) {
                let (senders, waits): (Vec<_>, Vec<_>) =
                    (0..WAITS).map(|_| oneshot::channel::<u64>()).unzip();
                let task = async move {
                    for receiver in waits {
                        out.set(out.get() + receiver.await.unwrap());
                    }
                };
                spawner.spawn_local(task).unwrap();
                pool.run_until_stalled();
                for sender in senders {
                    sender.send(black_box(n)).unwrap();
                    pool.run_until_stalled();
                }
            }
        }),
    }
}
