//! Work that blocks, in threads, and the way back to the reactor: `defer_to_thread`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    state::Reactor,
    threads::{Executor, PoolStopped},
};
use crate::{
    deferred::{Abandoned, Deferred, fail},
    failure::Failure,
    inspect,
};

impl Reactor {
    /// Runs `job` in the thread pool, and fires the Deferred with its result on this thread;
    /// Twisted's `deferToThread`.
    ///
    /// An error that the job returns, or a panic, becomes the failure. Results come back in the
    /// order in which jobs end. Jobs start once the reactor runs. Cancelling the Deferred lets go
    /// of the result, and so does a timeout; the job goes on, and a reactor that stops waits for it,
    /// which delays the return of [`run_until`](Self::run_until). If jobs may hang, say how long it
    /// waits by [`wait_for_jobs`](crate::ReactorBuilder::wait_for_jobs), or give them a
    /// [`ThreadPool`](crate::ThreadPool) of their own by [`defer_to`](Self::defer_to).
    ///
    /// While there is one job at a time, the reactor and the thread that has done the last one each spin for up
    /// to 20 microseconds before they sleep; in a process with one processor neither spins.
    ///
    /// ```
    /// let reactor = deferrous::Reactor::new()?;
    /// let d = reactor.defer_to_thread(|| Ok(std::fs::read_to_string("/proc/self/comm")?));
    /// # #[cfg(target_os = "linux")]
    /// assert!(!reactor.run_until(d)?.is_empty());
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn defer_to_thread<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Deferred<T> {
        let d = self.hand_out(&self.thread_pool(), job);
        d.inspected().named("defer_to_thread");
        d
    }

    /// As [`defer_to_thread`](Self::defer_to_thread), in an executor of the program's choice;
    /// Twisted's `deferToThreadPool`.
    ///
    /// If the executor drops the job, or the reactor has ended, the Deferred fails with
    /// [`Abandoned`].
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn defer_to<T: Send + 'static>(
        &self,
        executor: &(impl Executor + ?Sized),
        job: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Deferred<T> {
        let d = self.hand_out(executor, job);
        d.inspected().named("defer_to");
        d
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    fn hand_out<T: Send + 'static, J>(
        &self,
        executor: &(impl Executor + ?Sized),
        job: J,
    ) -> Deferred<T>
    where
        J: FnOnce() -> Result<T, Failure> + Send + 'static,
    {
        if self.has_ended() {
            return fail(Abandoned);
        }
        let entry = inspect::JobEntry::new::<J>();
        let (trigger, d) = self.remote_trigger();
        self.0.handed_out.set(self.0.handed_out.get() + 1);
        d.inspected().waits_for(entry.id());
        executor.execute(Box::new(move || {
            entry.begin();
            let result = catch_unwind(AssertUnwindSafe(job))
                .unwrap_or_else(|panic| Err(Failure::from_panic(panic)));
            // A reactor that has ended has let go of all who waited.
            let _ = trigger.fire_with(result);
        }));
        d
    }

    /// Runs `job` in the thread pool; Twisted's `callInThread`. A panic in it is reported.
    ///
    /// # Errors
    ///
    /// [`PoolStopped`] if the reactor has ended; the job is dropped then.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn call_in_thread(&self, job: impl FnOnce() + Send + 'static) -> Result<(), PoolStopped> {
        self.thread_pool().call_in_thread(job)
    }

    /// Sets how many threads the pool may have; Twisted's `suggestThreadPoolSize`.
    ///
    /// # Panics
    ///
    /// If `size` is 0: jobs could never run.
    pub fn suggest_thread_pool_size(&self, size: usize) {
        let pool = self.thread_pool();
        pool.adjust_size(pool.min_threads().min(size), size);
    }
}
