//! What becomes of wakers: the last one is dropped, many wake, one panics.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Wake, Waker},
};

use deferrous::{
    Abandoned, Deferred, Failure, Origin, Panicked, capture_unhandled, deferred, run_ready, spawn,
};
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};

use crate::{
    Slot, failure_of,
    reactor_support::{OnDrop, ms, within_a_minute},
    value_of, with_and_without_a_reactor, woken_under_a_borrow,
};

#[test]
fn dropping_the_last_waker_under_a_lock_abandons_the_coroutine_later() {
    with_and_without_a_reactor(|spawner| {
        let slot = Slot::default();
        let (wait, check) = (slot.never(), slot.clone());
        let guard = OnDrop(move || assert!(check.0.borrow().1.is_none()));
        let d = spawner.spawn(async move {
            let _guard = guard;
            wait.await
        });
        let result = spawner.result_after(d, 0, move || slot.drop_waker());
        assert!(result.unwrap_err().check::<Abandoned>());
    });
}

#[test]
fn dropping_the_last_waker_after_a_wake_keeps_the_wake() {
    with_and_without_a_reactor(|spawner| {
        let slot = Slot::default();
        let d = spawner.spawn(slot.until_poll(2));
        let waker = slot.take();
        waker.wake_by_ref();
        drop(waker);
        assert_eq!(spawner.result_after(d, 1, || ()).unwrap(), 5);
    });
}

#[test]
fn a_coroutine_that_is_woken_often_is_polled_once() {
    with_and_without_a_reactor(|spawner| {
        let slot = Slot::default();
        let d = spawner.spawn(slot.never());
        let waker = slot.take();
        (0..100).for_each(|_| waker.wake_by_ref());
        // Keeps the coroutine waiting.
        std::mem::forget(waker);
        match spawner.0.clone() {
            None => assert_eq!(run_ready(), 1),
            Some(reactor) => {
                let stop = reactor.clone();
                reactor.call_later(ms(1), move || stop.stop().unwrap());
                reactor.run().unwrap();
            }
        }
        assert_eq!(slot.polls(), 2);
        d.cancel();
        assert_eq!(run_ready(), 0);
        assert_eq!(slot.polls(), 2);
        drop(failure_of(d));
    });
}

async fn unordered(waited: Vec<Deferred<u32>>) -> Result<u32, Failure> {
    let mut unordered: FuturesUnordered<_> =
        waited.into_iter().map(IntoFuture::into_future).collect();
    let mut sum = 0;
    while let Some(value) = unordered.next().await {
        sum += value?;
    }
    Ok(sum)
}

async fn shared(waited: Vec<Deferred<u32>>) -> Result<u32, Failure> {
    let mut sum = 0;
    for d in waited {
        let future = d.into_future().map(|result| result.unwrap());
        sum += future.shared().await;
    }
    Ok(sum)
}

#[test]
fn a_deferred_resumes_a_coroutine_in_the_call_that_fires_it_through_any_future() {
    with_and_without_a_reactor(|spawner| {
        for is_shared in [false, true] {
            let (triggers, waited): (Vec<_>, Vec<_>) = (0..3).map(|_| deferred()).unzip();
            let d = match is_shared {
                true => spawner.spawn(shared(waited)),
                false => spawner.spawn(unordered(waited)),
            };
            for trigger in &triggers {
                assert!(!d.is_called());
                trigger.callback(1).unwrap();
            }
            assert_eq!(value_of(d), 3);
        }
        assert_eq!(run_ready(), 0);
    });
}

#[test]
fn a_coroutine_that_fires_what_it_awaits_through_others_is_polled_again() {
    within_a_minute(|| {
        let (trigger, waited) = deferred::<u32>();
        let d = spawn(async move {
            let mut unordered = FuturesUnordered::from_iter([waited.into_future()]);
            let fire = async { trigger.callback(5).unwrap() };
            let (value, ()) = futures::join!(unordered.next(), fire);
            value.unwrap()
        });
        assert_eq!(value_of(d), 5);
    });
}

struct Panics(Waker);

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
        panic!("in a waker");
    }
}

#[test]
fn a_wake_is_done_even_if_a_waker_beside_it_panics() {
    within_a_minute(|| {
        let captured = capture_unhandled();
        let (trigger, waited) = deferred::<u32>();
        let mut future = waited.into_future();
        let d = spawn(poll_fn(move |context| {
            let waker = Waker::from(Arc::new(Panics(context.waker().clone())));
            future.poll_unpin(&mut Context::from_waker(&waker))
        }));
        trigger.callback(5).unwrap();
        let reported = captured.take();
        assert_eq!((reported.len(), reported[0].origin), (1, Origin::Wake));
        assert!(reported[0].failure.check::<Panicked>());
        assert_eq!(run_ready(), 1);
        assert_eq!(value_of(d), 5);
    });
}

#[test]
fn a_destructor_that_panics_does_not_keep_the_others_waiting() {
    within_a_minute(|| {
        let captured = capture_unhandled();
        let slot = Slot::default();
        let (wait, guard) = (slot.never(), OnDrop(|| panic!("in a destructor")));
        let abandoned = spawn(async move {
            let _guard = guard;
            wait.await
        });
        let (future, act) = woken_under_a_borrow();
        let d = spawn(future);
        slot.drop_waker();
        act();
        assert_eq!(run_ready(), 1);
        assert_eq!(value_of(d), 5);
        let reported = captured.take();
        assert_eq!((reported.len(), reported[0].origin), (1, Origin::Wake));
        drop(abandoned);
    });
}
