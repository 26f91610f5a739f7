//! Nothing recurses with the data: chains, rows and lists of a million, fired and dropped, in a
//! small stack.

mod support;

use deferrous::{
    Abandoned, Cancelled, Deferred, DeferredQueue, Trigger, capture_unhandled, deferred,
    gather_results, race, run_ready, spawn, succeed,
};
use support::{failure_of, in_small_stack, value_of};

fn many() -> u32 {
    support::scale::many(1_000_000)
}

/// Each waits for the one before; the first is fired by the trigger.
fn nested() -> (Trigger<u32>, Deferred<u32>) {
    let (trigger, mut d) = deferred::<u32>();
    for _ in 0..many() {
        let inner = d;
        d = succeed(()).add_callback(|()| inner).map(|n| n + 1);
    }
    (trigger, d)
}

/// A link of each owns the one before.
fn owned() -> (Trigger<u32>, Deferred<u32>) {
    let (trigger, mut d) = deferred::<u32>();
    for _ in 0..many() {
        let inner = d;
        let (_, outer) = deferred::<()>();
        outer.pause();
        d = outer.add_callback(|()| inner);
    }
    (trigger, d)
}

/// Each fires the next.
fn forwarding() -> (Trigger<u32>, Deferred<u32>) {
    let (first, mut d) = deferred::<u32>();
    for _ in 0..many() {
        let (trigger, next) = deferred();
        drop(d.map(|n| n + 1).chain_deferred(trigger));
        d = next;
    }
    (first, d)
}

/// A link of each owns what fires the next.
fn triggers_owned() -> (Trigger<u32>, Deferred<u32>) {
    let (mut trigger, mut d) = deferred::<u32>();
    for _ in 0..many() {
        let (next, outer) = deferred::<u32>();
        let owned = trigger;
        d = outer.map(move |n| (n, owned).0);
        trigger = next;
    }
    (trigger, d)
}

/// Each waits for one that has a waiter already.
fn joined() -> (Trigger<u32>, Deferred<u32>) {
    let (first, mut d) = deferred::<u32>();
    for _ in 0..many() {
        let inner = d;
        let (trigger, middle) = deferred::<()>();
        let middle = middle.add_callback(move |()| inner);
        d = succeed(()).add_callback(|()| middle).map(|n| n + 1);
        trigger.callback(()).unwrap();
    }
    (first, d)
}

/// Each gathers the one before, and races it.
fn combined() -> (Trigger<u32>, Deferred<u32>) {
    let (trigger, mut d) = deferred::<u32>();
    for _ in 0..many() / 2 {
        d = gather_results([d]).map(|values| values[0] + 1);
        d = race([d]).map(|(_, value)| value + 1);
    }
    (trigger, d)
}

fn linked() -> (Trigger<u32>, Deferred<u32>) {
    let (trigger, mut d) = deferred::<u32>();
    for _ in 0..many() {
        d = d.map(|n| n + 1);
    }
    (trigger, d)
}

fn awaiting() -> (Trigger<u32>, Deferred<u32>) {
    let (trigger, mut d) = deferred::<u32>();
    for _ in 0..many() {
        let inner = d;
        d = spawn(async move { Ok(inner.await? + 1) });
    }
    (trigger, d)
}

fn fired(make: fn() -> (Trigger<u32>, Deferred<u32>)) {
    in_small_stack(move || {
        let (trigger, d) = make();
        trigger.callback(0).unwrap();
        assert_eq!(value_of(d), many());
    });
}

/// The Deferred goes first, so that the row hangs on the trigger alone.
fn dropped_unfired(make: fn() -> (Trigger<u32>, Deferred<u32>)) {
    in_small_stack(move || {
        let captured = capture_unhandled();
        let (trigger, d) = make();
        drop(d);
        drop(trigger);
        assert_eq!(captured.take().len(), 1);
    });
}

fn abandoned(make: fn() -> (Trigger<u32>, Deferred<u32>)) {
    in_small_stack(move || {
        let (trigger, d) = make();
        drop(trigger);
        assert!(failure_of(d).check::<Abandoned>());
    });
}

#[test]
fn nested_deferreds_fired_from_the_inside() {
    fired(nested);
}

#[test]
fn nested_deferreds_dropped_unfired() {
    dropped_unfired(nested);
}

#[test]
fn nested_deferreds_abandoned() {
    abandoned(nested);
}

#[test]
fn nested_deferreds_cancelled_from_the_outside() {
    in_small_stack(|| {
        let (_trigger, d) = nested();
        d.cancel();
        assert!(failure_of(d).check::<Cancelled>());
    });
}

