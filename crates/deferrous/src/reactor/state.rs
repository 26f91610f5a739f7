//! The reactor itself: what it is made of, and how far it has come.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::{Rc, Weak},
    sync::Arc,
    thread::{self, ThreadId},
    time::Duration,
};

use slab::Slab;

use super::{
    descriptors::Descriptors,
    errors::ReactorGone,
    lazy_waiter::LazyWaiter,
    signal_handlers::SignalHandlers,
    sources::Sources,
    threads::ThreadPool,
    time::{ReactorTime, sealed},
    timers::{DelayedCall, Timers},
    triggers::Triggers,
};
use crate::{
    coroutine::{WakeRequest, WakeTarget, drop_request, run_ready_if_outermost},
    deferred::{CallbackResult, CancelHandle, Deferred, Trigger, cell::Firing, cell::Outcome},
    event_loop::MessageQueue,
};

/// Where a reactor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    New,
    Running,
    /// `stop` was called: the shutdown triggers are being fired.
    Stopping,
    Ended,
}

/// What another thread wants done on the reactor's.
pub(super) enum Message {
    Call(Box<dyn FnOnce(&Reactor) + Send>),
    /// Fire what waits under this key: a job in a thread has ended, or a remote trigger was fired.
    Fire(usize, Box<dyn FnOnce() -> Outcome + Send>),
    Wake(WakeRequest),
    /// The pool's last worker has gone.
    PoolStopped,
}

/// What a thread waits for in `blocking_call_from_thread`.
pub(super) struct BlockedCall {
    /// Cancels what the call has returned.
    pub(super) handle: CancelHandle,
    /// Tells the thread that the reactor has ended.
    pub(super) gone: Box<dyn FnOnce()>,
}

/// What the reactor's thread and the others share.
pub(super) struct Shared {
    pub(super) queue: MessageQueue<Message>,
    pub(super) thread: ThreadId,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Shared {
            queue: MessageQueue::without_waiter(),
            thread: thread::current().id(),
        })
    }

    pub(super) fn send(&self, message: Message) -> Result<(), ReactorGone> {
        self.queue.send(message).map_err(|refused| {
            drop(refused);
            ReactorGone
        })
    }

    /// Refuses further messages, and drops those left. Who waits for one hears of that.
    pub(super) fn close(&self) {
        for message in self.queue.close() {
            match message {
                Message::Wake(request) => drop_request(request),
                other => drop(other),
            }
        }
        drop(self.queue.take_waiter());
    }
}

impl WakeTarget for Shared {
    fn send(&self, request: WakeRequest) -> bool {
        Shared::send(self, Message::Wake(request)).is_ok()
    }

    fn is_gone(&self) -> bool {
        self.queue.is_closed()
    }
}

/// An event loop; Twisted's reactor.
///
/// It belongs to the thread that makes it. Clones are the same reactor, so that callbacks can own
/// one. A program may have several, also one after another. [`run`](Self::run) ends it for good, as in
/// Twisted, and [`run_until`](Self::run_until) leaves it as new.
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
pub struct Reactor(pub(super) Rc<ReactorState>);

/// A reactor that its own parts lead back to without keeping it.
#[derive(Clone)]
pub(crate) struct WeakReactor(Weak<ReactorState>);

impl WeakReactor {
    pub(crate) fn upgrade(&self) -> Option<Reactor> {
        self.0.upgrade().map(Reactor)
    }
}

/// What a reactor is made of.
pub(super) struct ReactorState {
    pub(super) stage: Cell<Stage>,
    /// Counts the runs after which it was as new, so that what is left of one run does nothing in the
    /// next.
    pub(super) runs: Cell<u64>,
    pub(super) handles_signals: bool,
    /// How long it waits for jobs when it stops. Without a limit it waits until they end.
    pub(super) job_limit: Option<Duration>,
    pub(super) timers: Timers,
    pub(super) waiter: Rc<LazyWaiter>,
    /// Each run has another one: what was made for one run finds the reactor gone in the next.
    pub(super) shared: RefCell<Arc<Shared>>,
    pub(super) descriptors: Rc<Descriptors>,
    pub(super) sources: Rc<Sources>,
    pub(super) signals: Rc<SignalHandlers>,
    pub(super) triggers: Triggers,
    /// Each run has another one, because a pool that was stopped does not start again.
    pub(super) pool: RefCell<ThreadPool>,
    /// What waits for jobs in threads and for remote triggers.
    pub(super) replies: RefCell<Slab<Firing>>,
    /// How many jobs were handed out since the loop has waited.
    pub(super) handed_out: Cell<usize>,
    /// What threads wait for in `blocking_call_from_thread`.
    pub(super) blocked: RefCell<Slab<BlockedCall>>,
    /// Fires when the pool's last worker has gone.
    pub(super) pool_stopped: RefCell<Option<Trigger<()>>>,
}

