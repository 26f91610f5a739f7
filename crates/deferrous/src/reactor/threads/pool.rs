//! A pool of threads that grows by need and shrinks when idle.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    error::Error,
    fmt, io,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::executor::{Executor, Job};
use crate::{
    event_loop::{Next, Statistics, Team},
    failure::Failure,
    inspect,
    unhandled::{Origin, report},
};

/// How long a worker above the minimum waits for a job before it goes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The pool was stopped and takes no more jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStopped;

impl fmt::Display for PoolStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the thread pool was stopped and takes no more jobs")
    }
}

impl Error for PoolStopped {}

/// A pool of threads; Twisted's `ThreadPool`.
///
/// It keeps between a minimum and a maximum of workers: it starts one when a job finds none idle,
/// and one that has been idle for a while goes. Jobs wait in a queue, in order, while all are busy,
/// and before [`start`](Self::start). A reactor has one and starts and stops it; programs may make
/// others. Clones are the same pool, and any thread may use it. When the last is dropped, the pool
/// stops as soon as what is queued is done.
///
/// ```
/// let pool = deferrous::ThreadPool::new(0, 2);
/// pool.start();
/// pool.call_in_thread(|| println!("in a thread"))?;
/// pool.stop();
/// # Ok::<(), deferrous::PoolStopped>(())
/// ```
#[derive(Clone)]
pub struct ThreadPool(Arc<Handles>);

/// What the clones of a pool share, and its workers do not: when it goes, nobody can queue jobs any
/// more.
struct Handles(Arc<Shared>);

impl Deref for Handles {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        self.0.stop_then(|| {});
    }
}

struct Shared {
    /// The jobs, and who has time for them. Until the start it may have no workers.
    team: Team<Job>,
    state: Mutex<State>,
    /// A worker has gone, or asks for the stop of its own pool.
    gone: Condvar,
    idle_timeout: Duration,
    /// There are no workers, and the jobs are run by [`run_one`](ThreadPool::run_one).
    by_hand: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    New,
    Started,
    Stopping,
}

struct State {
    phase: Phase,
    min: usize,
    max: usize,
    /// Those that have not ended yet, whether the team still counts them or not.
    threads: usize,
    /// Workers that stop their own pool, and so cannot be waited for.
    stoppers: usize,
    next_worker: u64,
    handles: HashMap<u64, JoinHandle<()>>,
    /// To be told when the last worker of a stopping pool goes.
    when_empty: Vec<Box<dyn FnOnce() + Send>>,
}

thread_local! {
    /// The pool that this thread works for, and whether it has asked for its stop.
    static WORKER: Cell<(usize, bool)> = const { Cell::new((0, false)) };
}

impl ThreadPool {
    /// A pool of `min` to `max` threads. Idle ones above the minimum go after ten seconds.
    ///
    /// # Panics
    ///
    /// If `max` is 0 or less than `min`.
    pub fn new(min: usize, max: usize) -> Self {
        ThreadPool::with_idle_timeout(min, max, IDLE_TIMEOUT)
    }

    /// As [`new`](Self::new), with the time after which an idle thread above the minimum goes.
    ///
    /// # Panics
    ///
    /// If `max` is 0 or less than `min`.
    pub fn with_idle_timeout(min: usize, max: usize, idle_timeout: Duration) -> Self {
        check_size(min, max);
        ThreadPool::make(min, max, idle_timeout, false)
    }

    /// A pool without threads: whoever has it runs its jobs, one after the other.
    pub(crate) fn by_hand(min: usize, max: usize) -> Self {
        ThreadPool::make(min, max, IDLE_TIMEOUT, true)
    }

    fn make(min: usize, max: usize, idle_timeout: Duration, by_hand: bool) -> Self {
        let team = Team::new();
        team.resize(0, 0);
        ThreadPool(Arc::new(Handles(Arc::new(Shared {
            team,
            state: Mutex::new(State {
                phase: Phase::New,
                min,
                max,
                threads: 0,
                stoppers: 0,
                next_worker: 0,
                handles: HashMap::new(),
                when_empty: Vec::new(),
            }),
            gone: Condvar::new(),
            idle_timeout,
            by_hand,
        }))))
    }

