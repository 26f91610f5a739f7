//! The reactor of this thread, and coroutines that it resumes.

use std::cell::RefCell;

use super::state::Reactor;
use crate::{coroutine, deferred::Deferred, failure::Failure, inspect};

thread_local! {
    static CURRENT: RefCell<Option<Reactor>> = const { RefCell::new(None) };
}

impl Reactor {
    /// The reactor that runs on this thread, or is [`enter`](Self::enter)ed; Twisted's
    /// `from twisted.internet import reactor`.
    pub fn current() -> Option<Reactor> {
        // On a thread that is ending there is none.
        CURRENT
            .try_with(|current| current.borrow().clone())
            .unwrap_or(None)
    }

    /// Makes this the current reactor for the length of `f`: for [`spawn`](crate::spawn) and what
    /// looks for [`current`](Self::current) before the reactor runs.
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore(Option<Reactor>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _restore = Restore(CURRENT.replace(Some(self.clone())));
        coroutine::with_target(self.shared(), f)
    }

    /// [`spawn`](crate::spawn)s a coroutine that this reactor resumes when a future of another crate,
    /// or another thread, wakes it. To be called on the reactor's thread.
    ///
    /// ```
    /// use deferrous::{Failure, Reactor};
    /// let reactor = Reactor::new()?;
    /// let in_thread = reactor.defer_to_thread(|| Ok(41));
    /// let d = reactor.spawn(async { Ok(in_thread.await? + 1) });
    /// assert_eq!(reactor.run_until(d)?, 42);
    /// # Ok::<(), Failure>(())
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn<T: 'static>(
        &self,
        future: impl Future<Output = Result<T, Failure>> + 'static,
    ) -> Deferred<T> {
        let place = inspect::Place::caller();
        self.enter(|| coroutine::spawn_at(place, future))
    }
}
