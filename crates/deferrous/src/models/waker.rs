//! Other threads wake a coroutine and drop its waker, while its own thread polls it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Wake, Waker},
};

use futures::FutureExt;
use loom::{sync::atomic::AtomicBool, thread};

use super::in_all_orders;
use crate::{
    coroutine::{WakeRequest, WakeTarget, drop_request, run_request, with_target},
    event_loop::{Events, MessageQueue, Waiter},
    primitives::LentWaker,
    *,
};

/// What a reactor is to coroutines.
struct Loop {
    waiter: Arc<Waiter>,
    queue: MessageQueue<WakeRequest>,
}

impl WakeTarget for Loop {
    fn send(&self, request: WakeRequest) -> bool {
        self.queue.send(request).is_ok()
    }

    fn is_gone(&self) -> bool {
        self.queue.is_closed()
    }
}

impl Loop {
    fn new() -> Arc<Self> {
        let waiter = Arc::new(Waiter::new().unwrap());
        let queue = MessageQueue::new(waiter.clone());
        Arc::new(Loop { waiter, queue })
    }

    fn spawn(
        self: &Arc<Self>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<u32> + 'static,
    ) -> Deferred<u32> {
        let future = poll_fn(move |context| poll(context).map(Ok));
        with_target(self.clone(), || spawn(future))
    }

    /// Turns, until the Deferred has an outcome.
    fn run_until(&self, d: Deferred<u32>) -> Result<u32, Failure> {
        let mut messages = VecDeque::new();
        while !d.is_called() {
            self.waiter.wait(&mut Events::new(), None).unwrap();
            self.queue.receive(&mut messages);
            for request in messages.drain(..) {
                run_request(request);
            }
            run_ready();
        }
        d.into_result().unwrap()
    }

    fn end(&self) {
        self.queue.close().into_iter().for_each(drop_request);
    }
}

fn flag() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

/// The threads that a coroutine starts in its first poll.
#[derive(Clone, Default)]
struct Threads(Rc<RefCell<Vec<thread::JoinHandle<()>>>>);

impl Threads {
    fn start_once<const N: usize>(&self, start: impl FnOnce() -> [thread::JoinHandle<()>; N]) {
        let is_first = self.0.borrow().is_empty();
        if is_first {
            let started = start();
            self.0.borrow_mut().extend(started);
        }
    }

    fn join(&self) {
        for thread in self.0.take() {
            thread.join().unwrap();
        }
    }
}

/// Has a thread set `flag` and wake the coroutine.
fn set_by_a_thread(flag: &Arc<AtomicBool>, waker: &Waker) -> thread::JoinHandle<()> {
    let (flag, waker) = (flag.clone(), LentWaker::new(waker));
    thread::spawn(move || {
        flag.store(true, Ordering::Relaxed);
        waker.wake_by_ref();
    })
}

#[test]
fn the_poll_after_two_wakes_sees_what_was_done_before_each() {
    in_all_orders(|| {
        let reactor = Loop::new();
        let (flags, threads) = ([flag(), flag()], Threads::default());
        let started = threads.clone();
        let d = reactor.spawn(move |context| {
            started.start_once(|| {
                flags
                    .each_ref()
                    .map(|flag| set_by_a_thread(flag, context.waker()))
            });
            match flags.iter().all(|flag| flag.load(Ordering::Relaxed)) {
                true => Poll::Ready(5),
                false => Poll::Pending,
            }
        });
        assert_eq!(reactor.run_until(d).unwrap(), 5);
        threads.join();
    });
}

#[test]
fn a_coroutine_is_abandoned_when_a_thread_drops_its_last_waker() {
    in_all_orders(|| {
        let (reactor, threads) = (Loop::new(), Threads::default());
        let started = threads.clone();
        let d = reactor.spawn(move |context| {
            started.start_once(|| {
                [(); 2].map(|()| {
                    let waker = LentWaker::new(context.waker());
                    thread::spawn(move || drop(waker))
                })
            });
            Poll::Pending
        });
        let failure = reactor.run_until(d).unwrap_err();
        assert!(failure.check::<Abandoned>());
        threads.join();
    });
}

