//! Coroutines among the futures and executors of others.

mod support;

use std::{
    cell::{Cell, RefCell},
    future::{poll_fn, ready},
    rc::Rc,
    task::Poll,
    thread,
};

use deferrous::{Cancelled, CannotResume, Origin, capture_unhandled, deferred, run_ready, spawn};
use futures::{
    channel::oneshot, executor::LocalPool, future::Either, pin_mut, task::LocalSpawnExt,
};
use support::{error, failure_of, value_of};

#[test]
fn a_foreign_future_resumes_on_the_same_thread() {
    let (sender, receiver) = oneshot::channel();
    let d = spawn(async move { Ok(receiver.await? + 1) });
    assert!(!d.is_called());
    sender.send(1).unwrap();
    assert_eq!(run_ready(), 1);
    assert_eq!(value_of(d), 2);
}

#[test]
fn a_foreign_future_that_fails_is_a_failure() {
    let (sender, receiver) = oneshot::channel::<i32>();
    let d = spawn(async move { Ok(receiver.await?) });
    drop(sender);
    run_ready();
    assert!(failure_of(d).check::<oneshot::Canceled>());
}

#[test]
fn join_waits_for_both() {
    let (a_trigger, a) = deferred::<i32>();
    let (b_trigger, b) = deferred::<i32>();
    let d = spawn(async move {
        let (a, b) = futures::join!(a.into_future(), b.into_future());
        Ok((a?, b?))
    });
    b_trigger.callback(2).unwrap();
    assert!(!d.is_called());
    a_trigger.callback(1).unwrap();
    assert_eq!(value_of(d), (1, 2));
}

#[test]
fn select_takes_the_first_and_cancels_the_other() {
    let captured = capture_unhandled();
    let (slow_trigger, slow) = deferred::<i32>();
    let (quick_trigger, quick) = deferred::<i32>();
    let d = spawn(async move {
        match futures::future::select(slow.into_future(), quick.into_future()).await {
            Either::Left((slow, _)) => Ok(("slow", slow?)),
            Either::Right((quick, _)) => Ok(("quick", quick?)),
        }
    });
    quick_trigger.callback(1).unwrap();
    assert_eq!(value_of(d), ("quick", 1));
    assert!(slow_trigger.is_called());
    assert!(captured.take().is_empty());
}

#[test]
fn the_select_macro_works_on_fused_deferreds() {
    use futures::FutureExt;
    let (_slow_trigger, slow) = deferred::<i32>();
    let (trigger, quick) = deferred::<i32>();
    let d = spawn(async move {
        let slow = slow.into_future().fuse();
        let quick = quick.into_future().fuse();
        pin_mut!(slow, quick);
        futures::select! {
            _ = slow => Ok(0),
            n = quick => n,
        }
    });
    trigger.callback(7).unwrap();
    assert_eq!(value_of(d), 7);
}

#[test]
fn a_wake_from_another_thread_without_a_reactor_is_reported() {
    let (sender, receiver) = oneshot::channel();
    let d = spawn(async move { Ok(receiver.await?) });
    let reported = thread::spawn(move || {
        let captured = capture_unhandled();
        sender.send(1).unwrap();
        captured.take()
    });
    let reported = reported.join().unwrap();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].origin, Origin::Wake);
    assert!(reported[0].failure.check::<CannotResume>());
    assert!(!d.is_called());
    d.cancel();
    assert!(failure_of(d).check::<Cancelled>());
}

#[test]
fn a_deferred_is_awaited_in_another_executor() {
    let mut pool = LocalPool::new();
    let (trigger, waited) = deferred::<i32>();
    let result = Rc::new(Cell::new(0));
    let seen = result.clone();
    let task = async move { seen.set(waited.await.unwrap()) };
    pool.spawner().spawn_local(task).unwrap();
    pool.run_until_stalled();
    assert_eq!(result.get(), 0);
    trigger.callback(3).unwrap();
    pool.run_until_stalled();
    assert_eq!(result.get(), 3);
}

#[test]
fn a_deferred_fired_before_another_executor_polls_again_keeps_its_failure() {
    let captured = capture_unhandled();
    let mut pool = LocalPool::new();
    let (trigger, waited) = deferred::<i32>();
    let result: Rc<RefCell<Option<String>>> = Rc::default();
    let seen = result.clone();
    let task = async move { *seen.borrow_mut() = Some(waited.await.unwrap_err().to_string()) };
    pool.spawner().spawn_local(task).unwrap();
    pool.run_until_stalled();
    trigger.errback(error("no")).unwrap();
    drop(trigger);
    assert!(captured.take().is_empty());
    pool.run();
    assert_eq!(result.take().unwrap(), "no");
    assert!(captured.take().is_empty());
}

#[test]
fn coroutines_run_in_coroutines_of_another_executor() {
    let mut pool = LocalPool::new();
    let (sender, receiver) = oneshot::channel::<i32>();
    let sum = async {
        let inner = spawn(async move { Ok(receiver.await?) });
        inner.await.unwrap() + ready(1).await
    };
    pool.spawner()
        .spawn_local(async move { sender.send(4).unwrap() })
        .unwrap();
    assert_eq!(pool.run_until(sum), 5);
}

#[test]
fn a_future_may_move_to_another_task_between_polls() {
    let (trigger, waited) = deferred::<i32>();
    let future = Rc::new(RefCell::new(Box::pin(waited.into_future())));
    let first = {
        let future = future.clone();
        spawn(async move {
            poll_fn(|context| {
                let _ = future.borrow_mut().as_mut().poll(context);
                Poll::Ready(())
            })
            .await;
            Ok(())
        })
    };
    value_of(first);
    let second =
        spawn(async move { poll_fn(|context| future.borrow_mut().as_mut().poll(context)).await });
    trigger.callback(6).unwrap();
    assert_eq!(value_of(second), 6);
}

#[test]
fn cancelling_drops_a_foreign_future() {
    let (sender, receiver) = oneshot::channel::<i32>();
    let d = spawn(async move { Ok(receiver.await?) });
    d.cancel();
    assert!(sender.is_canceled());
    assert!(failure_of(d).check::<Cancelled>());
}
