//! Callbacks on a Deferred, against a promise written by hand, combinators and tasks on a oneshot channel, and
//! no promise at all.

use std::{cell::Cell, hint::black_box};

use async_executor::LocalExecutor;
use deferrous::{Deferred, deferred, succeed};
use futures::{
    FutureExt,
    channel::oneshot,
    future::{self, LocalBoxFuture},
};

use crate::{
    harness::{Case, Pair},
    promise::Promise,
};

pub const CASES: &[Case] = &[
    Case::new(
        "chain: one link",
        "a promise by hand: Rc, VecDeque, Box",
        one_link::promise,
    )
    .at_least(1.5),
    Case::new(
        "chain: one link",
        "futures: a boxed map, polled by hand",
        one_link::boxed,
    )
    .at_least(2.0),
    Case::new(
        "chain: one link",
        "futures: a map, polled by hand",
        one_link::unboxed,
    ),
    Case::new("chain: one link", "the closure alone", one_link::closure),
    Case::new(
        "chain: ten links",
        "a promise by hand: Rc, VecDeque, Box",
        ten_links::promise,
    )
    .at_least(1.5),
    Case::new(
        "chain: ten links",
        "futures: ten boxed maps, polled by hand",
        ten_links::boxed,
    )
    .at_least(2.0),
    Case::new(
        "chain: ten links",
        "futures: ten maps in one expression",
        ten_links::unboxed,
    ),
    Case::new(
        "chain: ten links",
        "the closures alone",
        ten_links::closures,
    ),
    Case::new(
        "chain: ten links on a fired one",
        "a promise by hand: Rc, VecDeque, Box",
        on_fired::promise,
    ),
    Case::new(
        "chain: ten links on a fired one",
        "futures: sent oneshot, ten boxed maps",
        on_fired::boxed,
    )
    .at_least(1.5),
    Case::new(
        "chain: ten links on succeed",
        "futures: ready and ten boxed maps",
        on_succeed,
    ),
    Case::new(
        "chain: the whole life",
        "async-executor: a task with ten steps",
        whole_life,
    )
    .at_least(1.0),
];

const OPS: u32 = 100;

/// Where the last link puts its value, so that no side can leave out its work.
pub type Sink = &'static Cell<u64>;

pub fn sink() -> Sink {
    Box::leak(Box::default())
}

/// A pair whose sides do what is given for each of the values 0 to 99.
fn pair(mut ours: impl FnMut(u64) + 'static, mut peer: impl FnMut(u64) + 'static) -> Pair {
    Pair {
        ops: OPS,
        ours: Box::new(move || (0..u64::from(OPS)).for_each(|n| ours(black_box(n)))),
        peer: Box::new(move || (0..u64::from(OPS)).for_each(|n| peer(black_box(n)))),
    }
}

/// Passes something on as to another function, of which the compiler knows nothing.
fn hidden<T>(thing: T) -> T {
    black_box(thing)
}

/// One step of a chain: a small closure over one word.
fn step(k: u64) -> impl FnOnce(u64) -> u64 {
    move |n| black_box(n + k)
}

/// The last step.
fn store(sink: Sink) -> impl FnOnce(u64) {
    move |n| sink.set(sink.get() + n)
}

/// The last step of a promise, whose callbacks all return the same type.
fn store_and_pass(sink: Sink) -> impl FnOnce(u64) -> u64 {
    move |n| {
        store(sink)(n);
        n
    }
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

fn add_ten_to_promise(promise: Promise<u64>, k: u64, sink: Sink) -> Promise<u64> {
    (0..9)
        .fold(promise, |promise, _| promise.then(step(k)))
        .then(store_and_pass(sink))
}

/// Boxed after each step, as where a function adds a step to a future that it was given.
fn add_ten_boxed(
    future: LocalBoxFuture<'static, u64>,
    k: u64,
    sink: Sink,
) -> LocalBoxFuture<'static, ()> {
    let boxed = |future: LocalBoxFuture<'static, u64>| future.map(step(k)).boxed_local();
    let future = (0..8).fold(future, |future, _| boxed(future));
    future.map(store(sink)).boxed_local()
}

/// The future of a function that waits for a oneshot channel and does the first step.
fn first_boxed(receiver: oneshot::Receiver<u64>, k: u64) -> LocalBoxFuture<'static, u64> {
    receiver.map(move |n| step(k)(n.unwrap())).boxed_local()
}

/// A Deferred is made, a callback is added, and it is fired and dropped. The combinators are polled once,
/// by hand and after the sending, which saves them an executor and a waker: a program that really waits pays
/// for both.
mod one_link {
    use super::*;

    fn ours(out: Sink) -> impl FnMut(u64) {
        move |n| {
            let (trigger, d) = hidden(deferred::<u64>());
            let end = hidden(d.map(store(out)));
            trigger.callback(n).unwrap();
            drop(end);
        }
    }

