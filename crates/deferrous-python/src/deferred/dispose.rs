//! Ending Deferreds that hold each other, in a row of any length, without a stack of that depth.

use std::{cell::Cell, mem::ManuallyDrop};

use deferrous::chain::State;

use crate::host::Python;

/// How many Deferreds may end inside each other before the next one has to wait.
const DEEPEST: u32 = 24;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static SOME_WAIT: Cell<bool> = const { Cell::new(false) };
    static WAITING: Cell<Vec<State<Python>>> = const { Cell::new(Vec::new()) };
}

/// Ends what a Deferred holds, now or when those that are ending around it are done.
///
/// # Safety
///
/// The state is not used again.
#[inline]
pub unsafe fn end(state: &mut ManuallyDrop<State<Python>>) {
    let depth = DEPTH.get();
    if depth >= DEEPEST {
        // SAFETY: as the caller says.
        return wait(unsafe { ManuallyDrop::take(state) });
    }
    DEPTH.set(depth + 1);
    // SAFETY: as the caller says.
    unsafe { ManuallyDrop::drop(state) };
    if depth == 0 && SOME_WAIT.get() {
        while let Some(state) = next() {
            drop(state);
        }
    }
    DEPTH.set(depth);
}

#[cold]
fn wait(state: State<Python>) {
    let mut waiting = WAITING.take();
    waiting.push(state);
    WAITING.set(waiting);
    SOME_WAIT.set(true);
}

/// One that waits, taken off the list before its end, which may put more on it.
fn next() -> Option<State<Python>> {
    let mut waiting = WAITING.take();
    let state = waiting.pop();
    SOME_WAIT.set(!waiting.is_empty());
    WAITING.set(waiting);
    state
}
