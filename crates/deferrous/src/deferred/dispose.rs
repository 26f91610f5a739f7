//! Taking apart what a Deferred leaves behind, without recursion.
//!
//! A link may own a Deferred whose links own Deferreds, a million deep. Dropping the first would drop the
//! second from inside, and so on until the stack is full. Instead each cell puts its remains on a list of
//! the thread, and whoever finds the list idle works it off.

use std::cell::{Cell, RefCell};

use crate::{
    chain::{self, State},
    deferred::{
        cell::{Closures, DeferredCell, Outcome},
        errors::Abandoned,
    },
    inline::Value,
};

/// What is left of a Deferred, or is to be done to one.
pub(crate) enum Remains {
    /// An outcome that nobody took.
    Value(Value),
    /// The state of a Deferred that ended with links in its queue, or with a canceller.
    State(State<Closures>),
    /// A Deferred to cancel because the future that waited for it was dropped.
    Cancel(DeferredCell),
}

thread_local! {
    static BUSY: Cell<bool> = const { Cell::new(false) };
    static LIST: RefCell<Vec<Remains>> = const { RefCell::new(Vec::new()) };
}

/// Disposes of `remains` now, or, if that is already going on further up the stack, after what is there.
pub(crate) fn later(remains: Remains) {
    let mut next = Some(remains);
    let nested = BUSY.try_with(|busy| busy.replace(true)).unwrap_or(false);
    if nested {
        // Where the thread is ending and the list is gone, what is left is dropped here.
        let _ = LIST.try_with(|list| list.borrow_mut().extend(next.take()));
        return;
    }
    let _idle = Idle;
    while let Some(remains) = next {
        dispose(remains);
        next = LIST
            .try_with(|list| list.borrow_mut().pop())
            .unwrap_or(None);
    }
}

/// Marks the list as idle even if a destructor panicked.
struct Idle;

impl Drop for Idle {
    fn drop(&mut self) {
        let _ = BUSY.try_with(|busy| busy.set(false));
    }
}

fn dispose(remains: Remains) {
    match remains {
        Remains::Value(value) => drop(value),
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
        Remains::Cancel(cell) => chain::cancel(&Closures, &cell),
    }
}
