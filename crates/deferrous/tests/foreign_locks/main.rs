//! Futures of others that wake a coroutine, or drop its waker, with a lock of their own held, which
//! the coroutine needs when it goes on.

#![cfg(feature = "reactor")]

#[path = "../reactor_support/mod.rs"]
mod reactor_support;

mod coroutines;
mod reactors;
mod wakers;
mod wakes;

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use deferrous::{Deferred, Failure, Reactor, run_ready, spawn};
use reactor_support::{reactor, within_a_minute};

fn result_of<T: 'static>(d: Deferred<T>) -> Result<T, Failure> {
    d.into_result().expect("the Deferred has an outcome")
}

#[track_caller]
fn value_of<T: 'static>(d: Deferred<T>) -> T {
    result_of(d).unwrap()
}

fn failure_of<T: 'static>(d: Deferred<T>) -> Failure {
    result_of(d).err().expect("the Deferred has failed")
}

/// What a coroutine is spawned on: a reactor, or nothing but its thread.
struct Spawner(Option<Reactor>);

fn with_and_without_a_reactor(test: fn(&Spawner)) {
    within_a_minute(move || test(&Spawner(None)));
    within_a_minute(move || test(&Spawner(Some(reactor()))));
}

impl Spawner {
    fn spawn<T: 'static>(
        &self,
        future: impl Future<Output = Result<T, Failure>> + 'static,
    ) -> Deferred<T> {
        match &self.0 {
            None => spawn(future),
            Some(reactor) => reactor.spawn(future),
        }
    }

    /// Has `act` let the coroutine of `d` go on, which it does when that has returned: in
    /// `run_ready`, which resumes so many coroutines, or in the reactor. Until it has ended, what
    /// `act` returns is kept.
    #[track_caller]
    fn result_after<T: 'static, K: 'static>(
        &self,
        d: Deferred<T>,
        resumed: usize,
        act: impl FnOnce() -> K + 'static,
    ) -> Result<T, Failure> {
        let Some(reactor) = &self.0 else {
            let _kept = act();
            assert!(!d.is_called());
            assert_eq!(run_ready(), resumed);
            return result_of(d);
        };
        let kept = Rc::new(Cell::new(None));
        let keep = kept.clone();
        reactor.call_when_running(move || keep.set(Some(act())));
        let result = reactor.run_until(d);
        assert_eq!(run_ready(), 0);
        result
    }
}

/// Where a future keeps its waker. The future looks there when it is polled, and whoever wakes it
/// does so with the cell borrowed.
#[derive(Clone, Default)]
struct Slot(Rc<RefCell<(u32, Option<Waker>)>>);

impl Slot {
    /// Ends with 5 at the poll with this number.
    fn until_poll(&self, last: u32) -> impl Future<Output = Result<u32, Failure>> + use<> {
        let slot = self.0.clone();
        poll_fn(move |context| {
            let (polls, waker) = &mut *slot.borrow_mut();
            *polls += 1;
            if *polls == last {
                return Poll::Ready(Ok(5));
            }
            *waker = Some(context.waker().clone());
            Poll::Pending
        })
    }

    /// Never ends.
    fn never(&self) -> impl Future<Output = Result<u32, Failure>> + use<> {
        self.until_poll(0)
    }

    fn polls(&self) -> u32 {
        self.0.borrow().0
    }

    fn take(&self) -> Waker {
        self.0.borrow_mut().1.take().expect("nobody was polled")
    }

    fn wake(&self) {
        let mut slot = self.0.borrow_mut();
        slot.1.take().expect("nobody was polled").wake();
    }

    fn drop_waker(&self) {
        self.0.borrow_mut().1 = None;
    }
}

/// A future that ends with 5 when it was woken, and what wakes it.
fn woken_under_a_borrow() -> (impl Future<Output = Result<u32, Failure>>, impl FnOnce()) {
    let slot = Slot::default();
    (slot.until_poll(2), move || slot.wake())
}
