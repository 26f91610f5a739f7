//! Calls that nest with the data, without recursion.
//!
//! A link may own a Deferred, or a trigger, whose links own others, a million deep. Dropping the
//! first would drop or abandon the second from inside, and so on until the stack is full. So would
//! coroutines that wake each other, callbacks that fire the next trigger, and a consumer that each
//! item calls again. Instead, from some depth on, the work goes on a list of the thread, which is
//! worked off at that depth, in the order in which it would have been done.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::catch_unwind,
};

use crate::inline::Thunk;

/// How deep calls may nest. Up to here work is done when [`run`] returns, as everywhere else in
/// Rust. What lies deeper waits on the list until the stack has come back up to here.
///
/// In a build without any optimization a call of a link takes some kilobytes of stack, and more for what
/// the link does itself. Few programs nest calls as deep as this without a loop behind it.
const DEEPEST: u32 = 64;

/// How many calls of links one [`run_nested`] counts for, which may poll a coroutine or drop a chain.
const NESTED: u32 = 4;

type Work = Thunk<(), ()>;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// There is work on the list, or was when a panic ended working it off.
    static LISTED: Cell<bool> = const { Cell::new(false) };
    /// The last is done first.
    static LIST: RefCell<Vec<Work>> = const { RefCell::new(Vec::new()) };
}

/// Whether [`run`] would put its work on the list.
#[inline]
pub(crate) fn is_deepest() -> bool {
    DEPTH.get() >= DEEPEST
}

/// Does `work`: now, or soon if calls are already nested too deep in the stack.
///
/// Where the thread is ending and the list is gone, it is done now.
pub(crate) fn run(work: impl FnOnce() + 'static) {
    let mut work = Some(work);
    if is_deepest() {
        let _ = LIST.try_with(|list| {
            let work = work
                .take()
                .map(|work| Thunk::new(move |(): &mut ()| work()));
            list.borrow_mut().extend(work);
            LISTED.set(true);
        });
    }
    if let Some(work) = work {
        run_nested(work);
    }
}

/// Does `work` now, [`NESTED`] levels deeper, and then what has been put on the list.
pub(crate) fn run_nested<R>(work: impl FnOnce() -> R) -> R {
    let _levels = Levels::enter();
    let result = work();
    if LISTED.get() {
        work_off();
    }
    result
}

/// As [`run_nested`], for a call that does not unwind, and cheap where the list is not needed. What
/// work on the list panics with goes to `on_panic`.
#[inline(always)]
pub(crate) fn call_nested<R>(call: impl FnOnce() -> R, on_panic: fn(Box<dyn Any + Send>)) -> R {
    nest(|level| {
        let result = call();
        level.returned(on_panic);
        result
    })
}

/// As [`call_nested`], for calls that follow each other. After each [`Level::returned`] is called.
#[inline(always)]
pub(crate) fn nest<R>(calls: impl FnOnce(Level) -> R) -> R {
    let depth = DEPTH.get() + 1;
    DEPTH.set(depth);
    let result = calls(Level(depth));
    DEPTH.set(depth - 1);
    result
}

/// How deep calls are nested.
#[derive(Clone, Copy)]
pub(crate) struct Level(u32);

impl Level {
    /// A call has returned: does what is on the list, if nobody does so further up in the stack.
    #[inline(always)]
    pub(crate) fn returned(self, on_panic: fn(Box<dyn Any + Send>)) {
        if self.0 == DEEPEST {
            work_off_reporting(on_panic);
        }
    }
}

#[cold]
#[inline(never)]
fn work_off_reporting(on_panic: fn(Box<dyn Any + Send>)) {
    while let Err(panic) = catch_unwind(work_off) {
        on_panic(panic);
    }
}

/// Does what is on the list, and what is put there meanwhile: that before the rest, as if it had
/// been done at once.
#[cold]
#[inline(never)]
fn work_off() {
    reverse_from(0);
    while let Some((work, left)) = next_listed() {
        work.call(&mut ());
        reverse_from(left);
    }
    LISTED.set(false);
}

/// Takes the next work off the list, and says how much is left.
fn next_listed() -> Option<(Work, usize)> {
    let next = |list: &RefCell<Vec<Work>>| {
        let mut list = list.borrow_mut();
        let work = list.pop()?;
        Some((work, list.len()))
    };
    LIST.try_with(next).unwrap_or(None)
}

/// Puts what came last on the list in order: first the first.
fn reverse_from(start: usize) {
    let _ = LIST.try_with(|list| list.borrow_mut()[start..].reverse());
}

/// The levels of [`run_nested`], left even if a destructor panics.
struct Levels;

impl Levels {
    fn enter() -> Self {
        DEPTH.set(DEPTH.get() + NESTED);
        Levels
    }
}

impl Drop for Levels {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - NESTED);
    }
}
