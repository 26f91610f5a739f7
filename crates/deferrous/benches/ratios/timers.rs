//! Many pending timers.

use std::{future::poll_fn, hint::black_box, task::Poll, time::Duration};

use deferrous::Clock;
use tokio::{runtime::Builder, task::unconstrained};
use tokio_util::time::DelayQueue;

use crate::{
    chain::sink,
    harness::{Case, Pair},
};

pub const CASES: &[Case] = &[Case::new(
    "timers: a million pending",
    "tokio-util: DelayQueue",
    million,
)
.at_least(2.0)];

const MANY: u32 = 1_000_000;
const HOUR: Duration = Duration::from_secs(3600);

/// Delays spread over an hour, the same in every run, in whole milliseconds, which is as fine as
/// the peer's are.
fn delays() -> Vec<Duration> {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    (0..MANY)
        .map(|_| Duration::from_millis(1 + next() % (HOUR.as_millis() as u64 - 2)))
        .collect()
}

/// A million are set, every other one is cancelled, and the hour passes in steps of ten seconds. An
/// operation is one timer.
///
/// tokio's own timers are futures, a task or a boxed `Sleep` each. `DelayQueue` is what it has for
/// many at once: a wheel with a slab, from which expired entries are taken. Its time is tokio's,
/// which here stands still and is moved by hand, as is ours. Both are reused, with the room that
/// they have by then.
fn million() -> Pair {
    let out = sink();
    let delays = delays();
    let for_peer = delays.clone();
    let clock = Clock::new();
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut queue = {
        let _entered = runtime.enter();
        DelayQueue::<u64>::with_capacity(MANY as usize)
    };
    Pair {
        ops: MANY,
        ours: Box::new(move || {
            let calls: Vec<_> = (1_u64..)
                .zip(&delays)
                .map(|(n, delay)| clock.call_later(*delay, move || out.set(out.get() + n)))
                .collect();
            for call in calls.iter().step_by(2) {
                call.cancel().unwrap();
            }
            for _ in 0..360 {
                clock.advance(HOUR / 360);
            }
            black_box(calls);
        }),
        peer: Box::new(move || {
            runtime.block_on(async {
                let keys: Vec<_> = (1_u64..)
                    .zip(&for_peer)
                    .map(|(n, delay)| queue.insert(n, *delay))
                    .collect();
                for key in keys.iter().step_by(2) {
                    black_box(queue.remove(key));
                }
                for _ in 0..360 {
                    tokio::time::advance(HOUR / 360).await;
                    drain(&mut queue, |n| out.set(out.get() + n)).await;
                }
                assert!(queue.is_empty());
                black_box(keys);
            });
        }),
    }
}

/// Takes what has expired, and does not wait for more. Without a budget, with which tokio would
/// make it come back after every 128.
async fn drain(queue: &mut DelayQueue<u64>, mut each: impl FnMut(u64)) {
    unconstrained(poll_fn(|context| {
        while let Poll::Ready(Some(expired)) = queue.poll_expired(context) {
            each(expired.into_inner());
        }
        Poll::Ready(())
    }))
    .await;
}
