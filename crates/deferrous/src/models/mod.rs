//! Models of what threads share: the message queue with its waiter, the team, and the wakers of
//! coroutines.
//!
//! `loom` runs each of them again and again, with the threads taking turns in another order each time
//! and with loads that see older stores where the memory orders allow it. The code is that of the
//! crate: [`primitives`](crate::primitives) gives it the types of `loom`, and
//! `event_loop/poller/model.rs` stands for the system. What would wait for ever is a deadlock, or a
//! model without an end, and `loom` reports both. Part of `make soak`, and by itself:
//!
//! ```text
//! RUSTFLAGS="--cfg deferrous_loom" CARGO_TARGET_DIR=target/loom \
//!     cargo test --release -p deferrous --lib models
//! ```
//!
//! `LOOM_MAX_PREEMPTIONS=2` tries fewer orders, in seconds.

mod message_queue;
mod team;
mod waker;

/// How often a thread loses its turn in the middle of something. Bugs that need more are rare, and
/// each further one makes the models take some ten times as long.
const PREEMPTIONS: usize = 3;

/// Runs `model` in all orders.
fn in_all_orders(model: impl Fn() + Send + Sync + 'static) {
    in_orders(PREEMPTIONS, model);
}

/// Runs `model` in all orders with so many preemptions, unless the environment says another number.
fn in_orders(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(model);
}
