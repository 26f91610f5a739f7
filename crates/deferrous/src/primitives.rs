//! What threads share and what each has of its own: the standard library's types, or in the models
//! those of `loom`, which tries the orders in which threads may take turns.
//!
//! The models are tests of this crate that are built with `--cfg deferrous_loom`; see
//! [`models`](crate::models). The option is not called `loom`, because crates that the other tests
//! need have models under that name.

#[cfg(not(all(test, deferrous_loom)))]
mod imp {
    use std::sync::{Arc, Weak};
    pub(crate) use std::{
        hint::spin_loop,
        sync::{
            Condvar, Mutex, MutexGuard,
            atomic::{AtomicBool, AtomicU32, fence},
        },
        thread::{ThreadId, current as current_thread, yield_now},
        thread_local,
    };

    /// Spins need a second processor.
    pub(crate) const ONE_AT_A_TIME: bool = false;

    /// How many own `arc`. What those did that do not own it any more is seen after an acquire fence.
    pub(crate) fn strong_count<T>(arc: &Arc<T>) -> usize {
        Arc::strong_count(arc)
    }

    /// An owner, unless there is none any more. What these did is seen after an acquire fence.
    pub(crate) fn upgrade<T>(weak: &Weak<T>) -> Option<Arc<T>> {
        weak.upgrade()
    }
}

#[cfg(all(test, deferrous_loom))]
mod imp {
    use std::{
        cell::{Cell, RefCell},
        sync::{Arc, Weak, atomic::Ordering},
        task::Waker,
    };

    pub(crate) use loom::{
        hint::spin_loop,
        sync::{
            Condvar, Mutex, MutexGuard,
            atomic::{AtomicBool, AtomicU32, fence},
        },
        thread::{ThreadId, current as current_thread, yield_now},
    };
    use loom::{sync::atomic::AtomicUsize, thread::LocalKey};

    /// The threads of a model take turns on one thread of the system.
    pub(crate) const ONE_AT_A_TIME: bool = true;

    /// `loom::thread_local` does not know `const` blocks.
    macro_rules! thread_local_of_loom {
        () => {};
        ($(#[$attr:meta])* static $name:ident: $t:ty = const $init:block; $($rest:tt)*) => {
            loom::thread_local! { $(#[$attr])* static $name: $t = $init }
            $crate::primitives::thread_local_of_loom! { $($rest)* }
        };
        ($(#[$attr:meta])* static $name:ident: $t:ty = $init:expr; $($rest:tt)*) => {
            loom::thread_local! { $(#[$attr])* static $name: $t = $init }
            $crate::primitives::thread_local_of_loom! { $($rest)* }
        };
    }
    pub(crate) use thread_local_of_loom;
    pub(crate) use thread_local_of_loom as thread_local;

    /// What the standard library has for keys of cells.
    pub(crate) trait CellKey<T: 'static> {
        fn replace(&'static self, value: T) -> T;

        fn set(&'static self, value: T) {
            drop(self.replace(value));
        }
    }

    impl<T: 'static> CellKey<T> for LocalKey<Cell<T>> {
        fn replace(&'static self, value: T) -> T {
            self.with(|cell| cell.replace(value))
        }
    }

    impl<T: 'static> CellKey<T> for LocalKey<RefCell<T>> {
        fn replace(&'static self, value: T) -> T {
            self.with(|cell| cell.replace(value))
        }
    }

    pub(crate) trait CopyKey<T: Copy + 'static> {
        fn get(&'static self) -> T;
    }

    impl<T: Copy + 'static> CopyKey<T> for LocalKey<Cell<T>> {
        fn get(&'static self) -> T {
            self.with(Cell::get)
        }
    }

    loom::lazy_static! {
        /// Goes where the count of an `Arc` goes when a [`LentWaker`] is dropped.
        static ref DROPPED: AtomicUsize = AtomicUsize::new(0);
    }

    /// A waker that another thread has. `std::task::Waker` is made of the standard library's `Arc`,
    /// whose count orders what was done before a drop. This does the same for `loom`.
    pub(crate) struct LentWaker(Option<Waker>);

    impl LentWaker {
        pub(crate) fn new(waker: &Waker) -> Self {
            LentWaker(Some(waker.clone()))
        }

        pub(crate) fn wake_by_ref(&self) {
            self.0.iter().for_each(Waker::wake_by_ref);
        }
    }

    impl Drop for LentWaker {
        fn drop(&mut self) {
            // No other thread has its turn between this and the drop itself.
            DROPPED.fetch_add(1, Ordering::Release);
            fence(Ordering::Acquire);
            drop(self.0.take());
        }
    }

    pub(crate) fn strong_count<T>(arc: &Arc<T>) -> usize {
        DROPPED.fetch_add(0, Ordering::Relaxed);
        Arc::strong_count(arc)
    }

    pub(crate) fn upgrade<T>(weak: &Weak<T>) -> Option<Arc<T>> {
        DROPPED.fetch_add(0, Ordering::Relaxed);
        weak.upgrade()
    }
}

pub(crate) use imp::*;
