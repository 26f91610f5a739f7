//! Which reactor or executor resumes a coroutine that others have woken.

use std::{
    future::poll_fn,
    task::{Poll, Waker},
};

use deferrous::{deferred, run_ready, spawn, succeed};
use futures::{FutureExt, executor::LocalPool, task::LocalSpawnExt};

use crate::{
    failure_of,
    reactor_support::{HOUR, Log, ms, reactor, within_a_minute},
    value_of, woken_under_a_borrow,
};

#[test]
fn a_wake_goes_to_the_reactor_that_the_coroutine_was_spawned_on() {
    within_a_minute(|| {
        let (first, second) = (reactor(), reactor());
        let (future, act) = woken_under_a_borrow();
        let d = first.spawn(future);
        second.call_when_running(act);
        second.run_until(second.spawn(async { Ok(()) })).unwrap();
        assert_eq!(run_ready(), 0);
        assert!(!d.is_called());
        assert_eq!(first.run_until(d).unwrap(), 5);
    });
}

#[test]
fn a_reactor_resumes_the_coroutines_of_its_thread_that_have_none() {
    within_a_minute(|| {
        let (future, act) = woken_under_a_borrow();
        let d = spawn(future);
        let reactor = reactor();
        reactor.call_later(ms(1), act);
        assert_eq!(reactor.run_until(d).unwrap(), 5);
    });
}

#[test]
fn a_coroutine_without_a_reactor_does_not_keep_a_reactor_from_its_work() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (trigger, go) = deferred::<()>();
        let busy = spawn::<()>(async move {
            go.await?;
            loop {
                tokio::task::yield_now().await;
            }
        });
        let (seen, stop) = (log.clone(), reactor.clone());
        reactor.call_later(ms(5), move || {
            seen.add("timer");
            busy.cancel();
            drop(failure_of(busy));
            stop.stop().unwrap();
        });
        reactor.call_when_running(move || trigger.callback(()).unwrap());
        reactor.run().unwrap();
        assert_eq!(log.take(), ["timer"]);
    });
}

#[test]
fn a_coroutine_that_is_woken_after_the_end_of_its_reactor_goes_on_without_one() {
    within_a_minute(|| {
        let (future, act) = woken_under_a_borrow();
        let reactor = reactor();
        let d = reactor.spawn(future);
        reactor.run_until(succeed(())).unwrap();
        act();
        assert!(!d.is_called());
        assert_eq!(run_ready(), 1);
        assert_eq!(value_of(d), 5);
    });
}

#[test]
fn the_end_of_a_reactor_resumes_what_it_wakes() {
    within_a_minute(|| {
        let (sender, receiver) = async_channel::unbounded::<()>();
        let reactor = reactor();
        let d = reactor.spawn(async move { Ok(receiver.recv().await.is_err()) });
        reactor.call_later(HOUR, move || drop(sender));
        let stop = reactor.clone();
        reactor.call_when_running(move || stop.stop().unwrap());
        reactor.run().unwrap();
        assert!(value_of(d));
    });
}

#[test]
fn a_thread_wakes_a_coroutine_whose_poll_runs_its_reactor() {
    within_a_minute(|| {
        let reactor = reactor();
        let (to_thread, wakers) = std::sync::mpsc::channel::<Waker>();
        let inner = reactor.clone();
        let mut runs = Some(move || {
            let waking = std::thread::spawn(move || wakers.recv().unwrap().wake());
            inner.run_until(inner.defer_to_thread(move || {
                waking.join().unwrap();
                Ok(())
            }))
        });
        let d = reactor.spawn(poll_fn(move |context| match runs.take() {
            Some(run) => {
                to_thread.send(context.waker().clone()).unwrap();
                run().unwrap();
                Poll::Pending
            }
            None => Poll::Ready(Ok(5)),
        }));
        assert_eq!(value_of(d), 5);
    });
}

#[test]
fn an_executor_of_others_that_awaits_a_deferred_resumes_what_it_waits_for() {
    within_a_minute(|| {
        let mut pool = LocalPool::new();
        let (future, act) = woken_under_a_borrow();
        let inner = spawn(future);
        let outer = spawn(async move { inner.await.map(|n| n + 1) });
        // The executor awaits Deferreds that have nothing to do with it, before and after.
        let (triggers, ds): (Vec<_>, Vec<_>) = (0..2).map(|_| deferred::<()>()).unzip();
        let mut ds = ds.into_iter().map(IntoFuture::into_future);
        let (before, after) = (ds.next().unwrap(), ds.next().unwrap());
        let (dropped, last) = futures::future::abortable(after);
        let tasks = pool.spawner();
        tasks.spawn_local(before.map(drop)).unwrap();
        tasks.spawn_local(dropped.map(drop)).unwrap();
        pool.run_until_stalled();
        tasks.spawn_local(async move { act() }).unwrap();
        // The last one to wait is told first, and has gone by then.
        tasks.spawn_local(async move { last.abort() }).unwrap();
        assert_eq!(pool.run_until(outer.into_future()).unwrap(), 6);
        assert_eq!(run_ready(), 0);
        drop((triggers, pool));
    });
}
