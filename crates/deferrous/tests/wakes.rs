//! Coroutines that other threads wake: they go on in the reactor that was current when they were
//! spawned.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, mpsc},
    task::{Poll, Waker},
    thread,
    time::Duration,
};

use deferrous::{
    Abandoned, CannotResume, Failure, Origin, Reactor, capture_unhandled, gather_results, spawn,
};
use futures::{
    StreamExt,
    channel::{mpsc as channel, oneshot},
};
use reactor_support::{Log, OnDrop, ms, reactor, run, within_a_minute};

/// Waits until `wake` has had the waker woken, in whatever way.
async fn woken_by(wake: impl FnOnce(Waker)) {
    let mut wake = Some(wake);
    poll_fn(|context| match wake.take() {
        Some(wake) => {
            wake(context.waker().clone());
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
    .await;
}

async fn yield_once() {
    woken_by(|waker| waker.wake()).await;
}

#[test]
fn a_thread_wakes_a_coroutine_on_its_reactor() {
    within_a_minute(|| {
        let reactor = reactor();
        let (sender, receiver) = oneshot::channel();
        let home = thread::current().id();
        let (ready, go) = mpsc::channel();
        let sending = thread::spawn(move || {
            go.recv().unwrap();
            sender.send(5).unwrap();
        });
        let result = run(&reactor, async move {
            ready.send(()).unwrap();
            let value = receiver.await?;
            assert!(Reactor::current().is_some());
            Ok((value, thread::current().id()))
        });
        assert_eq!(result, (5, home));
        sending.join().unwrap();
    });
}

#[test]
fn it_resumes_on_the_reactor_it_was_spawned_on() {
    within_a_minute(|| {
        let (first, second) = (reactor(), reactor());
        let (sender, receiver) = oneshot::channel::<()>();
        let log = Log::new();
        let seen = log.clone();
        let d = first.spawn(async move {
            receiver.await?;
            seen.add("resumed");
            Ok(())
        });
        thread::spawn(move || sender.send(()))
            .join()
            .unwrap()
            .unwrap();
        second.run_until(second.spawn(async { Ok(()) })).unwrap();
        assert_eq!(log.len(), 0);
        first.run_until(d).unwrap();
        assert_eq!(log.take(), ["resumed"]);
    });
}

#[test]
fn spawning_in_a_callback_uses_the_running_reactor() {
    within_a_minute(|| {
        let reactor = reactor();
        let stop = reactor.clone();
        reactor.call_when_running(move || {
            let (sender, receiver) = oneshot::channel::<()>();
            spawn(async move { Ok(receiver.await?) })
                .add_both(move |result| drop((result.unwrap(), stop.stop())));
            thread::spawn(move || sender.send(()));
        });
        reactor.run().unwrap();
    });
}

#[test]
fn a_wake_during_the_poll_is_not_lost() {
    within_a_minute(|| {
        run(&reactor(), async {
            for _ in 0..100 {
                woken_by(|waker| thread::spawn(|| waker.wake()).join().unwrap()).await;
            }
            Ok(())
        });
    });
}

#[test]
fn a_wake_by_reference_is_not_lost_when_the_waker_comes_home() {
    within_a_minute(|| {
        run(&reactor(), async {
            let wake = |waker: Waker| {
                let woken = thread::spawn(move || {
                    waker.wake_by_ref();
                    waker
                });
                drop(woken.join().unwrap());
            };
            woken_by(wake).await;
            Ok(())
        });
    });
}

#[test]
fn a_waker_that_comes_home_after_it_was_used_takes_nothing_with_it() {
    within_a_minute(|| {
        let reactor = reactor();
        let slot = Arc::new(Mutex::new(None));
        let store = slot.clone();
        let d = reactor.spawn(async move {
            woken_by(|waker| *store.lock().unwrap() = Some(waker)).await;
            Ok(5)
        });
        let waker = mem::take(&mut *slot.lock().unwrap()).unwrap();
        let used = thread::spawn(move || {
            waker.wake_by_ref();
            waker
        });
        drop(used.join().unwrap());
        assert_eq!(reactor.run_until(d).unwrap(), 5);
    });
}

#[test]
fn wakes_that_race_with_the_poll_are_not_lost() {
    within_a_minute(|| {
        let (to_thread, wakers) = mpsc::channel::<Waker>();
        let waking = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
        run(&reactor(), async move {
            for _ in 0..20_000 {
                woken_by(|waker| to_thread.send(waker).unwrap()).await;
            }
            Ok(())
        });
        waking.join().unwrap();
    });
}

#[test]
fn many_coroutines_hear_from_many_threads() {
    within_a_minute(|| {
        let reactor = reactor();
        let (mut ends, mut coroutines) = (Vec::new(), Vec::new());
        for n in 0..1000_u32 {
            let (sender, receiver) = oneshot::channel();
            ends.push((n, sender));
            coroutines.push(reactor.spawn(async move { Ok(receiver.await?) }));
        }
        for _ in 0..4 {
            let ends: Vec<_> = ends.drain(..250).collect();
            thread::spawn(move || ends.into_iter().for_each(|(n, end)| end.send(n).unwrap()));
        }
        let all = reactor.run_until(gather_results(coroutines)).unwrap();
        assert_eq!(all, Vec::from_iter(0..1000));
    });
}

#[test]
fn a_stream_from_a_thread_keeps_its_order() {
    within_a_minute(|| {
        let (sender, mut receiver) = channel::unbounded();
        thread::spawn(move || (0..10_000).for_each(|n| sender.unbounded_send(n).unwrap()));
        run(&reactor(), async move {
            for expected in 0..10_000 {
                assert_eq!(receiver.next().await, Some(expected));
            }
            assert_eq!(receiver.next().await, None);
            Ok(())
        });
    });
}

#[test]
fn a_coroutine_that_always_wakes_itself_does_not_keep_others_waiting() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (stop, seen) = (reactor.clone(), log.clone());
        let busy = reactor.spawn::<()>(async {
            loop {
                yield_once().await;
            }
        });
        let busy = busy.add_errback(|failure| failure.trap::<Abandoned>().map(drop));
        reactor.call_later(ms(2), seen.adds("timer"));
        let seen = log.clone();
        reactor
            .defer_to_thread(|| Ok(()))
            .map(move |()| seen.add("thread"));
        reactor.call_later(ms(20), move || stop.stop().unwrap());
        reactor.run().unwrap();
        let mut events = log.take();
        events.sort_unstable();
        assert_eq!(events, ["thread", "timer"]);
        assert!(busy.into_result().is_ok());
    });
}

