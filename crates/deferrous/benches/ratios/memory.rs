//! How much of the heap a Deferred that waits takes.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use deferrous::{capture_unhandled, deferred};
use futures::{FutureExt, channel::oneshot};

/// The system's allocator, which can be told to count. The timed rows pay one untaken branch for
/// it, both sides alike.
struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is left to the system's allocator, and counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on to the caller.
        let place = unsafe { System.alloc(layout) };
        if ON.load(Relaxed) {
            ALLOCATIONS.fetch_add(1, Relaxed);
            BYTES.fetch_add(taken(place, layout.size()), Relaxed);
        }
        place
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: passed on to the caller.
        unsafe { System.dealloc(place, layout) };
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: passed on to the caller.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// The bytes that the allocator gave: as many as were asked for, or more.
#[cfg(target_os = "linux")]
fn taken(place: *mut u8, _asked: usize) -> usize {
    // SAFETY: the place is the start of a block that the allocator has just given out, or null.
    unsafe { libc::malloc_usable_size(place.cast()) }
}

#[cfg(not(target_os = "linux"))]
fn taken(_place: *mut u8, asked: usize) -> usize {
    asked
}

/// What two ways to wait for the same thing take.
pub struct Size {
    pub name: &'static str,
    pub peer_name: &'static str,
    pub ours: usize,
    pub our_allocations: usize,
    pub peer: usize,
    pub peer_allocations: usize,
    /// The most that ours should take.
    pub target: usize,
}

fn count<T>(make: impl FnOnce() -> T) -> (usize, usize) {
    BYTES.store(0, Relaxed);
    ALLOCATIONS.store(0, Relaxed);
    ON.store(true, Relaxed);
    let made = black_box(make());
    ON.store(false, Relaxed);
    drop(made);
    (BYTES.load(Relaxed), ALLOCATIONS.load(Relaxed))
}

/// A Deferred with two links of a one-word closure each, and the same with boxed combinators.
pub fn sizes() -> Vec<Size> {
    // It is dropped unfired, and the failure it then has is no news.
    let captured = capture_unhandled();
    let k = black_box(3_u64);
    let (ours, our_allocations) = count(|| {
        let (trigger, d) = deferred::<u64>();
        (trigger, d.map(move |n| n + k).map(move |n| n * k))
    });
    let (peer, peer_allocations) = count(|| {
        let (sender, receiver) = oneshot::channel::<u64>();
        let first = receiver.map(move |n| n.unwrap_or(0) + k).boxed_local();
        (sender, first.map(move |n| n * k).boxed_local())
    });
    drop(captured.take());
    vec![Size {
        name: "memory: pending, two links",
        peer_name: "futures: oneshot and two boxed maps",
        ours,
        our_allocations,
        peer,
        peer_allocations,
        target: 200,
    }]
}
