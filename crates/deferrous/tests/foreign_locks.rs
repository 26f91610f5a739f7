//! Futures of others that wake a coroutine, or drop its waker, with a lock of their own held, which
//! the coroutine needs when it goes on.

mod reactor_support;

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    sync::{Arc, Mutex},
    task::{Poll, Wake, Waker},
};

use deferrous::{
    Abandoned, Deferred, Failure, Origin, Panicked, Reactor, capture_unhandled, deferred,
    run_ready, spawn, succeed,
};
use futures::{
    FutureExt, SinkExt, StreamExt,
    channel::{mpsc, oneshot},
    stream::FuturesUnordered,
};
use reactor_support::{Log, OnDrop, ms, reactor, within_a_minute};

fn result_of<T: 'static>(d: Deferred<T>) -> Result<T, Failure> {
    d.into_result().expect("the Deferred has an outcome")
}

#[track_caller]
fn value_of<T: 'static>(d: Deferred<T>) -> T {
    result_of(d).unwrap()
}

fn failure_of(d: Deferred<()>) -> Failure {
    result_of(d).unwrap_err()
}

/// Spawns a coroutine that waits, and then does what lets it go on: without a reactor, and in one.
/// It has to end with 5. What `act` returns is kept until then.
fn goes_on<F, A, K>(scenario: fn() -> (F, A))
where
    F: Future<Output = Result<u32, Failure>> + 'static,
    A: FnOnce() -> K + 'static,
    K: 'static,
{
    within_a_minute(move || {
        let (future, act) = scenario();
        let d = spawn(future);
        let _kept = act();
        assert!(!d.is_called());
        assert_eq!(run_ready(), 1);
        assert_eq!(value_of(d), 5);
    });
    within_a_minute(move || {
        let (future, act) = scenario();
        let (reactor, kept) = (reactor(), Rc::new(Cell::new(None)));
        let (d, keep) = (reactor.spawn(future), kept.clone());
        reactor.call_when_running(move || keep.set(Some(act())));
        assert_eq!(reactor.run_until(d).unwrap(), 5);
        assert_eq!(run_ready(), 0);
    });
}

#[test]
fn async_channel() {
    goes_on(|| {
        let (sender, receiver) = async_channel::unbounded();
        let receive = async move { Ok(receiver.recv().await?) };
        (receive, move || sender.try_send(5).unwrap())
    });
}

#[test]
fn async_channel_that_was_full() {
    goes_on(|| {
        let (sender, receiver) = async_channel::bounded(1);
        sender.try_send(1).unwrap();
        let send = async move {
            sender.send(2).await?;
            Ok(5)
        };
        (send, move || {
            assert_eq!(receiver.try_recv(), Ok(1));
            receiver
        })
    });
}

#[test]
fn async_channel_that_is_closed() {
    goes_on(|| {
        let (sender, receiver) = async_channel::unbounded::<u32>();
        let receive = async move { Ok(receiver.recv().await.unwrap_or(5)) };
        (receive, move || drop(sender))
    });
}

#[test]
fn async_lock_mutex() {
    goes_on(|| {
        let mutex = Arc::new(async_lock::Mutex::new(5));
        let guard = mutex.try_lock_arc().unwrap();
        let lock = async move { Ok(*mutex.lock().await) };
        (lock, move || drop(guard))
    });
}

#[test]
fn async_lock_rw_lock() {
    goes_on(|| {
        let lock = Arc::new(async_lock::RwLock::new(5));
        let guard = lock.try_write_arc().unwrap();
        let read = async move { Ok(*lock.read().await) };
        (read, move || drop(guard))
    });
}

#[test]
fn async_lock_semaphore() {
    goes_on(|| {
        let semaphore = Arc::new(async_lock::Semaphore::new(1));
        let permit = semaphore.try_acquire_arc().unwrap();
        let acquire = async move {
            semaphore.acquire().await;
            Ok(5)
        };
        (acquire, move || drop(permit))
    });
}

#[test]
fn event_listener() {
    goes_on(|| {
        let event = Rc::new(event_listener::Event::new());
        let listened = event.clone();
        let listen = async move {
            listened.listen().await;
            Ok(5)
        };
        (listen, move || assert_eq!(event.notify(1), 1))
    });
}

#[test]
fn flume() {
    goes_on(|| {
        let (sender, receiver) = flume::unbounded();
        let receive = async move { Ok(receiver.recv_async().await?) };
        (receive, move || sender.send(5).unwrap())
    });
}