    /// Runs the first job that waits in a pool without threads, on this thread. Returns whether there
    /// was one.
    pub(crate) fn run_one(&self) -> bool {
        let Some(job) = self.0.team.pop() else {
            return false;
        };
        run(job);
        self.0.tell_if_empty(self.0.state());
        true
    }

    /// Starts the minimum of workers, and as many more as jobs are waiting; Twisted's `start`.
    /// Nothing happens if it was started before.
    pub fn start(&self) {
        let mut state = self.0.state();
        if state.phase == Phase::New {
            state.phase = Phase::Started;
            self.0.resize(state);
        }
    }

    /// Queues a job; Twisted's `callInThread`. A panic in it is reported, and its worker goes on.
    ///
    /// # Errors
    ///
    /// [`PoolStopped`]; the job is dropped then.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn call_in_thread<J>(&self, job: J) -> Result<(), PoolStopped>
    where
        J: FnOnce() + Send + 'static,
    {
        let entry = inspect::JobEntry::new::<J>();
        self.queue(Box::new(move || {
            entry.begin();
            job();
        }))
    }

    fn queue(&self, job: Job) -> Result<(), PoolStopped> {
        match self.0.team.push(job) {
            Ok(needs_worker) => {
                if needs_worker {
                    self.0.grow(self.0.state());
                }
                Ok(())
            }
            Err(_dropped) => Err(PoolStopped),
        }
    }

    /// Changes the size; Twisted's `adjustPoolsize`. Busy workers above the maximum go after their
    /// job.
    ///
    /// # Panics
    ///
    /// If `max` is 0 or less than `min`.
    pub fn adjust_size(&self, min: usize, max: usize) {
        check_size(min, max);
        let mut state = self.0.state();
        (state.min, state.max) = (min, max);
        self.0.resize(state);
    }

    /// Finishes the queued jobs, ends the workers and waits for them; Twisted's `stop`. Jobs of a
    /// pool that was never started are dropped.
    ///
    /// Several threads may call it, and each waits. Called from one of its own workers, it does not
    /// wait for that one.
    pub fn stop(&self) {
        self.stop_then(|| {});
        self.join();
    }

    /// Begins to stop, and calls `then` when the last worker has gone, from that worker or from
    /// here.
    pub(crate) fn stop_then(&self, then: impl FnOnce() + Send + 'static) {
        self.0.stop_then(then);
    }

    /// Waits for the threads of a stopping pool.
    pub(crate) fn join(&self) {
        let mut state = self.0.state();
        let (pool, asked) = WORKER.get();
        let own = pool == self.0.address();
        if own && !asked {
            WORKER.set((pool, true));
            state.stoppers += 1;
            self.0.gone.notify_all();
        }
        while state.threads > if own { state.stoppers } else { 0 } {
            let waited = self.0.gone.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let handles = std::mem::take(&mut state.handles);
        drop(state);
        for handle in handles.into_values() {
            if !own {
                // Workers catch what jobs panic with.
                let _ = handle.join();
            }
        }
    }

    /// The least number of threads while it runs; Twisted's `min`.
    pub fn min_threads(&self) -> usize {
        self.0.state().min
    }

    /// The greatest number of threads; Twisted's `max`.
    pub fn max_threads(&self) -> usize {
        self.0.state().max
    }

    /// How many threads there are now; the length of Twisted's `threads`.
    pub fn threads(&self) -> usize {
        self.0.state().threads
    }

    /// How many threads wait for a job; the length of Twisted's `waiters`.
    pub fn idle(&self) -> usize {
        self.0.team.statistics().idle
    }

    /// How many threads have a job, or are about to.
    pub(crate) fn busy(&self) -> usize {
        self.0.team.statistics().busy
    }

    /// How many jobs wait for a thread; the size of Twisted's `q`.
    pub fn queued(&self) -> usize {
        self.0.team.statistics().backlog
    }
}

fn check_size(min: usize, max: usize) {
    assert!(
        max > 0,
        "a thread pool needs a maximum of at least one thread"
    );
    assert!(
        min <= max,
        "a thread pool's minimum of {min} threads is above its maximum of {max}"
    );
}

impl Executor for ThreadPool {
    /// Queues the job, or drops it if the pool was stopped.
    fn execute(&self, job: Job) {
        let _ = self.queue(job);
    }
}

impl Shared {
    /// Tells the pool from others.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop_then(self: &Arc<Self>, then: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        self.team.quit();
        let dropped = match state.phase {
            Phase::New => self.team.clear(),
            _ => VecDeque::new(),
        };
        state.phase = Phase::Stopping;
        // Whoever has queued the last job may not have come to start a worker for it.
        self.grow(state);
        let mut state = self.state();
        state.when_empty.push(Box::new(then));
        self.tell_if_empty(state);
        drop(dropped);
    }