#[test]
fn a_wake_while_the_reactor_ends_abandons_the_coroutine_or_is_reported() {
    in_all_orders(|| {
        let (reactor, captured) = (Loop::new(), capture_unhandled());
        let threads = Threads::default();
        let (flag, started) = (flag(), threads.clone());
        let d = reactor.spawn(move |context| {
            started.start_once(|| [set_by_a_thread(&flag, context.waker())]);
            Poll::Pending
        });
        reactor.end();
        threads.join();
        let reported = captured.take();
        assert_eq!(d.is_called(), reported.is_empty());
        assert!(
            reported
                .iter()
                .all(|one| one.failure.check::<CannotResume>())
        );
        d.cancel();
        drop(d.into_result());
    });
}

#[test]
fn after_the_end_of_its_reactor_a_wake_on_its_own_thread_is_not_lost_to_that_of_another() {
    in_all_orders(|| {
        let (reactor, captured) = (Loop::new(), capture_unhandled());
        let (own, other) = (flag(), flag());
        let (mine, slot) = (own.clone(), Rc::new(Cell::new(None)));
        let lend = slot.clone();
        let d = reactor.spawn(move |context| {
            lend.set(Some(context.waker().clone()));
            match mine.load(Ordering::Relaxed) {
                true => Poll::Ready(5),
                false => Poll::Pending,
            }
        });
        reactor.end();
        let waker = slot.take().unwrap();
        let waking = set_by_a_thread(&other, &waker);
        own.store(true, Ordering::Relaxed);
        waker.wake_by_ref();
        run_ready();
        assert_eq!(d.into_result().unwrap().unwrap(), 5);
        waking.join().unwrap();
        drop(captured.take());
    });
}

#[test]
fn after_the_end_of_its_reactor_a_coroutine_is_abandoned_though_a_thread_tried_to_wake_it() {
    in_all_orders(|| {
        let (reactor, captured) = (Loop::new(), capture_unhandled());
        let slot = Rc::new(Cell::new(None));
        let lend = slot.clone();
        let d = reactor.spawn(move |context| {
            lend.set(Some(context.waker().clone()));
            Poll::Pending
        });
        reactor.end();
        let waker = slot.take().unwrap();
        set_by_a_thread(&flag(), &waker).join().unwrap();
        assert!(
            captured
                .take()
                .iter()
                .all(|one| one.failure.check::<CannotResume>())
        );
        drop(waker);
        run_ready();
        let failure = d.into_result().unwrap().unwrap_err();
        assert!(failure.check::<Abandoned>());
    });
}

/// The waker of a future of others.
struct Outer(Waker);

impl Wake for Outer {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

#[test]
fn a_deferred_resumes_at_once_what_a_thread_wakes_too() {
    in_all_orders(|| {
        let (reactor, flag, threads) = (Loop::new(), flag(), Threads::default());
        let (trigger, waited) = deferred::<u32>();
        let (mut future, fired) = (waited.into_future(), Rc::new(Cell::new(None)));
        let (started, value) = (threads.clone(), fired.clone());
        let d = reactor.spawn(move |context| {
            started.start_once(|| [set_by_a_thread(&flag, context.waker())]);
            if value.get().is_none() {
                let waker = Waker::from(Arc::new(Outer(context.waker().clone())));
                if let Poll::Ready(result) = future.poll_unpin(&mut Context::from_waker(&waker)) {
                    value.set(result.ok());
                }
            }
            match value.get() {
                Some(value) if flag.load(Ordering::Relaxed) => Poll::Ready(value),
                _ => Poll::Pending,
            }
        });
        trigger.callback(5).unwrap();
        assert_eq!(fired.get(), Some(5));
        assert_eq!(reactor.run_until(d).unwrap(), 5);
        threads.join();
    });
}