#[test]
fn flume_that_was_full() {
    goes_on(|| {
        let (sender, receiver) = flume::bounded(1);
        sender.send(1).unwrap();
        let send = async move {
            sender.send_async(2).await?;
            Ok(5)
        };
        (send, move || {
            assert_eq!(receiver.recv(), Ok(1));
            receiver
        })
    });
}

#[test]
fn futures_mutex() {
    goes_on(|| {
        let mutex = Arc::new(futures::lock::Mutex::new(5));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let lock = async move { Ok(*mutex.lock().await) };
        (lock, move || drop(guard))
    });
}

#[test]
fn futures_channels() {
    goes_on(|| {
        let (sender, receiver) = oneshot::channel();
        (async { Ok(receiver.await?) }, || sender.send(5).unwrap())
    });
    goes_on(|| {
        let (sender, mut receiver) = mpsc::unbounded();
        let receive = async move { Ok(receiver.next().await.unwrap()) };
        (receive, move || sender.unbounded_send(5).unwrap())
    });
    goes_on(|| {
        let (mut sender, mut receiver) = mpsc::channel(0);
        let send = async move {
            sender.send(1).await?;
            Ok(5)
        };
        (send, move || {
            assert_eq!(receiver.try_recv(), Ok(1));
            receiver
        })
    });
}

#[test]
fn shared() {
    within_a_minute(|| {
        let (sender, receiver) = oneshot::channel();
        let shared = receiver.shared();
        let (first, second) = (shared.clone(), shared);
        let first = spawn(async move { Ok(first.await?) });
        let second = spawn(async move { Ok(second.await?) });
        sender.send(5).unwrap();
        assert_eq!(run_ready(), 2);
        assert_eq!((value_of(first), value_of(second)), (5, 5));
    });
    within_a_minute(|| {
        let reactor = reactor();
        let (sender, receiver) = oneshot::channel();
        let shared = receiver.shared();
        let (first, second) = (shared.clone(), shared);
        let first = reactor.spawn(async move { Ok(first.await?) });
        let second = reactor.spawn(async move { Ok(second.await?) });
        reactor.call_when_running(move || sender.send(5).unwrap());
        let both = deferrous::gather_results([first, second]);
        assert_eq!(reactor.run_until(both).unwrap(), [5, 5]);
    });
}

#[test]
fn tokio_sync() {
    use tokio::sync;
    goes_on(|| {
        let (sender, receiver) = sync::oneshot::channel();
        (async { Ok(receiver.await?) }, || sender.send(5).unwrap())
    });
    goes_on(|| {
        let (sender, mut receiver) = sync::mpsc::unbounded_channel();
        let receive = async move { Ok(receiver.recv().await.unwrap()) };
        (receive, move || sender.send(5).unwrap())
    });
    goes_on(|| {
        let (sender, mut receiver) = sync::mpsc::channel(1);
        sender.try_send(1).unwrap();
        let send = async move {
            sender.send(2).await?;
            Ok(5)
        };
        (send, move || {
            assert_eq!(receiver.try_recv(), Ok(1));
            receiver
        })
    });
    goes_on(|| {
        let (sender, mut receiver) = sync::watch::channel(1);
        let watch = async move {
            receiver.changed().await?;
            Ok(*receiver.borrow())
        };
        (watch, move || {
            sender.send(5).unwrap();
            sender
        })
    });
    goes_on(|| {
        let (sender, mut receiver) = sync::broadcast::channel(1);
        let receive = async move { Ok(receiver.recv().await?) };
        (receive, move || assert_eq!(sender.send(5).unwrap(), 1))
    });
    goes_on(|| {
        let notify = Rc::new(sync::Notify::new());
        let notified = notify.clone();
        let wait = async move {
            notified.notified().await;
            Ok(5)
        };
        (wait, move || notify.notify_waiters())
    });
    goes_on(|| {
        let mutex = Arc::new(sync::Mutex::new(5));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let lock = async move { Ok(*mutex.lock().await) };
        (lock, move || drop(guard))
    });
    goes_on(|| {
        let semaphore = Arc::new(sync::Semaphore::new(0));
        let add = semaphore.clone();
        let acquire = async move {
            semaphore.acquire().await?.forget();
            Ok(5)
        };
        (acquire, move || add.add_permits(1))
    });
}

