//! What nests with the data, without recursion.
//!
//! A link may own a Deferred, or a trigger, whose links own others, a million deep. Dropping the
//! first would drop or abandon the second from inside, and so on until the stack is full. So would
//! coroutines that wake each other. Instead, from some depth on, what is to be done goes on a list
//! of the thread, which is worked off at that depth.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    rc::Rc,
};

use crate::{
    chain::{self, State},
    deferred::{
        cell::{Closures, DeferredCell, Outcome, Waiter},
        errors::Abandoned,
        trigger::Firing,
    },
    inline::Value,
};

/// What is left of a Deferred, or is to be done about one.
pub(crate) enum Remains {
    /// An outcome that nobody took.
    Value(Value),
    /// What a failure held.
    Error(Box<dyn Error + Send + Sync>),
    /// The state of a Deferred that ended with links in its queue, or with a canceller.
    State(State<Closures>),
    /// A coroutine to go on.
    Wake(Rc<dyn Waiter>),
    /// A Deferred whose last trigger is gone.
    Abandoned(DeferredCell),
    /// A Deferred to cancel, because what waited for it was dropped or cancelled.
    Cancel(DeferredCell),
}

/// How deep disposing may nest. Up to here what is dropped is gone when its drop returns, as
/// everywhere else in Rust. What lies deeper waits on the list until the stack has come back up to
/// here.
const DEEPEST: u32 = 16;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LIST: RefCell<Vec<Remains>> = const { RefCell::new(Vec::new()) };
}

/// Disposes of `remains`: now, or soon if that is already going on too deep in the stack.
///
/// Where the thread is ending and the list is gone, it is done now.
pub(crate) fn dispose(remains: Remains) {
    let mut next = Some(remains);
    if DEPTH.get() == DEEPEST {
        let _ = LIST.try_with(|list| list.borrow_mut().extend(next.take()));
    }
    let _level = Level::enter();
    while let Some(remains) = next {
        take_apart(remains);
        next = next_listed();
    }
}

/// Lets `waiter` go on: now, as for [`dispose`], and then says what it has ended with; or soon.
pub(crate) fn wake(waiter: Rc<dyn Waiter>) -> Option<(Firing, Outcome)> {
    if DEPTH.get() == DEEPEST {
        dispose(Remains::Wake(waiter));
        return None;
    }
    let _level = Level::enter();
    let ended = waiter.resume();
    while let Some(remains) = next_listed() {
        take_apart(remains);
    }
    ended
}

fn next_listed() -> Option<Remains> {
    LIST.try_with(|list| list.borrow_mut().pop())
        .unwrap_or(None)
}

/// One level of nesting, left even if a destructor panics.
struct Level;

impl Level {
    fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Level
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

fn take_apart(remains: Remains) {
    match remains {
        Remains::Value(value) => drop(value),
        Remains::Error(error) => drop(error),
        Remains::State(mut state) => {
            while let Some(link) = state.take_link() {
                match link {
                    Ok(link) => drop(link),
                    Err(outer) => {
                        let outcome = Outcome::Failure(Abandoned.into());
                        chain::resume(&Closures, &outer, outcome);
                    }
                }
            }
        }
        Remains::Wake(waiter) => {
            if let Some((firing, result)) = waiter.resume() {
                firing.finish(result);
            }
        }
        Remains::Abandoned(cell) => cell.abandon(),
        Remains::Cancel(cell) => chain::cancel(&Closures, &cell),
    }
}
