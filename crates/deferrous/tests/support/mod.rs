//! What the tests share.
#![allow(dead_code)]

pub mod scale;

use std::{cell::RefCell, fmt::Display, rc::Rc, thread};

use deferrous::{CapturedUnhandled, Deferred, Failure};

/// Records what happened, in order.
#[derive(Clone, Default)]
pub struct Trace(Rc<RefCell<Vec<String>>>);

impl Trace {
    pub fn new() -> Self {
        Trace::default()
    }

    pub fn note(&self, what: impl Display) {
        self.0.borrow_mut().push(what.to_string());
    }

    /// What was noted since the last call.
    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }

    /// A link that notes its name and outcome, and passes the outcome on.
    pub fn both<T: Display>(
        &self,
        name: &'static str,
    ) -> impl FnOnce(Result<T, Failure>) -> Result<T, Failure> + use<T> {
        let trace = self.clone();
        move |result| {
            match &result {
                Ok(value) => trace.note(format_args!("{name} value {value}")),
                Err(failure) => trace.note(format_args!("{name} failure {failure}")),
            }
            result
        }
    }
}

/// Notes when it is dropped.
pub struct Dropped(pub Trace, pub &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.note(format_args!("dropped {}", self.1));
    }
}

pub fn error(text: &str) -> Failure {
    Failure::new(text)
}

/// The outcome of a Deferred that must be at its end.
#[track_caller]
pub fn result_of<T: 'static>(deferred: Deferred<T>) -> Result<T, Failure> {
    match deferred.into_result() {
        Ok(result) => result,
        Err(deferred) => panic!("no outcome yet: {deferred:?}"),
    }
}

#[track_caller]
pub fn value_of<T: 'static>(deferred: Deferred<T>) -> T {
    match result_of(deferred) {
        Ok(value) => value,
        Err(failure) => panic!("a failure: {failure:?}"),
    }
}

#[track_caller]
pub fn failure_of<T: 'static>(deferred: Deferred<T>) -> Failure {
    match result_of(deferred) {
        Ok(_) => panic!("a value where a failure was expected"),
        Err(failure) => failure,
    }
}

/// The messages of the failures reported so far.
pub fn messages(captured: &CapturedUnhandled) -> Vec<String> {
    let failures = captured.take();
    failures.iter().map(|u| u.failure.to_string()).collect()
}

/// Runs `work` on a thread with little stack.
pub fn in_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 * 1024);
    thread.spawn(work).unwrap().join().unwrap();
}
