//! Work in other threads, and its results back on this one.

use std::hint::black_box;

use deferrous::{Failure, Reactor, ThreadPool, gather_results, spawn};
use futures::future::join_all;
use tokio::{
    runtime::{Builder, Runtime},
    task::spawn_blocking,
};

use crate::harness::{Case, Pair};

pub const CASES: &[Case] = &[
    Case::new(
        "threads: round trip, 1 in flight",
        "tokio: spawn_blocking",
        one_in_flight,
    )
    .at_least(1.0)
    .unpinned(),
    Case::new(
        "threads: round trip, 64 in flight",
        "tokio: spawn_blocking",
        many_in_flight,
    )
    .at_least(1.0)
    .unpinned(),
];

const OPS: u32 = 8192;
const IN_FLIGHT: u32 = 64;

/// As many threads as our pool has at most.
const THREADS: usize = 10;

/// What runs in the other thread: next to nothing, so that the way there and back is what is
/// measured.
fn job(n: u32) -> impl FnOnce() -> Result<u32, Failure> + Send + 'static {
    move || Ok(black_box(n) + 1)
}

/// A runtime whose loop, like our reactor's, waits for descriptors and timers too. It is made once,
/// and so are its threads and ours: how the system places a thread that is new is no question here.
/// Our reactor, which runs once, is made for every call, and works with a pool that goes on.
fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(THREADS)
        .build()
        .unwrap()
}

fn pool() -> ThreadPool {
    let pool = ThreadPool::new(0, THREADS);
    pool.start();
    pool
}

fn one_in_flight() -> Pair {
    let (runtime, pool) = (runtime(), pool());
    Pair {
        ops: OPS,
        ours: Box::new(move || {
            let pool = pool.clone();
            let reactor = Reactor::new().unwrap();
            let work = reactor.clone();
            let end = spawn(async move {
                for n in 0..OPS {
                    black_box(work.defer_to(&pool, job(n)).await?);
                }
                Ok(())
            });
            reactor.run_until(end).unwrap();
        }),
        peer: Box::new(move || {
            runtime.block_on(async {
                for n in 0..OPS {
                    black_box(spawn_blocking(job(n)).await.unwrap().unwrap());
                }
            });
        }),
    }
}

fn many_in_flight() -> Pair {
    let (runtime, pool) = (runtime(), pool());
    Pair {
        ops: OPS,
        ours: Box::new(move || {
            let pool = pool.clone();
            let reactor = Reactor::new().unwrap();
            let work = reactor.clone();
            let end = spawn(async move {
                for _ in 0..OPS / IN_FLIGHT {
                    let jobs = (0..IN_FLIGHT).map(|n| work.defer_to(&pool, job(n)));
                    black_box(gather_results(jobs).await?);
                }
                Ok(())
            });
            reactor.run_until(end).unwrap();
        }),
        peer: Box::new(move || {
            runtime.block_on(async {
                for _ in 0..OPS / IN_FLIGHT {
                    let jobs = (0..IN_FLIGHT).map(|n| spawn_blocking(job(n)));
                    black_box(join_all(jobs).await);
                }
            });
        }),
    }
}
