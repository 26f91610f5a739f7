//! Nothing recurses with the data: chains, rows and lists of a million, fired and dropped, in a
//! small stack.

mod support;

use std::{cell::Cell, ops::ControlFlow, rc::Rc};

use deferrous::{
    Abandoned, AlreadyCalled, Cancelled, Deferred, DeferredQueue, DeferredSemaphore, Failure,
    Trigger, capture_unhandled, deferred, deferred_with_canceller, fail, gather_results, race,
    repeat, run_ready, spawn, succeed,
};
use support::{Trace, failure_of, in_small_stack, value_of};

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

/// A queue of numbers, all there already.
fn full_queue() -> DeferredQueue<u32> {
    let queue = DeferredQueue::new();
    (1..=many()).for_each(|n| queue.put(n).unwrap());
    queue
}

#[test]
fn a_consumer_that_each_item_calls_again() {
    fn consume(queue: DeferredQueue<u32>, last: Rc<Cell<u32>>) {
        let item = queue.get().unwrap();
        drop(item.map(move |n| {
            assert_eq!(n, last.get() + 1);
            last.set(n);
            consume(queue, last);
        }));
    }
    in_small_stack(|| {
        let last = Rc::new(Cell::new(0));
        consume(full_queue(), last.clone());
        assert_eq!(last.get(), many());
    });
}

#[test]
fn a_consumer_that_waits_for_itself() {
    fn consume(queue: DeferredQueue<u32>) -> Deferred<u32> {
        queue.get().unwrap().add_callback(move |n| match n {
            n if n == many() => succeed(n),
            _ => consume(queue),
        })
    }
    in_small_stack(|| assert_eq!(value_of(consume(full_queue())), many()));
}

#[test]
fn a_loop_over_a_full_queue() {
    in_small_stack(|| {
        let queue = full_queue();
        let count = repeat(0, move |count| {
            queue.get().unwrap().map(move |n| match n {
                n if n == many() => ControlFlow::Break(count + 1),
                _ => ControlFlow::Continue(count + 1),
            })
        });
        assert_eq!(value_of(count), many());
    });
}

#[test]
fn a_loop_over_a_queue_that_is_filled_later() {
    in_small_stack(|| {
        let queue = DeferredQueue::new();
        let source = queue.clone();
        let sum = repeat(0, move |sum| {
            source.get().unwrap().map(move |n: u64| match n {
                0 => ControlFlow::Break(sum),
                n => ControlFlow::Continue(sum + n),
            })
        });
        (0..many()).for_each(|_| queue.put(1).unwrap());
        queue.put(0).unwrap();
        assert_eq!(value_of(sum), u64::from(many()));
    });
}

/// A callback of each does something to the next, by its trigger and its Deferred.
fn stepwise(act: fn(Trigger<u32>, Deferred<u32>, u32)) {
    in_small_stack(move || {
        let (last, end) = deferred::<u32>();
        let (mut trigger, mut d) = (last, end.map(|n| n + 1));
        let result = Rc::new(Cell::new(None));
        let store = result.clone();
        d = d.map(move |n| {
            store.set(Some(n));
            n
        });
        for _ in 1..many() {
            let (before, first) = deferred::<u32>();
            let (next, waiting) = (trigger, d);
            d = first.map(move |n| {
                act(next, waiting, n + 1);
                n + 1
            });
            trigger = before;
        }
        trigger.callback(0).unwrap();
        drop(d);
        assert_eq!(result.get(), Some(many()));
    });
}

#[test]
fn callbacks_that_fire_the_next_trigger() {
    stepwise(|next, waiting, n| {
        drop(waiting);
        next.callback(n).unwrap();
        assert!(next.is_called());
        assert_eq!(next.callback(0), Err(AlreadyCalled));
    });
}

#[test]
fn callbacks_that_unpause_the_next_deferred() {
    stepwise(|next, waiting, n| {
        waiting.pause();
        next.callback(n).unwrap();
        waiting.unpause().unwrap();
    });
}

#[test]
fn callbacks_that_add_to_a_fired_deferred() {
    fn add(n: u32, end: Rc<Cell<u32>>) {
        drop(succeed(n).map(move |n| {
            end.set(n);
            if n < many() {
                add(n + 1, end);
            }
        }));
    }
    in_small_stack(|| {
        let end = Rc::new(Cell::new(0));
        add(0, end.clone());
        assert_eq!(end.get(), many());
    });
}

#[test]
fn errbacks_that_fire_the_next_trigger() {
    in_small_stack(|| {
        let (last, end) = deferred::<()>();
        let mut trigger = last;
        for _ in 0..many() {
            let (before, first) = deferred::<()>();
            let next = trigger;
            drop(first.add_errback(move |failure| Ok(next.errback(failure)?)));
            trigger = before;
        }
        trigger.errback("the first").unwrap();
        assert_eq!(failure_of(end).to_string(), "the first");
    });
}

#[test]
fn cancellers_that_cancel_the_next() {
    in_small_stack(|| {
        let (first, end) = deferred::<()>();
        let (mut handle, mut all) = (end.cancel_handle(), vec![(first, end)]);
        for _ in 0..many() {
            let next = handle;
            let (trigger, d) = deferred_with_canceller(move |_| next.cancel());
            handle = d.cancel_handle();
            all.push((trigger, d));
        }
        handle.cancel();
        for (_, d) in all {
            assert!(failure_of(d).check::<Cancelled>());
        }
    });
}

#[test]
fn permits_that_are_released_by_what_they_let_go_on() {
    fn work(semaphore: DeferredSemaphore, left: u32, done: Trigger<()>) -> Result<(), Failure> {
        if left == 0 {
            return Ok(done.callback(())?);
        }
        let again = semaphore.clone();
        drop(semaphore.run(move || work(again, left - 1, done)));
        Ok(())
    }
    in_small_stack(|| {
        let (trigger, d) = deferred();
        work(DeferredSemaphore::new(2), many(), trigger).unwrap();
        value_of(d);
    });
}

/// Each has two after it, deeper than calls nest.
#[test]
fn what_is_run_later_is_run_in_order() {
    fn grow(trace: Trace, name: String, depth: usize) {
        drop(succeed(()).map(move |()| {
            trace.note(&name);
            for child in 0..2 * usize::from(depth > 0) {
                grow(trace.clone(), format!("{name}{child}"), depth - 1);
            }
        }));
    }
    fn below(levels: u32, f: Box<dyn FnOnce()>) {
        match levels {
            0 => f(),
            _ => drop(succeed(()).map(move |()| below(levels - 1, f))),
        }
    }
    let names = |levels| {
        let trace = Trace::new();
        let inner = trace.clone();
        below(levels, Box::new(move || grow(inner, String::new(), 5)));
        trace.take()
    };
    let at_once = names(0);
    assert_eq!(at_once.len(), 63);
    for levels in [55, 60, 62, 63, 64, 65, 200] {
        assert_eq!(names(levels), at_once, "{levels}");
    }
}

#[test]
fn a_panic_in_what_is_run_later_is_reported() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("dropped late");
        }
    }
    fn below(levels: u32) {
        drop(succeed(()).map(move |()| match levels {
            0 => drop(succeed(Panics).map(Some).map(drop)),
            _ => below(levels - 1),
        }));
    }
    let captured = capture_unhandled();
    below(100);
    drop(fail::<()>("the thread goes on"));
    let texts: Vec<_> = captured.take().iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("dropped late"), "{texts:?}");
    let trace = Trace::new();
    let seen = trace.clone();
    drop(succeed(()).map(move |()| seen.note("at once")));
    assert_eq!(trace.take(), ["at once"]);
}