    /// If the last worker of a stopping pool has gone, or the last job of one without workers was run,
    /// calls who waits for that.
    fn tell_if_empty(&self, mut state: MutexGuard<'_, State>) {
        let left = self.by_hand && self.team.statistics().backlog > 0;
        if state.phase != Phase::Stopping || state.threads > 0 || left {
            return;
        }
        let when_empty = std::mem::take(&mut state.when_empty);
        drop(state);
        for then in when_empty {
            then();
        }
    }

    /// Has the team know the size, once the pool is started.
    fn resize(self: &Arc<Self>, state: MutexGuard<'_, State>) {
        if state.phase == Phase::Started {
            self.team.resize(state.min, state.max);
            self.grow(state);
        }
    }

    /// Starts the workers that are missing for the minimum and for the jobs that find none idle.
    fn grow(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.phase == Phase::New || self.by_hand {
            return;
        }
        let mut started = Ok(());
        while started.is_ok()
            && (self.team.reserve(state.min) || self.reserve_for_backlog(state.max))
        {
            started = self.start_worker(&mut state);
        }
        let Err(error) = started else { return };
        // With workers the jobs wait their turn. Without any they would wait for ever, so they are
        // dropped, which those who wait for them hear of.
        let Statistics { idle, busy, .. } = self.team.statistics();
        let dropped = if idle + busy == 0 {
            self.team.clear()
        } else {
            VecDeque::new()
        };
        drop(state);
        report(Origin::Thread, error.into());
        drop(dropped);
    }

    fn reserve_for_backlog(&self, max: usize) -> bool {
        self.team.statistics().backlog > 0 && self.team.reserve(max)
    }

    /// Starts a thread for a place in the team, or gives the place back.
    fn start_worker(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        self.team.activate();
        let (id, shared) = (state.next_worker, self.clone());
        let handle = thread::Builder::new()
            .name(format!("deferrous-{id}"))
            .spawn(move || shared.work(id))
            .inspect_err(|_| self.team.start_failed())?;
        state.next_worker += 1;
        state.threads += 1;
        state.handles.insert(id, handle);
        Ok(())
    }

    /// What a worker does.
    fn work(&self, id: u64) {
        WORKER.set((self.address(), false));
        let mut next = self.team.first();
        loop {
            next = match next {
                Next::Job(job) => {
                    run(job);
                    self.team.next()
                }
                Next::Wait => {
                    self.team.spin(|| true);
                    self.team.wait_for(self.idle_timeout)
                }
                Next::Leave => break,
            };
        }
        self.end(id);
    }

    fn end(&self, id: u64) {
        let mut state = self.state();
        state.threads -= 1;
        state.stoppers -= usize::from(WORKER.get().1);
        self.gone.notify_all();
        if state.phase != Phase::Stopping {
            // Nobody will join it.
            drop(state.handles.remove(&id));
            return;
        }
        self.tell_if_empty(state);
    }
}

/// Runs a job, and reports its panic.
fn run(job: Job) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(job)) {
        report(Origin::Thread, Failure::from_panic(panic));
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("min", &self.min_threads())
            .field("max", &self.max_threads())
            .field("threads", &self.threads())
            .field("idle", &self.idle())
            .field("queued", &self.queued())
            .finish()
    }
}
