//! What Deferreds leave in memory: nothing, and no more after a million than after a thousand.

#[path = "model/mod.rs"]
mod model;
mod support;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use deferrous::{
    Deferred, DeferredLock, DeferredQueue, DeferredSemaphore, ListOptions, capture_unhandled,
    deferred, deferred_list, deferred_with_canceller, fail, gather_results,
    gather_results_or_cancel, maybe_deferred, race, run_ready, spawn, succeed,
};
use futures::{channel::oneshot, executor::LocalPool, future::select};
use proptest::test_runner::{Config, TestRunner};
use support::{error, failure_of, result_of, scale, value_of};

/// Counts what each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn count(size: usize, sign: isize) {
    let _ = HELD.try_with(|held| held.set(held.get() + size as isize * sign));
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often at most: a debug build is slow.
const MANY: u32 = if cfg!(debug_assertions) {
    50_000
} else {
    1_000_000
};

/// `operation` may keep what it needs from the first thousand times, and nothing more.
#[track_caller]
fn stays_level(mut operation: impl FnMut()) {
    for _ in 0..1000 {
        operation();
    }
    let before = HELD.get();
    for _ in 0..scale::many(MANY) {
        operation();
    }
    assert_eq!(HELD.get() - before, 0, "bytes were left behind");
}

#[test]
fn the_counter_counts() {
    let before = HELD.get();
    let held = vec![0_u8; 1000];
    assert_eq!(HELD.get() - before, 1000);
    drop(held);
    assert_eq!(HELD.get(), before);
}

#[test]
fn firing_with_callbacks_before_and_after() {
    stays_level(|| {
        let (trigger, d) = deferred::<u32>();
        let big = [1_u64; 20];
        let d = d.map(|n| n + 1).map(move |n| (n, big));
        trigger.callback(1).unwrap();
        let d = d.add_callback(|(n, big)| Ok(vec![u64::from(n), big[0]]));
        assert_eq!(value_of(d), [2, 1]);
    });
}

#[test]
fn failures_and_panics() {
    stays_level(|| {
        let d = fail::<u32>(error("no")).add_errback(Err);
        assert_eq!(failure_of(d).to_string(), "no");
        value_of(maybe_deferred(|| Ok("text".to_owned())));
    });
}

#[test]
fn panics_in_callbacks() {
    let quiet = || std::panic::resume_unwind(Box::new("no"));
    stays_level(|| {
        let d: Deferred<u32> = succeed(Box::new(1)).map(move |_| quiet());
        assert!(result_of(d).is_err());
    });
}

#[test]
fn what_is_never_fired_or_taken() {
    let captured = capture_unhandled();
    stays_level(|| {
        let (trigger, d) = deferred::<String>();
        let text = "kept by a link".to_owned();
        drop(d.map(move |got| got + &text));
        drop(trigger);
        drop(succeed("never taken".to_owned()));
        drop(fail::<u32>(error("unhandled")));
        let paused = succeed(1);
        paused.pause();
        drop(paused.map(|n| n.to_string()));
        captured.take();
    });
}

#[test]
fn chaining_fired_and_unfired() {
    stays_level(|| {
        let (trigger, inner) = deferred();
        let d = succeed(1)
            .add_callback(|n| succeed(n + 1))
            .add_callback(|_| inner)
            .map(|text: String| text + ".");
        trigger.callback("text".to_owned()).unwrap();
        assert_eq!(value_of(d), "text.");
        let (trigger, d) = deferred();
        value_of(succeed(vec![1]).chain_deferred(trigger));
        assert_eq!(value_of(d), [1]);
    });
}

#[test]
fn waiting_that_never_ends() {
    let captured = capture_unhandled();
    stays_level(|| {
        let (trigger, inner) = deferred::<String>();
        drop(succeed(1).add_callback(|_| inner).map(|text| text + "."));
        drop(trigger);
        let inner = succeed("paused".to_owned());
        inner.pause();
        assert!(result_of(succeed(1).add_callback(|_| inner)).is_err());
        captured.take();
    });
}

#[test]
fn cancelling() {
    stays_level(|| {
        let (trigger, d) = deferred::<String>();
        d.cancel();
        trigger.callback("swallowed".to_owned()).unwrap();
        assert!(result_of(d).is_err());
        let text = "kept by the canceller".to_owned();
        let (_trigger, d) = deferred_with_canceller(move |trigger| {
            trigger.callback(text).unwrap();
        });
        let outer = succeed(1).add_callback(|_| d);
        let handle = outer.cancel_handle();
        handle.cancel();
        assert!(result_of(outer).is_ok());
        handle.cancel();
    });
}

#[test]
fn pausing() {
    stays_level(|| {
        let (trigger, d) = deferred::<String>();
        let guard = d.pause_guard();
        d.pause();
        trigger.callback("stored".to_owned()).unwrap();
        let d = d.map(|text| text + ".");
        d.unpause().unwrap();
        drop(guard);
        assert_eq!(value_of(d), "stored.");
    });
}

