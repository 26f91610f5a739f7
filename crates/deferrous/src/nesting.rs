//! Work that nests with the data, without recursion.
//!
//! A link may own a Deferred, or a trigger, whose links own others, a million deep. Dropping the
//! first would drop or abandon the second from inside, and so on until the stack is full. So would
//! coroutines that wake each other. Instead, from some depth on, the work goes on a list of the
//! thread, which is worked off at that depth.

use std::cell::{Cell, RefCell};

use crate::inline::Thunk;

/// How deep work may nest. Up to here it is done when [`run`] returns, as everywhere else in Rust.
/// What lies deeper waits on the list until the stack has come back up to here.
const DEEPEST: u32 = 16;

type Work = Thunk<(), ()>;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LIST: RefCell<Vec<Work>> = const { RefCell::new(Vec::new()) };
}

/// Whether [`run`] would put its work on the list.
pub(crate) fn is_deepest() -> bool {
    DEPTH.get() == DEEPEST
}

/// Does `work`: now, or soon if such work is already nested too deep in the stack.
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
        });
    }
    if let Some(work) = work {
        run_nested(work);
    }
}

/// Does `work` now, one level deeper, and then what has been put on the list.
pub(crate) fn run_nested<R>(work: impl FnOnce() -> R) -> R {
    let _level = Level::enter();
    let result = work();
    while let Some(work) = next_listed() {
        work.call(&mut ());
    }
    result
}

fn next_listed() -> Option<Work> {
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