#[test]
fn futures_unordered() {
    goes_on(|| {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..5).map(|_| oneshot::channel::<u32>()).unzip();
        let count = async {
            let unordered: FuturesUnordered<_> = receivers.into_iter().collect();
            Ok(unordered.count().await as u32)
        };
        (count, || {
            senders
                .into_iter()
                .for_each(|sender| sender.send(1).unwrap())
        })
    });
}

/// A future that keeps its waker where the program looks with the cell borrowed.
fn in_a_cell() -> (impl Future<Output = Result<u32, Failure>>, impl FnOnce()) {
    let slot = Rc::new(RefCell::new((false, None::<Waker>)));
    let polled = slot.clone();
    let wait = poll_fn(move |context| {
        let mut slot = polled.borrow_mut();
        if slot.0 {
            return Poll::Ready(Ok(5));
        }
        slot.1 = Some(context.waker().clone());
        Poll::Pending
    });
    (wait, move || {
        let mut slot = slot.borrow_mut();
        slot.0 = true;
        slot.1.take().unwrap().wake();
    })
}

#[test]
fn a_cell_that_is_borrowed() {
    goes_on(in_a_cell);
}

/// Waits for ever, by a waker in `slot`. Its destructor needs the same lock.
fn kept_by(slot: &Arc<Mutex<Option<Waker>>>) -> impl Future<Output = Result<(), Failure>> + use<> {
    let (keep, check) = (slot.clone(), slot.clone());
    let guard = OnDrop(move || assert!(check.lock().unwrap().is_none()));
    async move {
        let _guard = guard;
        poll_fn(|context| {
            *keep.lock().unwrap() = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

#[test]
fn dropping_the_last_waker_under_a_lock_abandons_the_coroutine_later() {
    within_a_minute(|| {
        let slot = Arc::default();
        let d = spawn(kept_by(&slot));
        *slot.lock().unwrap() = None;
        assert!(!d.is_called());
        assert_eq!(run_ready(), 0);
        assert!(failure_of(d).check::<Abandoned>());
    });
    within_a_minute(|| {
        let (slot, reactor) = (Arc::default(), reactor());
        let d = reactor.spawn(kept_by(&slot));
        reactor.call_when_running(move || *slot.lock().unwrap() = None);
        assert!(reactor.run_until(d).unwrap_err().check::<Abandoned>());
    });
}

#[test]
fn dropping_the_last_waker_after_a_wake_keeps_the_wake() {
    fn woken_by_reference(spawn: impl FnOnce(Pending) -> Deferred<()>) -> Deferred<()> {
        let slot: Rc<Cell<Option<Waker>>> = Rc::default();
        let d = spawn(Pending(slot.clone()));
        let waker = slot.take().unwrap();
        waker.wake_by_ref();
        drop(waker);
        d
    }
    /// Ends when it is polled for the second time.
    struct Pending(Rc<Cell<Option<Waker>>>);
    impl Pending {
        async fn end(self) -> Result<(), Failure> {
            let mut polled = false;
            poll_fn(|context| {
                if polled {
                    return Poll::Ready(Ok(()));
                }
                polled = true;
                self.0.set(Some(context.waker().clone()));
                Poll::Pending
            })
            .await
        }
    }
    within_a_minute(|| {
        let d = woken_by_reference(|pending| spawn(pending.end()));
        assert_eq!(run_ready(), 1);
        value_of(d);
    });
    within_a_minute(|| {
        let reactor = reactor();
        let d = woken_by_reference(|pending| reactor.spawn(pending.end()));
        reactor.run_until(d).unwrap();
    });
}

#[test]
fn a_deferred_resumes_a_coroutine_in_the_call_that_fires_it_through_any_future() {
    #[track_caller]
    fn check(spawn: impl Fn(WaitForThree) -> Deferred<u32>) {
        let (triggers, ds): (Vec<_>, Vec<_>) = (0..3).map(|_| deferred::<u32>()).unzip();
        let d = spawn(WaitForThree(ds));
        for trigger in &triggers {
            assert!(!d.is_called());
            trigger.callback(1).unwrap();
        }
        assert_eq!(value_of(d), 3);
    }
    struct WaitForThree(Vec<Deferred<u32>>);
    impl WaitForThree {
        async fn unordered(self) -> Result<u32, Failure> {
            let mut unordered: FuturesUnordered<_> =
                self.0.into_iter().map(IntoFuture::into_future).collect();
            let mut sum = 0;
            while let Some(value) = unordered.next().await {
                sum += value?;
            }
            Ok(sum)
        }

        async fn shared(self) -> Result<u32, Failure> {
            let mut sum = 0;
            for d in self.0 {
                let future = d.into_future().map(|result| result.unwrap());
                sum += future.shared().await;
            }
            Ok(sum)
        }
    }
    within_a_minute(|| {
        check(|three| spawn(three.unordered()));
        check(|three| spawn(three.shared()));
        let reactor = reactor();
        check(|three| reactor.spawn(three.unordered()));
        check(|three| reactor.spawn(three.shared()));
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

#[test]
fn a_wake_is_done_even_if_a_waker_beside_it_panics() {
    struct Panics(Waker);
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            self.0.wake_by_ref();
            panic!("in a waker");
        }
    }
    within_a_minute(|| {
        let captured = capture_unhandled();
        let (trigger, waited) = deferred::<u32>();
        let d = spawn(async move {
            let mut future = waited.into_future();
            poll_fn(|context| {
                let waker = Waker::from(Arc::new(Panics(context.waker().clone())));
                future.poll_unpin(&mut std::task::Context::from_waker(&waker))
            })
            .await
        });
        trigger.callback(5).unwrap();
        let reported = captured.take();
        assert_eq!((reported.len(), reported[0].origin), (1, Origin::Wake));
        assert!(reported[0].failure.check::<Panicked>());
        assert_eq!(run_ready(), 1);
        assert_eq!(value_of(d), 5);
    });
}

#[test]
fn a_coroutine_that_is_woken_often_is_polled_once() {
    fn polls(spawn: impl FnOnce(Counted) -> Deferred<()>) -> (Deferred<()>, Rc<Cell<u32>>) {
        let counted = Counted::default();
        let (waker, polls) = (counted.waker.clone(), counted.polls.clone());
        let d = spawn(counted);
        let waker = waker.take().unwrap();
        (0..100).for_each(|_| waker.wake_by_ref());
        // Keeps the coroutine waiting.
        std::mem::forget(waker);
        (d, polls)
    }
    #[derive(Default)]
    struct Counted {
        waker: Rc<Cell<Option<Waker>>>,
        polls: Rc<Cell<u32>>,
    }
    impl Counted {
        async fn wait(self) -> Result<(), Failure> {
            poll_fn(|context| {
                self.polls.set(self.polls.get() + 1);
                self.waker.set(Some(context.waker().clone()));
                Poll::Pending
            })
            .await
        }
    }
    within_a_minute(|| {
        let (d, polls) = polls(|counted| spawn(counted.wait()));
        assert_eq!(run_ready(), 1);
        assert_eq!(polls.get(), 2);
        d.cancel();
        assert_eq!(run_ready(), 0);
        assert_eq!(polls.get(), 2);
        drop(failure_of(d));
    });
    within_a_minute(|| {
        let reactor = reactor();
        let (d, polls) = polls(|counted| reactor.spawn(counted.wait()));
        let stop = reactor.clone();
        reactor.call_later(ms(1), move || stop.stop().unwrap());
        reactor.run().unwrap();
        assert_eq!(polls.get(), 2);
        d.cancel();
        drop(failure_of(d));
    });
}

#[test]
fn what_a_coroutine_wakes_goes_on_in_order_when_it_has_returned() {
    within_a_minute(|| {
        let log = Log::new();
        let (trigger, go) = deferred::<()>();
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..3).map(|_| async_channel::unbounded::<()>()).unzip();
        for (n, receiver) in (0..).zip(receivers) {
            let seen = log.clone();
            drop(spawn(async move {
                receiver.recv().await?;
                seen.add(n);
                Ok(())
            }));
        }
        let seen = log.clone();
        let first = spawn(async move {
            go.await?;
            for sender in senders {
                sender.try_send(()).unwrap();
            }
            // Spawning another one inside does not resume those that are ready.
            value_of(spawn(async { Ok(()) }));
            seen.add(10);
            Ok(())
        });
        trigger.callback(()).unwrap();
        assert_eq!(log.take(), [10, 0, 1, 2]);
        value_of(first);
        assert_eq!(run_ready(), 0);
    });
}

#[test]
fn spawning_and_firing_resume_what_was_ready() {
    within_a_minute(|| {
        let ready = || {
            let (future, act) = in_a_cell();
            let d = spawn(future);
            act();
            d
        };
        let d = ready();
        value_of(spawn(async { Ok(()) }));
        assert_eq!(value_of(d), 5);
        let (trigger, waited) = deferred::<()>();
        let waits = spawn(waited.into_future());
        let d = ready();
        trigger.callback(()).unwrap();
        assert_eq!(value_of(d), 5);
        value_of(waits);
    });
}

#[test]
fn run_ready_inside_a_coroutine_resumes_the_others() {
    within_a_minute(|| {
        let (future, act) = in_a_cell();
        let other = spawn(future);
        let mut other = Some(other);
        let (sender, receiver) = async_channel::unbounded::<()>();
        let d = spawn(async move {
            sender.try_send(()).unwrap();
            receiver.recv().await?;
            let waits = receiver.recv();
            futures::pin_mut!(waits);
            assert!(futures::poll!(&mut waits).is_pending());
            // This wakes the coroutine itself, which is polled again after this poll.
            sender.try_send(()).unwrap();
            act();
            assert_eq!(run_ready(), 1);
            assert_eq!(value_of(other.take().unwrap()), 5);
            Ok(waits.await?)
        });
        value_of(d);
    });
}

#[test]
fn a_chain_of_channels_needs_no_stack() {
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    let passed = thread.spawn(|| {
        let (first, mut receiver) = async_channel::bounded::<u32>(1);
        for _ in 0..10_000 {
            let (sender, next) = async_channel::bounded(1);
            let before = std::mem::replace(&mut receiver, next);
            drop(spawn(async move {
                sender.try_send(before.recv().await? + 1)?;
                Ok(())
            }));
        }
        let last = spawn(async move { Ok(receiver.recv().await?) });
        first.try_send(0).unwrap();
        assert_eq!(run_ready(), 10_001);
        assert_eq!(value_of(last), 10_000);
    });
    passed.unwrap().join().unwrap();
}

#[test]
fn a_wake_goes_to_the_reactor_that_the_coroutine_was_spawned_on() {
    within_a_minute(|| {
        let (first, second) = (reactor(), reactor());
        let (future, act) = in_a_cell();
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
        let (future, act) = in_a_cell();
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
                let mut polled = false;
                poll_fn(|context| {
                    context.waker().wake_by_ref();
                    match std::mem::replace(&mut polled, true) {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    }
                })
                .await;
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
        let (future, act) = in_a_cell();
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
        reactor.call_later(reactor_support::HOUR, move || drop(sender));
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
    use futures::{executor::LocalPool, task::LocalSpawnExt};
    within_a_minute(|| {
        let mut pool = LocalPool::new();
        let (future, act) = in_a_cell();
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

#[test]
fn a_destructor_that_panics_does_not_keep_the_others_waiting() {
    within_a_minute(|| {
        let captured = capture_unhandled();
        let slot: Rc<Cell<Option<Waker>>> = Rc::default();
        let (keep, guard) = (slot.clone(), OnDrop(|| panic!("in a destructor")));
        let abandoned = spawn::<()>(async move {
            let _guard = guard;
            poll_fn(|context| {
                keep.set(Some(context.waker().clone()));
                Poll::Pending
            })
            .await
        });
        let (future, act) = in_a_cell();
        let d = spawn(future);
        slot.set(None);
        act();
        assert_eq!(run_ready(), 1);
        assert_eq!(value_of(d), 5);
        let reported = captured.take();
        assert_eq!((reported.len(), reported[0].origin), (1, Origin::Wake));
        drop(abandoned);
    });
}

#[test]
fn a_coroutine_on_another_thread_has_a_list_of_its_own() {
    within_a_minute(|| {
        let (future, act) = in_a_cell();
        let d = spawn(future);
        act();
        assert_eq!(std::thread::spawn(run_ready).join().unwrap(), 0);
        assert_eq!(run_ready(), 1);
        assert_eq!(value_of(d), 5);
    });
}

#[test]
fn a_failure_after_a_foreign_wake_is_reported() {
    within_a_minute(|| {
        let captured = capture_unhandled();
        let (sender, receiver) = async_channel::unbounded::<()>();
        drop(spawn::<()>(async move {
            receiver.recv().await?;
            Err(Failure::new("lost"))
        }));
        sender.try_send(()).unwrap();
        run_ready();
        let reported = captured.take();
        assert_eq!((reported.len(), reported[0].origin), (1, Origin::Deferred));
        assert_eq!(reported[0].failure.to_string(), "lost");
        assert!(Reactor::current().is_none());
    });
}
