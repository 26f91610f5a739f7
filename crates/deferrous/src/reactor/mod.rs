//! The event loop: time, threads, descriptors and signals, all ending in calls on one thread.

mod descriptors;
mod errors;
mod events;
mod jobs;
mod looping;
mod readiness;
mod remote;
mod run;
mod signal_handlers;
mod signals;
mod threads;
mod time;
mod timers;
mod triggers;

use std::{
    cell::{Cell, RefCell},
    fmt, io,
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use slab::Slab;

pub use descriptors::Watch;
pub use errors::{ReactorError, ReactorGone, WouldDeadlock};
pub use looping::{LoopingCall, LoopingCallError};
pub use remote::Remote;
pub use signal_handlers::SignalWatch;
pub use threads::{Executor, Job, PoolStopped, ThreadPool};
pub use time::{Clock, ReactorTime};
pub use timers::{DelayedCall, DelayedCallError};
pub use triggers::{NoSuchTrigger, Phase, SystemEvent, TriggerId};

use self::{
    descriptors::Descriptors,
    remote::{BlockedCall, Shared},
    run::Stage,
    signal_handlers::SignalHandlers,
    timers::Timers,
    triggers::Triggers,
};
use crate::{
    coroutine,
    deferred::{Deferred, cell::Firing},
    failure::Failure,
};

/// The size of a reactor's thread pool, as in Twisted.
const POOL_SIZE: (usize, usize) = (0, 10);

/// An event loop; Twisted's reactor.
///
/// It belongs to the thread that makes it. Clones are the same reactor, so that callbacks can own
/// one. A program may have several, also one after another, but each runs once.
///
/// Timers, calls from other threads, results of pool jobs, descriptors and signals all end in calls
/// on its thread, between which nothing else runs. A call that panics is reported
/// ([`set_unhandled_handler`](crate::set_unhandled_handler)) and the loop goes on.
///
/// A process that is forked off has to leave the reactors of its parent alone, since they wait by descriptors
/// that both share, and their worker threads are not there. It makes a reactor of its own, or becomes another
/// program.
///
/// ```
/// use std::time::Duration;
/// let reactor = deferrous::Reactor::new()?;
/// let stop = reactor.clone();
/// reactor.call_later(Duration::from_millis(1), move || {
///     println!("hello");
///     stop.stop().unwrap();
/// });
/// reactor.run()?;
/// # Ok::<(), deferrous::Failure>(())
/// ```
#[derive(Clone)]
pub struct Reactor(Rc<Inner>);

/// A reactor that its own parts lead back to without keeping it.
#[derive(Clone)]
struct WeakReactor(Weak<Inner>);

impl WeakReactor {
    fn upgrade(&self) -> Option<Reactor> {
        self.0.upgrade().map(Reactor)
    }
}

struct Inner {
    stage: Cell<Stage>,
    handles_signals: bool,
    timers: Timers,
    shared: Arc<Shared>,
    descriptors: Rc<Descriptors>,
    signals: Rc<SignalHandlers>,
    triggers: Triggers,
    pool: ThreadPool,
    /// What waits for jobs in threads.
    replies: RefCell<Slab<Firing>>,
    /// How many jobs were handed out since the loop has waited.
    handed_out: Cell<usize>,
    /// What threads wait for in `blocking_call_from_thread`.
    blocked: RefCell<Slab<BlockedCall>>,
    /// Fires when the pool's last worker has gone.
    pool_stopped: RefCell<Option<crate::deferred::Trigger<()>>>,
}

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
}

impl ReactorBuilder {
    /// Whether SIGINT and SIGTERM stop the reactor while it runs, which they do unless this says
    /// `false`; the `installSignalHandlers` of Twisted's `reactor.run`.
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

    /// Makes the reactor, for this thread.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left to poll with.
    ///
    /// # Panics
    ///
    /// If the size of the thread pool makes no sense.
    pub fn build(self) -> io::Result<Reactor> {
        let shared = Shared::new()?;
        Ok(Reactor(Rc::new(Inner {
            stage: Cell::new(Stage::New),
            handles_signals: self.signal_handlers,
            timers: Timers::real(),
            descriptors: Descriptors::new(shared.waiter.clone()),
            shared,
            signals: Rc::new(SignalHandlers::new()),
            triggers: Triggers::new(),
            pool: ThreadPool::new(self.pool.0, self.pool.1),
            replies: RefCell::new(Slab::new()),
            handed_out: Cell::new(0),
            blocked: RefCell::new(Slab::new()),
            pool_stopped: RefCell::new(None),
        })))
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Reactor>> = const { RefCell::new(None) };
}

impl Reactor {
    /// A reactor for this thread.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left to poll with.
    pub fn new() -> io::Result<Self> {
        Reactor::builder().build()
    }

    /// A reactor with options.
    pub fn builder() -> ReactorBuilder {
        ReactorBuilder {
            signal_handlers: true,
            pool: POOL_SIZE,
        }
    }

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
        coroutine::with_target(self.0.shared.clone(), f)
    }

    /// [`spawn`](crate::spawn)s a coroutine that this reactor resumes when another thread wakes it.
    ///
    /// ```
    /// use deferrous::{Failure, Reactor};
    /// let reactor = Reactor::new()?;
    /// let in_thread = reactor.defer_to_thread(|| Ok(41));
    /// let d = reactor.spawn(async { Ok(in_thread.await? + 1) });
    /// assert_eq!(reactor.run_until(d)?, 42);
    /// # Ok::<(), Failure>(())
    /// ```
    pub fn spawn<T: 'static>(
        &self,
        future: impl Future<Output = Result<T, Failure>> + 'static,
    ) -> Deferred<T> {
        self.enter(|| coroutine::spawn(future))
    }

    /// A handle by which other threads reach this reactor.
    pub fn remote(&self) -> Remote {
        Remote(self.0.shared.clone())
    }

    /// The time since the reactor was made: [`ReactorTime::now`].
    pub fn now(&self) -> Duration {
        self.0.timers.now()
    }

    /// Calls `call` once `delay` has passed: [`ReactorTime::call_later`].
    pub fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        self.0.timers.call_later(delay, call)
    }

    /// The pool of [`defer_to_thread`](Self::defer_to_thread); Twisted's `getThreadPool`. The
    /// reactor starts and stops it.
    pub fn thread_pool(&self) -> &ThreadPool {
        &self.0.pool
    }

    /// Whether it runs: started, and not yet at its end. Twisted's `running`.
    pub fn is_running(&self) -> bool {
        matches!(self.0.stage.get(), Stage::Running | Stage::Stopping)
    }

    fn has_ended(&self) -> bool {
        self.0.stage.get() == Stage::Ended
    }

    fn downgrade(&self) -> WeakReactor {
        WeakReactor(Rc::downgrade(&self.0))
    }

    fn timers_ref(&self) -> &Timers {
        &self.0.timers
    }

    fn add_blocked(&self, call: BlockedCall) -> usize {
        self.0.blocked.borrow_mut().insert(call)
    }

    fn remove_blocked(&self, key: usize) {
        let removed = self.0.blocked.borrow_mut().try_remove(key);
        drop(removed);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Threads that still hold a remote are told that nobody listens.
        self.shared.close();
        self.pool.stop_then(|| {});
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("stage", &self.0.stage.get())
            .field("now", &self.now())
            .field("delayed_calls", &self.0.timers.len())
            .field("thread_pool", &self.0.pool)
            .finish()
    }
}
