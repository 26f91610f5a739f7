//! A reactor for tests: nothing happens until the test says so.

use std::{collections::VecDeque, time::Duration};

use super::{
    builder::POOL_SIZE,
    lazy_waiter::LazyWaiter,
    run::Ended,
    state::{Reactor, Stage},
    threads::ThreadPool,
    time::{Clock, sealed::HasTimers},
    timers::Timers,
};
use crate::coroutine::{Drains, has_work};

/// Drives a [`Reactor`] by hand, in a test; Twisted's `MemoryReactorClock`.
///
/// Code that takes a [`Reactor`] gets [`reactor`](Self::reactor), and cannot tell the difference. There is
/// no thread, no descriptor and no waiting: time passes by [`advance`](Self::advance), a job of
/// [`defer_to_thread`](Reactor::defer_to_thread) or of the [`thread_pool`](Reactor::thread_pool) runs in
/// [`run_job`](Self::run_job) on the test's own thread, and what comes from jobs, other threads and wakers
/// is handled in the next [`turn`](Self::turn). So each order of events that can happen can be tested.
///
/// The reactor starts with the first turn. [`Reactor::stop`] works as usual: later turns fire the
/// shutdown triggers, and the reactor ends when all jobs were run. If this is dropped first, the reactor
/// ends then, and what waits for it fails with [`Abandoned`](crate::Abandoned).
///
/// What needs the world outside is refused with [`Unsupported`](std::io::ErrorKind::Unsupported):
/// descriptors, signals, processes, and [`Reactor::run`] itself. A job that calls
/// [`blocking_call_from_thread`](crate::Remote::blocking_call_from_thread) gets
/// [`WouldDeadlock`](crate::WouldDeadlock). An executor of the program's own runs its jobs as it always does.
///
/// ```
/// use std::time::Duration;
/// use deferrous::{Deferred, MemoryReactor, Reactor, TimedOut, deny_unhandled};
///
/// fn size(reactor: &Reactor, path: &'static str) -> Deferred<usize> {
///     let size = reactor.defer_to_thread(move || Ok(std::fs::read(path)?.len()));
///     size.add_timeout(Duration::from_secs(5), reactor)
/// }
///
/// let _unhandled = deny_unhandled(); // a failure that nobody handles fails the test
/// let memory = MemoryReactor::new();
///
/// let d = size(memory.reactor(), "Cargo.toml");
/// memory.settle(); // runs the job, and fires its Deferred
/// assert!(d.into_result().unwrap()? > 0);
///
/// let d = size(memory.reactor(), "Cargo.toml");
/// memory.advance(Duration::from_secs(5)); // the job was not run in time
/// assert!(d.into_result().unwrap().unwrap_err().check::<TimedOut>());
/// # Ok::<(), deferrous::Failure>(())
/// ```
#[derive(Debug)]
pub struct MemoryReactor(Reactor);

impl MemoryReactor {
    /// A reactor for this thread, at time zero.
    pub fn new() -> Self {
        let pool = ThreadPool::by_hand(POOL_SIZE.0, POOL_SIZE.1);
        let (time, waiter) = (Timers::manual(), LazyWaiter::in_memory());
        MemoryReactor(Reactor::builder().assemble(time, waiter, pool))
    }

    /// The reactor, for the code that is tested. A clone that outlives this has ended.
    pub fn reactor(&self) -> &Reactor {
        &self.0
    }

    /// The reactor's time, for code that takes a [`Clock`]. Advancing it makes the delayed calls and
    /// nothing else: no message is handled, and the reactor is not the
    /// [current](Reactor::current) one.
    pub fn clock(&self) -> Clock {
        Clock::of(self.0.timers())
    }

    /// Runs the first job that waits for a thread, here and now. Returns whether there was one. Its
    /// Deferred fires in the next [`turn`](Self::turn).
    ///
    /// [`ThreadPool::queued`] says how many there are.
    ///
    /// ```
    /// let memory = deferrous::MemoryReactor::new();
    /// let jobs = ["first", "second"].map(|name| memory.reactor().defer_to_thread(move || Ok(name)));
    /// assert!(memory.run_job());
    /// assert!(!jobs[0].is_called());
    /// memory.turn();
    /// assert!(jobs[0].is_called() && !jobs[1].is_called());
    /// assert_eq!(memory.reactor().thread_pool().queued(), 1);
    /// ```
    pub fn run_job(&self) -> bool {
        self.0.thread_pool().run_one()
    }

    /// Makes one turn of the loop: handles what has come from jobs, other threads and wakers, and makes
    /// the calls that are due. Nothing happens if the reactor has ended.
    ///
    /// What a turn wants done in the next one, as a coroutine does that wakes itself, waits for that.
    ///
    /// ```
    /// use futures::channel::oneshot;
    /// let memory = deferrous::MemoryReactor::new();
    /// let (sender, receiver) = oneshot::channel();
    /// let d = memory.reactor().spawn(async { Ok(receiver.await?) });
    /// sender.send(42).unwrap();
    /// assert!(!d.is_called());
    /// memory.turn();
    /// assert_eq!(d.into_result().unwrap()?, 42);
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn turn(&self) {
        if self.0.has_ended() {
            return;
        }
        let stage = &self.0.0.stage;
        {
            let _drains = Drains::begin();
            self.0.enter(|| {
                if stage.get() == Stage::New {
                    stage.set(Stage::Running);
                    self.0.start_up();
                }
                self.0
                    .handle_pending(&self.0.shared(), &mut VecDeque::new());
            });
        }
        if self.0.has_ended() {
            drop(Ended(&self.0));
        }
    }

    /// Lets `amount` pass and makes a [`turn`](Self::turn); Twisted's `advance`.
    ///
    /// To the calls it is the new time already, and calls that they set for that time or an earlier one are made, too.
    pub fn advance(&self, amount: Duration) {
        self.0.timers().pass(amount);
        self.turn();
    }

    /// Makes turns and runs jobs until neither has anything left to do, and no time passes.
    ///
    /// A coroutine that always wakes itself, or a job that always leads to another, keeps it from returning.
    ///
    /// ```
    /// let memory = deferrous::MemoryReactor::new();
    /// let reactor = memory.reactor().clone();
    /// let d = reactor
    ///     .defer_to_thread(|| Ok(1))
    ///     .add_callback(move |n| reactor.defer_to_thread(move || Ok(n + 1)));
    /// memory.settle();
    /// assert_eq!(d.into_result().unwrap()?, 2);
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn settle(&self) {
        loop {
            self.turn();
            let more = self.run_job()
                || has_work()
                || !self.0.shared().queue.is_empty()
                || self.0.timers().next_delay() == Some(Duration::ZERO);
            if self.0.has_ended() || !more {
                return;
            }
        }
    }
}

impl Default for MemoryReactor {
    fn default() -> Self {
        MemoryReactor::new()
    }
}

impl Drop for MemoryReactor {
    fn drop(&mut self) {
        if !self.0.has_ended() {
            drop(Ended(&self.0));
        }
    }
}
