//! Coroutines over Deferreds, against tasks over oneshot channels.

use std::{future::poll_fn, hint::black_box, task::Poll};

use deferrous::{deferred, spawn};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::{LocalSet, spawn_local},
};

use crate::{
    chain::sink,
    harness::{Case, Pair},
};

pub const CASES: &[Case] = &[Case {
    name: "coroutine: ten waits",
    peer: "tokio LocalSet: a task over ten oneshots",
    target: Some(1.5),
    make: ten_waits,
}];

const OPS: u32 = 100;
const WAITS: usize = 10;

/// A runtime for one thread and its tasks that stay there, made once. Without the time and I/O
/// drivers, which the work does not need, its loop is shortest.
pub struct Tokio {
    runtime: Runtime,
    local: LocalSet,
}

impl Tokio {
    pub fn new() -> Self {
        Tokio {
            runtime: Builder::new_current_thread().build().unwrap(),
            local: LocalSet::new(),
        }
    }
}

/// Runs `work` as a task of the `LocalSet`, among the tasks that it spawns. Passing from one such
/// task to another is a turn of the set's own queue; from the future given to `block_on` it would
/// be a turn of the whole runtime, and dearer.
pub fn in_local_set(tokio: &Tokio, work: impl Future<Output = ()> + 'static) {
    tokio.local.block_on(
        &tokio.runtime,
        async move { spawn_local(work).await.unwrap() },
    );
}

/// Lets the other tasks run. `tokio::task::yield_now` lets the drivers run too, which takes longer.
pub async fn turn() {
    let mut asked = false;
    poll_fn(|context| {
        if asked {
            return Poll::Ready(());
        }
        asked = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A coroutine that waits for ten values, one after the other. They come one by one: each has been
/// used before the next is there, as with replies from a network.
fn ten_waits() -> Pair {
    let out = sink();
    let tokio = Tokio::new();
    Pair {
        ops: OPS,
        ours: Box::new(move || {
            for n in 0..u64::from(OPS) {
                let (triggers, waits): (Vec<_>, Vec<_>) =
                    (0..WAITS).map(|_| deferred::<u64>()).unzip();
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
        }),
        peer: Box::new(move || {
            in_local_set(&tokio, async move {
                for n in 0..u64::from(OPS) {
                    let (senders, waits): (Vec<_>, Vec<_>) =
                        (0..WAITS).map(|_| oneshot::channel::<u64>()).unzip();
                    let end = spawn_local(async move {
                        for receiver in waits {
                            out.set(out.get() + receiver.await.unwrap());
                        }
                    });
                    // The task starts, and waits for the first.
                    turn().await;
                    for sender in senders {
                        sender.send(black_box(n)).unwrap();
                        turn().await;
                    }
                    end.await.unwrap();
                }
            });
        }),
    }
}
