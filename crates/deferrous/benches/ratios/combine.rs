//! Many into one.

use std::hint::black_box;

use deferrous::{deferred, gather_results};
use futures::{
    FutureExt, channel::oneshot, executor::LocalPool, future::join_all, task::LocalSpawnExt,
};

use crate::{
    chain::sink,
    harness::{Case, Pair},
};

pub const CASES: &[Case] = &[Case {
    name: "combine: gather 1,000",
    peer: "futures: join_all",
    target: Some(1.0),
    make: gather,
}];

const MANY: usize = 1_000;

/// `join_all` is what `futures` has for it, here as a task of a reused `LocalPool`. As in the chain
/// rows the receivers are polled after the sending only.
fn gather() -> Pair {
    let out = sink();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    Pair {
        ops: 1,
        ours: Box::new(move || {
            let (triggers, waits): (Vec<_>, Vec<_>) = (0..MANY).map(|_| deferred::<u64>()).unzip();
            let end = gather_results(waits).map(move |all| out.set(all.iter().sum()));
            for trigger in triggers {
                trigger.callback(black_box(7)).unwrap();
            }
            end.into_result().unwrap().unwrap();
        }),
        peer: Box::new(move || {
            let (senders, waits): (Vec<_>, Vec<_>) =
                (0..MANY).map(|_| oneshot::channel::<u64>()).unzip();
            let end =
                join_all(waits).map(move |all| out.set(all.into_iter().map(|n| n.unwrap()).sum()));
            spawner.spawn_local(end).unwrap();
            for sender in senders {
                sender.send(black_box(7)).unwrap();
            }
            pool.run_until_stalled();
        }),
    }
}