impl Reactor {
    /// The time since the reactor was made: [`ReactorTime::now`].
    pub fn now(&self) -> Duration {
        self.0.timers.now()
    }

    /// Calls `call` once `delay` has passed: [`ReactorTime::call_later`].
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        self.0.timers.call_later(delay, call)
    }

    /// A Deferred that fires once `delay` has passed: [`ReactorTime::sleep`].
    ///
    /// ```
    /// use std::time::Duration;
    /// let reactor = deferrous::Reactor::new()?;
    /// reactor.run_until(reactor.sleep(Duration::from_millis(1)))?;
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[must_use = "dropping the Deferred does not cancel its delayed call"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn sleep(&self, delay: Duration) -> Deferred<()> {
        ReactorTime::sleep(self, delay)
    }

    /// Calls `call` once `delay` has passed, for a Deferred: [`ReactorTime::defer_later`].
    ///
    /// ```
    /// use std::time::Duration;
    /// let reactor = deferrous::Reactor::new()?;
    /// let d = reactor.defer_later(Duration::from_millis(1), || Ok("at last"));
    /// assert_eq!(reactor.run_until(d)?, "at last");
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[must_use = "dropping the Deferred does not cancel the call, and leaves its failure unhandled"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn defer_later<R: CallbackResult>(
        &self,
        delay: Duration,
        call: impl FnOnce() -> R + 'static,
    ) -> Deferred<R::Value> {
        ReactorTime::defer_later(self, delay, call)
    }

    /// The pool of [`defer_to_thread`](Self::defer_to_thread); Twisted's `getThreadPool`. The
    /// reactor starts and stops it. After [`run_until`](Self::run_until) it has another one.
    pub fn thread_pool(&self) -> ThreadPool {
        self.0.pool.borrow().clone()
    }

    /// Whether it runs: started, and not yet at its end. Twisted's `running`.
    pub fn is_running(&self) -> bool {
        matches!(self.0.stage.get(), Stage::Running | Stage::Stopping)
    }

    /// The sockets that handle their events themselves.
    pub(crate) fn sources(&self) -> &Rc<Sources> {
        &self.0.sources
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.0.stage.get() == Stage::Ended
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        self.0.shared.borrow().clone()
    }

    /// Makes a reactor that has ended as new.
    pub(super) fn renew(&self) {
        let inner = &self.0;
        let pool = self.thread_pool();
        let pool = ThreadPool::new(pool.min_threads(), pool.max_threads());
        drop(inner.pool.replace(pool));
        drop(inner.shared.replace(Shared::new()));
        inner.runs.set(inner.runs.get() + 1);
        inner.timers.reopen();
        inner.stage.set(Stage::New);
    }

    pub(crate) fn downgrade(&self) -> WeakReactor {
        WeakReactor(Rc::downgrade(&self.0))
    }
}

impl sealed::HasTimers for Reactor {
    fn timers(&self) -> &Timers {
        &self.0.timers
    }
}

impl ReactorTime for Reactor {}

impl Drop for ReactorState {
    fn drop(&mut self) {
        self.sources.disconnect_all();
        // Threads that still hold a remote are told that nobody listens.
        self.shared.get_mut().close();
        self.pool.get_mut().stop_then(|| {});
        run_ready_if_outermost();
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("stage", &self.0.stage.get())
            .field("now", &self.now())
            .field("delayed_calls", &self.0.timers.len())
            .field("thread_pool", &self.thread_pool())
            .finish()
    }
}
