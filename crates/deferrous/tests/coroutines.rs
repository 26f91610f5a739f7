//! Async blocks over Deferreds.

mod support;

use std::{
    cell::{Cell, RefCell},
    future::{pending, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
};

use deferrous::{
    Abandoned, Cancelled, Deferred, Failure, Panicked, capture_unhandled, deferred,
    deferred_with_canceller, fail, run_ready, spawn, succeed,
};
use support::{Dropped, Trace, error, failure_of, messages, value_of};

#[test]
fn a_coroutine_runs_at_once_until_it_first_waits() {
    let trace = Trace::new();
    let (trigger, d) = deferred::<i32>();
    let seen = trace.clone();
    let result = spawn(async move {
        seen.note("before");
        let n = d.await?;
        seen.note("after");
        Ok(n + 1)
    });
    assert_eq!(trace.take(), ["before"]);
    assert!(!result.is_called());
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["after"]);
    assert_eq!(value_of(result), 2);
}

#[test]
fn awaiting_a_fired_deferred_does_not_wait() {
    assert_eq!(value_of(spawn(async { Ok(succeed(1).await? + 1) })), 2);
}

#[test]
fn awaiting_a_failure_gives_it() {
    let captured = capture_unhandled();
    let d = spawn(async {
        let failure = fail::<i32>(error("no")).await.unwrap_err();
        Ok(failure.to_string())
    });
    assert_eq!(value_of(d), "no");
    assert!(captured.take().is_empty());
}

#[test]
fn the_question_mark_ends_a_coroutine_with_the_failure() {
    let captured = capture_unhandled();
    let (trigger, waited) = deferred::<i32>();
    let d = spawn(async { Ok(waited.await? + 1) });
    trigger.errback(error("no")).unwrap();
    drop(trigger);
    assert_eq!(failure_of(d).to_string(), "no");
    assert!(captured.take().is_empty());
}

#[test]
fn the_result_of_a_coroutine_runs_links_before_callback_returns() {
    let trace = Trace::new();
    let (trigger, waited) = deferred::<i32>();
    let d = spawn(waited.into_future()).add_both(trace.both("link"));
    trigger.callback(1).unwrap();
    trace.note("returned");
    assert_eq!(trace.take(), ["link value 1", "returned"]);
    drop(d);
}

#[test]
fn links_before_the_await_run_first() {
    let (trigger, waited) = deferred::<i32>();
    let waited = waited.map(|n| n + 1).add_callback(|n| succeed(n * 10));
    let d = spawn(waited.into_future());
    trigger.callback(1).unwrap();
    assert_eq!(value_of(d), 20);
}