    pub fn promise() -> Pair {
        let out = sink();
        pair(ours(out), move |n| {
            let promise = hidden(Promise::new());
            let end = hidden(promise.clone().then(store_and_pass(out)));
            promise.fire(n);
            drop(end);
        })
    }

    pub fn boxed() -> Pair {
        let out = sink();
        pair(ours(out), move |n| {
            let (sender, receiver) = hidden(oneshot::channel::<u64>());
            let store = store(out);
            let end = hidden(receiver.map(move |n| store(n.unwrap())).boxed_local());
            sender.send(n).unwrap();
            end.now_or_never().unwrap();
        })
    }

    pub fn unboxed() -> Pair {
        let out = sink();
        pair(ours(out), move |n| {
            let (sender, receiver) = hidden(oneshot::channel::<u64>());
            let store = store(out);
            let end = hidden(receiver.map(move |n| store(n.unwrap())));
            sender.send(n).unwrap();
            end.now_or_never().unwrap();
        })
    }

    pub fn closure() -> Pair {
        let out = sink();
        pair(ours(out), move |n| store(out)(n))
    }
}

/// The same with ten callbacks.
mod ten_links {
    use super::*;

    pub fn ours(out: Sink) -> impl FnMut(u64) {
        let k = black_box(3);
        move |n| {
            let (trigger, d) = hidden(deferred::<u64>());
            let end = hidden(add_ten(d, k, out));
            trigger.callback(n).unwrap();
            drop(end);
        }
    }

    pub fn promise() -> Pair {
        let (out, k) = (sink(), black_box(3));
        pair(ours(out), move |n| {
            let promise = hidden(Promise::new());
            let end = hidden(add_ten_to_promise(promise.clone(), k, out));
            promise.fire(n);
            drop(end);
        })
    }

    pub fn boxed() -> Pair {
        let (out, k) = (sink(), black_box(3));
        pair(ours(out), move |n| {
            let (sender, receiver) = hidden(oneshot::channel::<u64>());
            let end = hidden(add_ten_boxed(first_boxed(receiver, k), k, out));
            sender.send(n).unwrap();
            end.now_or_never().unwrap();
        })
    }

    /// Where all steps are written in one place, the compiler makes one future of them. A Deferred cannot
    /// know its chain beforehand.
    pub fn unboxed() -> Pair {
        let (out, k) = (sink(), black_box(3));
        pair(ours(out), move |n| {
            let (sender, receiver) = hidden(oneshot::channel::<u64>());
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
            let end = hidden(end);
            sender.send(n).unwrap();
            end.now_or_never().unwrap();
        })
    }

    pub fn closures() -> Pair {
        let (out, k) = (sink(), black_box(3));
        pair(ours(out), move |n| {
            store(out)((0..9).fold(n, |n, _| step(k)(n)));
        })
    }
}

/// Both have their value before the first link is added.
mod on_fired {
    use super::*;

    fn ours(out: Sink) -> impl FnMut(u64) {
        let k = black_box(3);
        move |n| {
            let (trigger, d) = hidden(deferred::<u64>());
            trigger.callback(n).unwrap();
            drop(hidden(add_ten(d, k, out)));
        }
    }

    pub fn promise() -> Pair {
        let (out, k) = (sink(), black_box(3));
        pair(ours(out), move |n| {
            let promise = hidden(Promise::new());
            promise.fire(n);
            drop(hidden(add_ten_to_promise(promise, k, out)));
        })
    }

    pub fn boxed() -> Pair {
        let (out, k) = (sink(), black_box(3));
        pair(ours(out), move |n| {
            let (sender, receiver) = hidden(oneshot::channel::<u64>());
            sender.send(n).unwrap();
            let end = hidden(add_ten_boxed(first_boxed(receiver, k), k, out));
            end.now_or_never().unwrap();
        })
    }
}

/// What is made with its value, `succeed` against `future::ready`, which is the cheapest future
/// there is.
fn on_succeed() -> Pair {
    let (out, k) = (sink(), black_box(3));
    pair(
        move |n| drop(hidden(add_ten(hidden(succeed(n)), k, out))),
        move |n| {
            let first = hidden(future::ready(n).map(step(k)).boxed_local());
            hidden(add_ten_boxed(first, k, out)).now_or_never().unwrap();
        },
    )
}

/// A task per value that does its ten steps in a row after one wait, in the lightest executor that we
/// know. It is polled twice, as it waits before the sending.
fn whole_life() -> Pair {
    let (out, k) = (sink(), black_box(3));
    let executor = LocalExecutor::new();
    pair(ten_links::ours(out), move |n| {
        let (mut sender, receiver) = hidden(async_oneshot::oneshot::<u64>());
        let task = executor.spawn(async move {
            let first = receiver.await.unwrap();
            store(out)((0..9).fold(first, |n, _| step(k)(n)));
        });
        task.detach();
        while executor.try_tick() {}
        sender.send(n).unwrap();
        while executor.try_tick() {}
    })
}
