//! What the tests of the reactor share.
#![allow(dead_code)]

pub mod alloc;
#[path = "../support/scale.rs"]
pub mod scale;

use std::{
    cell::RefCell,
    mem,
    panic::{self, AssertUnwindSafe},
    rc::Rc,
    sync::mpsc,
    thread,
    time::Duration,
};

use deferrous::{Failure, Reactor};

pub const HOUR: Duration = Duration::from_secs(3600);

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Runs a test in a thread of its own, and fails if that has not ended after a minute.
pub fn within_a_minute<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let spawned = thread::Builder::new().name(name).spawn(move || {
        let outcome = panic::catch_unwind(AssertUnwindSafe(test));
        let _ = sender.send(outcome);
    });
    spawned.unwrap();
    match receiver.recv_timeout(secs(60) * scale::patience()) {
        Ok(Ok(value)) => value,
        Ok(Err(panic)) => panic::resume_unwind(panic),
        Err(_) => panic!("the test hangs"),
    }
}

/// A reactor that leaves the signals of the test process alone.
pub fn reactor() -> Reactor {
    Reactor::builder().signal_handlers(false).build().unwrap()
}

/// Runs a reactor for a coroutine.
pub fn run<T: 'static>(
    reactor: &Reactor,
    future: impl Future<Output = Result<T, Failure>> + 'static,
) -> T {
    reactor.run_until(reactor.spawn(future)).unwrap()
}

/// What happened, in order. Clones are the same.
#[derive(Debug)]
pub struct Log<T>(Rc<RefCell<Vec<T>>>);

impl<T: 'static> Log<T> {
    pub fn new() -> Self {
        Log(Rc::new(RefCell::new(Vec::new())))
    }

    pub fn add(&self, entry: T) {
        self.0.borrow_mut().push(entry);
    }

    /// A function that adds an entry.
    pub fn adds(&self, entry: T) -> impl FnOnce() + 'static {
        let log = self.clone();
        move || log.add(entry)
    }

    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub fn take(&self) -> Vec<T> {
        mem::take(&mut self.0.borrow_mut())
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Log(self.0.clone())
    }
}

/// Has a function called when it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
