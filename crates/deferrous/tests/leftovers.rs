//! A reactor that has run leaves nothing behind.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{fs, os::unix::net::UnixStream, rc::Rc, sync::Mutex, thread};

use deferrous::{Deferred, LoopingCall, MemoryReactor, Phase, Reactor, SystemEvent, deferred};
use reactor_support::{
    HOUR,
    alloc::{Counting, in_use},
    ms, within_a_minute,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The tests count what the whole process uses, so only one may run.
static ALONE: Mutex<()> = Mutex::new(());

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The threads of pools.
fn workers() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("deferrous-")).count()
}

/// Fails if memory, descriptors or threads grow with every call.
fn assert_leaves_nothing(case: impl Fn() + Send + 'static) {
    const ROUNDS: isize = 100;
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    within_a_minute(move || {
        for _ in 0..20 {
            case();
        }
        let before = descriptors();
        // The harness allocates too, now and then. What leaks does so in every batch.
        let batches = (0..3).map(|_| {
            let before = in_use();
            for _ in 0..ROUNDS {
                case();
            }
            in_use() - before
        });
        let grown = batches.min().unwrap();
        assert_eq!((descriptors(), workers()), (before, 0));
        assert!(
            grown < 16 * ROUNDS,
            "grew by {grown} bytes in {ROUNDS} rounds"
        );
    });
}

/// Keeps failures from being reported, which the test harness would collect.
fn ignore<T: 'static>(d: Deferred<T>) {
    drop(d.add_both(|_| ()));
}

fn stop_soon(reactor: &Reactor) {
    let stop = reactor.clone();
    reactor.call_later(ms(0), move || stop.stop().unwrap());
}

#[test]
fn an_empty_run() {
    assert_leaves_nothing(|| {
        let reactor = Reactor::new().unwrap();
        stop_soon(&reactor);
        reactor.run().unwrap();
    });
}

#[test]
fn a_run_that_leaves_everything_pending() {
    assert_leaves_nothing(|| {
        let reactor = Reactor::new().unwrap();
        let me = || Rc::new(reactor.clone());
        let owned = me();
        reactor.call_later(HOUR, move || drop(owned));
        let (near, far) = UnixStream::pair().unwrap();
        let (near, owned) = (Rc::new(near), me());
        reactor
            .add_reader(near.clone(), move |_| drop(owned.clone()))
            .unwrap();
        let owned = me();
        reactor
            .add_reader(far, move |_| drop(owned.clone()))
            .unwrap();
        let owned = me();
        let hangup = signal_hook::consts::SIGHUP;
        reactor
            .add_signal_handler(hangup, move || drop(owned.clone()))
            .unwrap();
        let owned = me();
        let (before, event) = (Phase::Before, SystemEvent::Startup);
        let id = reactor.add_system_event_trigger(before, event, move || drop(owned));
        reactor.remove_system_event_trigger(id).unwrap();
        let owned = me();
        let tick = LoopingCall::new(&reactor, move || drop(owned.clone()));
        ignore(tick.start(HOUR, false).unwrap());
        drop(tick);
        let owned = me();
        let (trigger, d) = deferred::<()>();
        ignore(reactor.spawn(async move {
            let _owned = owned;
            d.await
        }));
        reactor.call_later(HOUR, move || trigger.callback(()).unwrap());
        stop_soon(&reactor);
        reactor.run().unwrap();
        drop(near);
    });
}

#[test]
fn a_run_with_threads() {
    assert_leaves_nothing(|| {
        let reactor = Reactor::builder().thread_pool(1, 4).build().unwrap();
        let jobs: Vec<_> = (0..8)
            .map(|n| reactor.defer_to_thread(move || Ok(n)))
            .collect();
        let remote = reactor.remote();
        let caller = thread::spawn(move || remote.blocking_call_from_thread(|_| ()));
        let all = deferrous::gather_results(jobs);
        reactor.run_until(all).unwrap();
        let _ = caller.join();
    });
}

#[test]
fn coroutines_that_are_left_waiting_for_a_thread() {
    assert_leaves_nothing(|| {
        let reactor = Reactor::new().unwrap();
        let (sender, receiver) = futures::channel::oneshot::channel::<()>();
        let owned = reactor.clone();
        ignore(reactor.spawn(async move {
            let _owned = owned;
            Ok(receiver.await?)
        }));
        stop_soon(&reactor);
        reactor.run().unwrap();
        drop(sender);
        deferrous::run_ready();
    });
}

#[test]
fn coroutines_that_wake_themselves_for_ever() {
    assert_leaves_nothing(|| {
        let reactor = Reactor::new().unwrap();
        let owned = reactor.clone();
        ignore(reactor.spawn::<()>(async move {
            let _owned = owned;
            loop {
                let mut polled = false;
                std::future::poll_fn(|context| {
                    context.waker().wake_by_ref();
                    if std::mem::replace(&mut polled, true) {
                        return std::task::Poll::Ready(());
                    }
                    std::task::Poll::Pending
                })
                .await;
            }
        }));
        stop_soon(&reactor);
        reactor.run().unwrap();
    });
}

#[test]
fn a_reactor_that_runs_again_and_again() {
    assert_leaves_nothing(|| {
        thread_local! {
            static AGAIN: Reactor = Reactor::new().unwrap();
        }
        let reactor = AGAIN.with(Reactor::clone);
        let me = || Rc::new(reactor.clone());
        let owned = me();
        reactor.call_later(HOUR, move || drop(owned));
        let (near, _far) = UnixStream::pair().unwrap();
        let owned = me();
        reactor
            .add_reader(near, move |_| drop(owned.clone()))
            .unwrap();
        reactor
            .run_until(reactor.defer_to_thread(|| Ok(())))
            .unwrap();
    });
}

#[test]
fn a_reactor_that_never_ran_and_is_kept_by_its_closures_keeps_no_descriptors() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let before = descriptors();
    for _ in 0..10 {
        let reactor = Reactor::new().unwrap();
        let owned = reactor.clone();
        reactor.call_later(HOUR, move || drop(owned));
        let owned = reactor.clone();
        reactor.call_when_running(move || drop(owned));
        let owned = reactor.clone();
        ignore(reactor.sleep(HOUR).map(move |()| drop(owned)));
        let owned = reactor.clone();
        ignore(
            reactor
                .defer_to_thread(|| Ok(()))
                .map(move |()| drop(owned)),
        );
        reactor.remote().stop().unwrap();
    }
    assert_eq!((descriptors(), workers()), (before, 0));
}

#[test]
fn a_reactor_that_never_ran() {
    assert_leaves_nothing(|| {
        let reactor = Reactor::new().unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        reactor.add_reader(near, |_| ()).unwrap();
        reactor.add_writer(far, |_| ()).unwrap();
        reactor
            .add_signal_handler(signal_hook::consts::SIGHUP, || ())
            .unwrap();
        reactor.call_later(HOUR, || ());
        ignore(reactor.defer_to_thread(|| Ok(())));
    });
}

#[test]
fn a_memory_reactor_opens_no_descriptor_and_leaves_nothing() {
    assert_leaves_nothing(|| {
        let before = descriptors();
        let memory = MemoryReactor::new();
        let reactor = memory.reactor();
        let own = reactor.clone();
        reactor.call_later(ms(1), move || drop(own));
        ignore(reactor.defer_to_thread(|| Ok(1)));
        memory.settle();
        ignore(reactor.defer_to_thread(|| Ok(2)));
        assert_eq!((descriptors(), workers()), (before, 0));
    });
}
