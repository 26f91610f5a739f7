//! What runs jobs elsewhere.

/// What an [`Executor`] runs.
pub type Job = Box<dyn FnOnce() + Send>;

/// Something that runs jobs elsewhere: a [`ThreadPool`](crate::ThreadPool), or a pool that the program
/// has already.
///
/// ```
/// use deferrous::{Executor, Job, Reactor};
/// struct NewThread;
/// impl Executor for NewThread {
///     fn execute(&self, job: Job) {
///         std::thread::spawn(job);
///     }
/// }
/// let reactor = Reactor::new()?;
/// let d = reactor.defer_to(&NewThread, || Ok(6 * 7));
/// assert_eq!(reactor.run_until(d)?, 42);
/// # Ok::<(), deferrous::Failure>(())
/// ```
pub trait Executor {
    /// Runs `job`, now or later, on whatever thread. Dropping it instead is an answer too: who
    /// waits for it gets [`Abandoned`](crate::Abandoned).
    fn execute(&self, job: Job);
}
