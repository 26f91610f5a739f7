//! Making a reactor.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    time::Duration,
};

use slab::Slab;

use super::{
    descriptors::Descriptors,
    lazy_waiter::LazyWaiter,
    signal_handlers::SignalHandlers,
    sources::Sources,
    state::{Reactor, ReactorState, Shared, Stage},
    threads::ThreadPool,
    timers::Timers,
    triggers::Triggers,
};

/// The size of a reactor's thread pool, as in Twisted.
pub(super) const POOL_SIZE: (usize, usize) = (0, 10);

/// Options of a [`Reactor`].
///
/// ```
/// let reactor = deferrous::Reactor::builder().thread_pool(2, 20).signal_handlers(false).build()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ReactorBuilder {
    signal_handlers: bool,
    pool: (usize, usize),
    job_limit: Option<Duration>,
}

impl ReactorBuilder {
    /// Whether SIGINT and SIGTERM stop the reactor while it runs, which they do unless this says
    /// `false`; the `installSignalHandlers` of Twisted's `reactor.run`.
    ///
    /// A handler that the program has installed before the first reactor runs is called as well,
    /// and goes on to be called after the end. If there was none, both signals end the process
    /// again when the reactor has ended. A program that installs a handler later, or that has one on
    /// a system without Linux's `/proc`, says `false`, and calls [`Reactor::stop`] by itself.
    pub fn signal_handlers(mut self, install: bool) -> Self {
        self.signal_handlers = install;
        self
    }

    /// The least and the greatest number of threads in the pool, 0 and 10 by default.
    ///
    /// # Panics
    ///
    /// `build` panics if the greatest is 0 or less than the least.
    pub fn thread_pool(mut self, min: usize, max: usize) -> Self {
        self.pool = (min, max);
        self
    }

    /// How long a reactor that stops waits for the jobs in its thread pool. Without this it waits until
    /// they end, as Twisted does, so a job that hangs keeps [`run`](Reactor::run) and
    /// [`run_until`](Reactor::run_until) from returning.
    ///
    /// When the time is over, the reactor ends without them. Their threads go on until the jobs end, and
    /// with the process if `main` returns first. Deferreds that wait for them fail with
    /// [`Abandoned`](crate::Abandoned), and results that come later are dropped.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use deferrous::{Reactor, TimedOut};
    /// let reactor = Reactor::builder().wait_for_jobs(Duration::ZERO).build()?;
    /// let (sender, receiver) = mpsc::channel::<()>();
    /// let hangs = reactor
    ///     .defer_to_thread(move || Ok(receiver.recv()?))
    ///     .add_timeout(Duration::from_millis(10), &reactor);
    /// assert!(reactor.run_until(hangs).unwrap_err().check::<TimedOut>());
    /// drop(sender); // it has hung until now
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn wait_for_jobs(mut self, limit: Duration) -> Self {
        self.job_limit = Some(limit);
        self
    }

    /// Makes the reactor, for this thread.
    ///
    /// # Errors
    ///
    /// None today. The descriptors that the reactor polls with are opened later, by the first `add_reader` or
    /// `run`, which fail if the system refuses them.
    ///
    /// # Panics
    ///
    /// If the size of the thread pool makes no sense.
    pub fn build(self) -> io::Result<Reactor> {
        let pool = ThreadPool::new(self.pool.0, self.pool.1);
        Ok(self.assemble(Timers::real(), LazyWaiter::new(), pool))
    }

    /// A reactor of these parts.
    pub(super) fn assemble(self, timers: Timers, waiter: LazyWaiter, pool: ThreadPool) -> Reactor {
        let waiter = Rc::new(waiter);
        Reactor(Rc::new(ReactorState {
            stage: Cell::new(Stage::New),
            runs: Cell::new(0),
            handles_signals: self.signal_handlers,
            job_limit: self.job_limit,
            timers,
            descriptors: Descriptors::new(waiter.clone()),
            sources: Sources::new(waiter.clone()),
            waiter,
            shared: RefCell::new(Shared::new()),
            signals: Rc::new(SignalHandlers::new()),
            triggers: Triggers::new(),
            pool: RefCell::new(pool),
            replies: RefCell::new(Slab::new()),
            handed_out: Cell::new(0),
            blocked: RefCell::new(Slab::new()),
            pool_stopped: RefCell::new(None),
        }))
    }
}

impl Reactor {
    /// A reactor for this thread.
    ///
    /// # Errors
    ///
    /// As [`ReactorBuilder::build`].
    pub fn new() -> io::Result<Self> {
        Reactor::builder().build()
    }

    /// A reactor with options.
    pub fn builder() -> ReactorBuilder {
        ReactorBuilder {
            signal_handlers: true,
            pool: POOL_SIZE,
            job_limit: None,
        }
    }
}
