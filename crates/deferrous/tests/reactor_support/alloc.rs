//! An allocator that counts what is in use.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicIsize, Ordering},
};

pub struct Counting;

static IN_USE: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static HERE: Cell<isize> = const { Cell::new(0) };
    static MOST_HERE: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    IN_USE.fetch_add(bytes, Ordering::Relaxed);
    let _ = HERE.try_with(|here| {
        here.set(here.get() + bytes);
        MOST_HERE.with(|most| most.set(most.get().max(here.get())));
    });
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the rules for us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above; the block is from `alloc`, so from the system.
        unsafe { System.dealloc(block, layout) }
    }
}

/// The bytes in use in the whole process.
pub fn in_use() -> isize {
    IN_USE.load(Ordering::Relaxed)
}

/// By how many bytes this thread's use grew at most while `f` ran, and by how many at the end.
pub fn growth(f: impl FnOnce()) -> (isize, isize) {
    let before = HERE.get();
    MOST_HERE.set(before);
    f();
    (MOST_HERE.get() - before, HERE.get() - before)
}