#[test]
fn combining() {
    let captured = capture_unhandled();
    stays_level(|| {
        let three = || [succeed(vec![1]), succeed(vec![2]), fail(error("no"))];
        value_of(deferred_list(three(), ListOptions::new()));
        assert!(result_of(gather_results(three())).is_err());
        value_of(race(three()));
        let (_trigger, waiting) = deferred::<Vec<i32>>();
        let all = gather_results_or_cancel([waiting, fail(error("no"))]);
        assert!(result_of(all).is_err());
        let (_trigger, waiting) = deferred::<Vec<i32>>();
        drop(gather_results([waiting, succeed(vec![1])]));
        captured.take();
    });
}

#[test]
fn taking_turns() {
    let lock = DeferredLock::new();
    let semaphore = DeferredSemaphore::new(2);
    stays_level(|| {
        let held = value_of(lock.acquire());
        let waiting = lock.run(|| succeed("text".to_owned()));
        let given_up = lock.acquire();
        given_up.cancel();
        assert!(result_of(given_up).is_err());
        drop(held);
        assert_eq!(value_of(waiting), "text");
        value_of(semaphore.run(|| Ok(vec![1])));
        let (trigger, work) = deferred::<Vec<i32>>();
        let running = semaphore.run(|| work);
        trigger.callback(vec![1]).unwrap();
        value_of(running);
    });
}

#[test]
fn queues() {
    let queue = DeferredQueue::new();
    stays_level(|| {
        queue.put("first".to_owned()).unwrap();
        value_of(queue.get().unwrap());
        let waiting = queue.get().unwrap();
        let given_up = queue.get().unwrap();
        given_up.cancel();
        assert!(result_of(given_up).is_err());
        queue.put("second".to_owned()).unwrap();
        value_of(waiting);
        let own = DeferredQueue::new();
        own.put(vec![1]).unwrap();
        let gone = DeferredQueue::<u32>::new().get().unwrap();
        assert!(result_of(gone).is_err());
    });
}

#[test]
fn coroutines() {
    stays_level(|| {
        let (trigger, waited) = deferred::<String>();
        let d = spawn(async move { Ok(waited.await? + ".") });
        trigger.callback("text".to_owned()).unwrap();
        assert_eq!(value_of(d), "text.");
        let (_trigger, waited) = deferred::<String>();
        let d = spawn(async move { Ok(waited.await? + ".") });
        d.cancel();
        assert!(result_of(d).is_err());
        let (sender, receiver) = oneshot::channel();
        let d = spawn(async move { Ok(receiver.await?) });
        sender.send("sent".to_owned()).unwrap();
        run_ready();
        assert_eq!(value_of(d), "sent");
        let (sender, receiver) = async_channel::bounded(1);
        let d = spawn(async move { Ok(receiver.recv().await?) });
        sender.try_send("sent".to_owned()).unwrap();
        run_ready();
        assert_eq!(value_of(d), "sent");
        let (_sender, receiver) = async_channel::bounded::<()>(1);
        let d = spawn(async move { Ok(receiver.recv().await?) });
        d.cancel();
        run_ready();
        assert!(result_of(d).is_err());
        assert!(result_of(spawn(std::future::pending::<Result<u32, _>>())).is_err());
    });
}

#[test]
fn futures_that_are_dropped() {
    stays_level(|| {
        let (_slow_trigger, slow) = deferred::<String>();
        let (trigger, quick) = deferred::<String>();
        let d = spawn(async move {
            let both = select(slow.into_future(), quick.into_future());
            both.await.factor_first().0
        });
        trigger.callback("quick".to_owned()).unwrap();
        assert_eq!(value_of(d), "quick");
        let (_trigger, waited) = deferred::<String>();
        drop(waited.into_future());
    });
}

#[test]
fn other_executors() {
    let mut pool = LocalPool::new();
    stays_level(|| {
        let (trigger, waited) = deferred::<String>();
        let fire = async move { trigger.callback("text".to_owned()) };
        let both = async { futures::join!(waited.into_future(), fire).0 };
        assert_eq!(pool.run_until(both).unwrap(), "text");
    });
}

#[test]
fn one_deferred_that_lives_long() {
    let mut d = Some(succeed(vec![0]));
    stays_level(|| {
        let next = d.take().unwrap().map(|list| list);
        let next = next.add_callback(succeed);
        next.pause();
        next.unpause().unwrap();
        next.cancel();
        drop(next.pause_guard());
        d = Some(next);
    });
}

#[test]
fn one_coroutine_that_lives_long() {
    let queue = DeferredQueue::new();
    let source = queue.clone();
    let d = spawn(async move {
        while source.get()?.await? != "end" {}
        Ok(())
    });
    stays_level(|| queue.put("item".to_owned()).unwrap());
    queue.put("end".to_owned()).unwrap();
    value_of(d);
}

#[test]
fn random_programs() {
    let config = Config {
        cases: scale::cases(1_000),
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&model::program::programs(false), |program| {
        // The first time the lists of the thread may grow.
        drop(model::run(&program));
        let before = HELD.get();
        drop(model::run(&program));
        proptest::prop_assert_eq!(HELD.get() - before, 0);
        Ok(())
    });
    if let Err(difference) = result {
        panic!("{difference}");
    }
}