#[test]
fn a_paused_deferred_is_awaited_until_the_pause_ends() {
    let waited = succeed(1);
    let guard = waited.pause_guard();
    let d = spawn(waited.into_future());
    assert!(!d.is_called());
    drop(guard);
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_waiting_deferred_is_awaited_until_the_wait_ends() {
    let (trigger, inner) = deferred::<i32>();
    let waited = succeed(()).add_callback(|()| inner);
    let d = spawn(waited.into_future());
    assert!(!d.is_called());
    trigger.callback(1).unwrap();
    assert_eq!(value_of(d), 1);
}

#[test]
fn coroutines_wait_one_after_the_other() {
    let (triggers, ds): (Vec<_>, Vec<_>) = (0..5).map(|_| deferred::<i32>()).unzip();
    let sum = spawn(async move {
        let mut sum = 0;
        for d in ds {
            sum += d.await?;
        }
        Ok(sum)
    });
    for (index, trigger) in triggers.iter().enumerate().rev() {
        assert!(!sum.is_called());
        trigger.callback(index as i32).unwrap();
    }
    assert_eq!(value_of(sum), 10);
}

#[test]
fn coroutines_spawn_and_await_each_other() {
    let (trigger, waited) = deferred::<i32>();
    let d = spawn(async move {
        let inner = spawn(async move { Ok(spawn(waited.into_future()).await? + 1) });
        Ok(inner.await? + 1)
    });
    trigger.callback(1).unwrap();
    assert_eq!(value_of(d), 3);
}

#[test]
fn a_callback_may_return_a_coroutine() {
    let (trigger, waited) = deferred::<i32>();
    let d = succeed(1).add_callback(|n| spawn(async move { Ok(waited.await? + n) }));
    trigger.callback(2).unwrap();
    assert_eq!(value_of(d), 3);
}

#[test]
fn a_panic_at_once_or_later_is_a_failure() {
    let at_once = spawn(async { panic!("at once") });
    let at_once: Deferred<i32> = at_once;
    assert_eq!(failure_of(at_once).to_string(), "panicked: at once");
    let (trigger, waited) = deferred::<i32>();
    let later: Deferred<i32> = spawn(async move {
        waited.await?;
        panic!("later")
    });
    assert_eq!(trigger.callback(1), Ok(()));
    assert!(failure_of(later).check::<Panicked>());
}

#[test]
fn cancelling_a_finished_coroutine_does_nothing() {
    let d = spawn(async { Ok(1) });
    d.cancel();
    assert_eq!(value_of(d), 1);
}

#[test]
fn cancelling_a_coroutine_while_it_runs_ends_it_where_it_waits() {
    let trace = Trace::new();
    let own: Rc<RefCell<Option<Deferred<()>>>> = Rc::default();
    let (handle, seen) = (own.clone(), trace.clone());
    let guard = Dropped(trace.clone(), "future");
    let (trigger, waited) = deferred::<()>();
    let d = spawn(async move {
        let _guard = guard;
        waited.await?;
        handle.borrow().as_ref().unwrap().cancel();
        seen.note("cancelled");
        pending::<()>().await;
        Ok(())
    });
    own.replace(Some(d));
    trigger.callback(()).unwrap();
    assert_eq!(trace.take(), ["cancelled", "dropped future"]);
    assert!(failure_of(own.take().unwrap()).check::<Cancelled>());
}

#[test]
fn a_coroutine_goes_on_when_its_deferred_is_dropped() {
    let trace = Trace::new();
    let seen = trace.clone();
    let (trigger, waited) = deferred::<i32>();
    drop(spawn(async move {
        seen.note(waited.await?);
        Ok(())
    }));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["1"]);
}

#[test]
fn a_failed_coroutine_whose_deferred_was_dropped_is_reported() {
    let captured = capture_unhandled();
    let (trigger, waited) = deferred::<i32>();
    drop(spawn(async move {
        waited.await?;
        Err::<(), _>(error("lost"))
    }));
    trigger.callback(1).unwrap();
    assert_eq!(messages(&captured), ["lost"]);
}

#[test]
fn awaiting_an_abandoned_deferred_gives_abandoned() {
    let (trigger, waited) = deferred::<i32>();
    let d = spawn(waited.into_future());
    drop(trigger);
    assert!(failure_of(d).check::<Abandoned>());
}

#[test]
fn a_coroutine_that_nothing_can_wake_is_dropped_and_abandoned() {
    let trace = Trace::new();
    let guard = Dropped(trace.clone(), "future");
    let d = spawn(async move {
        let _guard = guard;
        pending::<Result<i32, Failure>>().await
    });
    assert_eq!(trace.take(), ["dropped future"]);
    assert!(failure_of(d).check::<Abandoned>());
}

#[test]
fn dropping_the_future_of_a_deferred_cancels_it() {
    let captured = capture_unhandled();
    let (trigger, waited) = deferred::<i32>();
    let future = waited.into_future();
    assert!(!trigger.is_called());
    drop(future);
    assert!(trigger.is_called());
    drop(trigger);
    assert!(captured.take().is_empty());
}

#[test]
fn dropping_the_future_of_a_failed_deferred_reports_it() {
    let captured = capture_unhandled();
    drop(fail::<i32>(error("lost")).into_future());
    assert_eq!(messages(&captured), ["lost"]);
}