#[test]
fn deferreds_owned_by_links_dropped() {
    in_small_stack(|| {
        let captured = capture_unhandled();
        drop(owned());
        assert_eq!(captured.take().len(), many() as usize + 1);
    });
}

#[test]
fn forwarding_deferreds_fired() {
    fired(forwarding);
}

#[test]
fn forwarding_deferreds_dropped_unfired() {
    dropped_unfired(forwarding);
}

#[test]
fn forwarding_deferreds_abandoned() {
    abandoned(forwarding);
}

#[test]
fn a_million_links_fired() {
    fired(linked);
}

#[test]
fn a_million_links_dropped_unfired() {
    dropped_unfired(linked);
}

#[test]
fn a_million_links_behind_a_pause_dropped() {
    in_small_stack(|| {
        let (trigger, d) = linked();
        d.pause();
        trigger.callback(0).unwrap();
        drop((trigger, d));
    });
}

#[test]
fn awaiting_coroutines_fired() {
    fired(awaiting);
}

#[test]
fn awaiting_coroutines_dropped_unfired() {
    dropped_unfired(awaiting);
}

#[test]
fn values_in_values_dropped() {
    struct Nested(#[allow(dead_code)] Option<Deferred<Nested>>);
    in_small_stack(|| {
        let mut d = succeed(Nested(None));
        for _ in 0..many() {
            d = succeed(Nested(Some(d)));
        }
        drop(d);
    });
}

#[test]
fn a_loop_of_returned_deferreds_takes_no_stack() {
    fn count(n: u32) -> Deferred<u32> {
        succeed(n + 1).add_callback(succeed)
    }
    in_small_stack(|| {
        let mut d = succeed(0);
        for _ in 0..many() {
            d = d.add_callback(count);
        }
        assert_eq!(value_of(d), many());
    });
}

#[test]
fn awaiting_coroutines_cancelled() {
    in_small_stack(|| {
        let (_trigger, d) = awaiting();
        d.cancel();
        assert!(failure_of(d).check::<Cancelled>());
    });
}

#[test]
fn triggers_owned_by_links_abandoned() {
    in_small_stack(|| {
        let captured = capture_unhandled();
        let (trigger, d) = triggers_owned();
        drop(trigger);
        assert!(failure_of(d).check::<Abandoned>());
        // All but the first, which has no links, and the last, whose failure was just taken.
        assert_eq!(captured.take().len(), many() as usize - 1);
    });
}

#[test]
fn rows_joined_in_the_middle_fired() {
    fired(joined);
}

#[test]
fn combined_deferreds_fired() {
    fired(combined);
}

#[test]
fn combined_deferreds_dropped_unfired() {
    in_small_stack(|| {
        let captured = capture_unhandled();
        let (trigger, d) = combined();
        drop(d);
        trigger.callback(0).unwrap();
        assert!(captured.take().is_empty());
    });
}

#[test]
fn combined_deferreds_abandoned() {
    in_small_stack(|| {
        let (trigger, d) = combined();
        drop(trigger);
        drop(failure_of(d));
    });
}

#[test]
fn combined_deferreds_cancelled_from_the_outside() {
    in_small_stack(|| {
        let (trigger, d) = combined();
        d.cancel();
        assert!(trigger.is_called());
        drop(failure_of(d));
    });
}

/// Each coroutine waits for a future that is none of this crate's, and wakes the next.
#[test]
fn coroutines_that_wake_each_other() {
    in_small_stack(|| {
        let (first, mut receiver) = futures::channel::oneshot::channel::<u32>();
        for _ in 0..many() {
            let (sender, next) = futures::channel::oneshot::channel();
            let before = std::mem::replace(&mut receiver, next);
            drop(spawn(async move {
                let _ = sender.send(before.await? + 1);
                Ok(())
            }));
        }
        let last = spawn(async move { Ok(receiver.await?) });
        first.send(0).unwrap();
        assert_eq!(run_ready(), many() as usize + 1);
        assert_eq!(value_of(last), many());
    });
}

#[test]
fn coroutines_that_hand_on_through_queues() {
    in_small_stack(|| {
        let first = DeferredQueue::<u32>::new();
        let mut from = first.clone();
        for _ in 0..many() {
            let to = DeferredQueue::new();
            let (get, put) = (from, to.clone());
            drop(spawn(async move {
                put.put(get.get()?.await? + 1)?;
                Ok(())
            }));
            from = to;
        }
        first.put(0).unwrap();
        assert_eq!(value_of(from.get().unwrap()), many());
    });
}
