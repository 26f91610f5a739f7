//! Many into one.

use std::hint::black_box;

use deferrous::{deferred, gather_results};
use futures::{FutureExt, channel::oneshot, future::join_all};

use crate::{
    chain::{Sink, sink},
    harness::{Case, Pair},
};

pub const CASES: &[Case] = &[
    Case::new(
        "combine: gather 1,000",
        "futures: join_all, oneshot",
        over_futures,
    )
    .at_least(2.0),
    Case::new(
        "combine: gather 1,000",
        "futures: join_all, async-oneshot",
        over_async_oneshot,
    )
    .at_least(2.0),
];

const MANY: usize = 1_000;

fn ours(out: Sink) -> Box<dyn FnMut()> {
    Box::new(move || {
        let (triggers, waits): (Vec<_>, Vec<_>) = (0..MANY).map(|_| deferred::<u64>()).unzip();
        let end = gather_results(waits).map(move |all| out.set(all.iter().sum()));
        for trigger in triggers {
            trigger.callback(black_box(7)).unwrap();
        }
        end.into_result().unwrap().unwrap();
    })
}

/// `join_all` is what `futures` has for it. As in the chain rows it is polled once, by hand and after the
/// sending, which saves it an executor and a thousand wakers.
fn over_futures() -> Pair {
    let out = sink();
    Pair {
        ops: 1,
        ours: ours(out),
        peer: Box::new(move || {
            let (senders, waits): (Vec<_>, Vec<_>) =
                (0..MANY).map(|_| oneshot::channel::<u64>()).unzip();
            let end =
                join_all(waits).map(move |all| out.set(all.into_iter().map(|n| n.unwrap()).sum()));
            for sender in senders {
                sender.send(black_box(7)).unwrap();
            }
            end.now_or_never().unwrap();
        }),
    }
}

fn over_async_oneshot() -> Pair {
    let out = sink();
    Pair {
        ops: 1,
        ours: ours(out),
        peer: Box::new(move || {
            let (senders, waits): (Vec<_>, Vec<_>) =
                (0..MANY).map(|_| async_oneshot::oneshot::<u64>()).unzip();
            let end =
                join_all(waits).map(move |all| out.set(all.into_iter().map(|n| n.unwrap()).sum()));
            for mut sender in senders {
                sender.send(black_box(7)).unwrap();
            }
            end.now_or_never().unwrap();
        }),
    }
}