#[test]
fn a_future_that_wakes_itself_is_polled_again() {
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    let d = spawn(async move {
        poll_fn(|context| {
            count.set(count.get() + 1);
            if count.get() == 4 {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        Ok("done")
    });
    assert_eq!(value_of(d), "done");
    assert_eq!(polls.get(), 4);
}

#[test]
fn a_waker_that_was_kept_resumes_the_coroutine() {
    let kept: Rc<Cell<Option<Waker>>> = Rc::default();
    let (keep, woken) = (kept.clone(), Rc::new(Cell::new(false)));
    let ready = woken.clone();
    let d = spawn(async move {
        poll_fn(|context| {
            if ready.get() {
                return Poll::Ready(());
            }
            keep.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
        Ok(5)
    });
    let waker = kept.take().unwrap();
    waker.wake_by_ref();
    assert_eq!(run_ready(), 1);
    assert!(!d.is_called());
    woken.set(true);
    waker.wake();
    assert_eq!(run_ready(), 1);
    assert_eq!(value_of(d), 5);
}

#[test]
fn a_wake_after_the_end_does_nothing() {
    let kept: Rc<Cell<Option<Waker>>> = Rc::default();
    let keep = kept.clone();
    let d = spawn(async move {
        poll_fn(|context| {
            keep.set(Some(context.waker().clone()));
            Poll::Ready(())
        })
        .await;
        Ok(5)
    });
    kept.take().unwrap().wake();
    assert_eq!(run_ready(), 0);
    assert_eq!(value_of(d), 5);
}

#[test]
fn cancelling_drops_the_future_and_cancels_what_it_awaits() {
    let captured = capture_unhandled();
    let trace = Trace::new();
    let (seen, guard) = (trace.clone(), Dropped(trace.clone(), "future"));
    let (_trigger, waited) = deferred_with_canceller::<i32>(move |_| seen.note("canceller"));
    let d = spawn(async move {
        let _guard = guard;
        waited.await
    });
    d.cancel();
    let mut noted = trace.take();
    noted.sort();
    assert_eq!(noted, ["canceller", "dropped future"]);
    assert!(failure_of(d).check::<Cancelled>());
    assert!(captured.take().is_empty());
}

/// A coroutine that cancels itself when `go` fires, and then ends with `end`.
fn cancels_itself(end: impl FnOnce() -> Result<(), Failure> + 'static) -> Vec<String> {
    let captured = capture_unhandled();
    let (trigger, go) = deferred::<()>();
    let handle = Rc::new(RefCell::new(None::<deferrous::CancelHandle>));
    let own = handle.clone();
    let d = spawn(async move {
        go.await?;
        own.take().unwrap().cancel();
        end()
    });
    handle.replace(Some(d.cancel_handle()));
    trigger.callback(()).unwrap();
    assert!(failure_of(d).check::<Cancelled>());
    messages(&captured)
}

#[test]
fn a_failure_after_the_cancellation_is_reported_and_a_value_is_not() {
    let failed = cancels_itself(|| Err(error("important")));
    assert_eq!(failed, ["important"]);
    assert!(cancels_itself(|| Ok(())).is_empty());
}

#[test]
fn a_coroutine_that_awaits_itself_fails() {
    let (trigger, go) = deferred::<()>();
    let slot = Rc::new(RefCell::new(None::<Deferred<()>>));
    let own = slot.clone();
    let ended = Rc::new(RefCell::new(None));
    let end = ended.clone();
    slot.replace(Some(spawn(async move {
        go.await?;
        let me = own.take().unwrap();
        end.replace(me.await.err());
        Ok(())
    })));
    trigger.callback(()).unwrap();
    assert!(ended.take().unwrap().check::<deferrous::CircularWait>());
}

#[test]
fn a_coroutine_that_awaits_itself_goes_on_and_its_result_reaches_the_links() {
    let (trigger, go) = deferred::<()>();
    let slot = Rc::new(RefCell::new(None::<Deferred<&str>>));
    let (own, seen) = (slot.clone(), Rc::new(RefCell::new(None)));
    let see = seen.clone();
    let d = spawn(async move {
        go.await?;
        let me = own.take().unwrap();
        assert!(me.await.is_err());
        Ok("the rest")
    });
    slot.replace(Some(d.add_both(move |result| {
        see.replace(result.as_ref().ok().copied());
        result
    })));
    trigger.callback(()).unwrap();
    assert_eq!(seen.take(), Some("the rest"));
}

#[test]
fn a_failure_of_a_coroutine_that_awaits_itself_is_reported() {
    let captured = capture_unhandled();
    let (trigger, go) = deferred::<()>();
    let slot = Rc::new(RefCell::new(None::<Deferred<()>>));
    let own = slot.clone();
    slot.replace(Some(spawn(async move {
        go.await?;
        let me = own.take().unwrap();
        me.await
    })));
    trigger.callback(()).unwrap();
    let reported = captured.take();
    assert_eq!(reported.len(), 1);
    assert!(reported[0].failure.check::<deferrous::CircularWait>());
}
