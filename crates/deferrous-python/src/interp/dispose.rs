//! Ending objects that hold each other, in a row of any length, without a stack of that depth.

use std::{any::Any, cell::Cell, mem::ManuallyDrop};

/// How many objects may end inside each other before the next one has to wait.
const DEEPEST: u32 = 24;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static SOME_WAIT: Cell<bool> = const { Cell::new(false) };
    static WAITING: Cell<Vec<Box<dyn Any>>> = const { Cell::new(Vec::new()) };
}

/// Ends what an object holds, now or when those that are ending around it are done.
///
/// # Safety
///
/// It is not used again.
#[inline]
pub unsafe fn end<T: 'static>(held: &mut ManuallyDrop<T>) {
    let depth = DEPTH.get();
    if depth >= DEEPEST {
        // SAFETY: as the caller says.
        return wait(Box::new(unsafe { ManuallyDrop::take(held) }));
    }
    DEPTH.set(depth + 1);
    // SAFETY: as the caller says.
    unsafe { ManuallyDrop::drop(held) };
    if depth == 0 && SOME_WAIT.get() {
        while let Some(held) = next() {
            drop(held);
        }
    }
    DEPTH.set(depth);
}

#[cold]
fn wait(held: Box<dyn Any>) {
    let mut waiting = WAITING.take();
    waiting.push(held);
    WAITING.set(waiting);
    SOME_WAIT.set(true);
}

/// One that waits, taken off the list before its end, which may put more on it.
fn next() -> Option<Box<dyn Any>> {
    let mut waiting = WAITING.take();
    let held = waiting.pop();
    SOME_WAIT.set(!waiting.is_empty());
    WAITING.set(waiting);
    held
}