#[test]
fn a_coroutine_that_always_wakes_itself_ends_with_its_reactor() {
    within_a_minute(|| {
        let reactor = reactor();
        let (trigger, stuck) = deferrous::deferred::<()>();
        let busy = reactor.spawn::<()>(async {
            let _ = stuck.await;
            loop {
                yield_once().await;
            }
        });
        run(&reactor, async { Ok(()) });
        drop(trigger);
        let failure = busy.into_result().unwrap().unwrap_err();
        assert!(failure.check::<Abandoned>());
    });
}

#[test]
fn a_coroutine_whose_last_waker_is_dropped_in_a_thread_is_abandoned() {
    within_a_minute(|| {
        let reactor = reactor();
        let d = reactor.spawn(async {
            woken_by(|waker| drop(thread::spawn(move || drop(waker)))).await;
            Ok(())
        });
        assert!(reactor.run_until(d).unwrap_err().check::<Abandoned>());
    });
}

#[test]
fn cancelling_drops_the_future_and_later_wakes_do_nothing() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let slot = Arc::new(Mutex::new(None));
        let (store, seen) = (slot.clone(), log.clone());
        let d = reactor.spawn(async move {
            let _dropped = OnDrop(|| seen.add("dropped"));
            woken_by(|waker| *store.lock().unwrap() = Some(waker)).await;
            Ok(())
        });
        d.cancel();
        assert_eq!(log.take(), ["dropped"]);
        let waker = mem::take(&mut *slot.lock().unwrap()).unwrap();
        thread::spawn(move || waker.wake()).join().unwrap();
        reactor.call_later(Duration::ZERO, || {
            Reactor::current().unwrap().stop().unwrap()
        });
        reactor.run().unwrap();
        assert!(d.into_result().unwrap().is_err());
    });
}

#[test]
fn a_coroutine_whose_wake_the_reactor_did_not_live_to_see_is_abandoned() {
    within_a_minute(|| {
        let reactor = reactor();
        let (sender, receiver) = oneshot::channel::<()>();
        let d = reactor.spawn(async move { Ok(receiver.await?) });
        thread::spawn(move || sender.send(()))
            .join()
            .unwrap()
            .unwrap();
        drop(reactor);
        assert!(d.into_result().unwrap().unwrap_err().check::<Abandoned>());
    });
}

#[test]
fn a_wake_without_a_reactor_is_reported() {
    within_a_minute(|| {
        let (sender, receiver) = oneshot::channel::<()>();
        let d = spawn(async move { Ok::<_, Failure>(receiver.await?) });
        let reported = thread::spawn(move || {
            let captured = capture_unhandled();
            sender.send(()).unwrap();
            captured.take()
        });
        let reported = reported.join().unwrap();
        assert_eq!(reported.len(), 1);
        assert_eq!(reported[0].origin, Origin::Wake);
        assert!(reported[0].failure.check::<CannotResume>());
        assert!(d.into_result().is_err());
    });
}
