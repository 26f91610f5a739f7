//! A pool of threads that grows by need and shrinks when idle.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    error::Error,
    fmt,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Executor, Job};
use crate::{
    failure::Failure,
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
    state: Mutex<State>,
    /// A job was queued, or the pool is to change its size or stop.
    news: Condvar,
    /// A worker has gone, or asks for the stop of its own pool.
    gone: Condvar,
    idle_timeout: Duration,
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
    queue: VecDeque<Job>,
    workers: usize,
    idle: usize,
    /// An idle worker has been woken and has not looked for a job yet.
    waking: bool,
    /// Workers that have been started and have not looked for a job yet.
    starting: usize,
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
        ThreadPool(Arc::new(Handles(Arc::new(Shared {
            state: Mutex::new(State {
                phase: Phase::New,
                min,
                max,
                queue: VecDeque::new(),
                workers: 0,
                idle: 0,
                waking: false,
                starting: 0,
                stoppers: 0,
                next_worker: 0,
                handles: HashMap::new(),
                when_empty: Vec::new(),
            }),
            news: Condvar::new(),
            gone: Condvar::new(),
            idle_timeout,
        }))))
    }

    /// Starts the minimum of workers, and as many more as jobs are waiting; Twisted's `start`.
    /// Nothing happens if it was started before.
    pub fn start(&self) {
        let mut state = self.0.state();
        if state.phase == Phase::New {
            state.phase = Phase::Started;
            self.0.grow(state);
        }
    }

    /// Queues a job; Twisted's `callInThread`. A panic in it is reported, and its worker goes on.
    ///
    /// # Errors
    ///
    /// [`PoolStopped`]; the job is dropped then.
    pub fn call_in_thread(&self, job: impl FnOnce() + Send + 'static) -> Result<(), PoolStopped> {
        self.queue(Box::new(job))
    }

    fn queue(&self, job: Job) -> Result<(), PoolStopped> {
        let mut state = self.0.state();
        if state.phase == Phase::Stopping {
            drop(state);
            drop(job);
            return Err(PoolStopped);
        }
        state.queue.push_back(job);
        if state.phase == Phase::New {
            return Ok(());
        }
        if state.queue.len() > state.free() && state.workers < state.max {
            self.0.grow(state);
        } else {
            self.0.wake_one(state);
        }
        Ok(())
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
        if state.phase == Phase::Started {
            self.0.grow(state);
            self.0.news.notify_all();
        }
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
        while state.workers > if own { state.stoppers } else { 0 } {
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
        self.0.state().workers
    }

    /// How many threads wait for a job; the length of Twisted's `waiters`.
    pub fn idle(&self) -> usize {
        self.0.state().idle
    }

    /// How many threads have a job, or are about to.
    pub(crate) fn busy(&self) -> usize {
        let state = self.0.state();
        state.workers - state.idle
    }

    /// How many jobs wait for a thread; the size of Twisted's `q`.
    pub fn queued(&self) -> usize {
        self.0.state().queue.len()
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

impl State {
    /// How many workers will look for a job without being told.
    const fn free(&self) -> usize {
        self.idle + self.starting
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

    fn stop_then(&self, then: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        let dropped = match state.phase {
            Phase::New => std::mem::take(&mut state.queue),
            _ => VecDeque::new(),
        };
        state.phase = Phase::Stopping;
        if state.workers == 0 {
            drop(state);
            then();
        } else {
            state.when_empty.push(Box::new(then));
            drop(state);
            self.news.notify_all();
        }
        drop(dropped);
    }

    /// Starts the workers that are missing for the minimum and for the jobs that find none idle.
    fn grow(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let waiting = state.queue.len().saturating_sub(state.free());
        let wanted = (state.workers + waiting).clamp(state.min, state.max);
        let mut refused = None;
        while state.workers < wanted {
            let id = state.next_worker;
            let shared = self.clone();
            let name = format!("deferrous-{id}");
            match thread::Builder::new()
                .name(name)
                .spawn(move || shared.work(id))
            {
                Ok(handle) => {
                    state.next_worker += 1;
                    state.workers += 1;
                    state.starting += 1;
                    state.handles.insert(id, handle);
                }
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        let Some(error) = refused else { return };
        // With workers the jobs wait their turn. Without any they would wait for ever, so they are
        // dropped, which those who wait for them hear of.
        let dropped = if state.workers == 0 {
            std::mem::take(&mut state.queue)
        } else {
            VecDeque::new()
        };
        drop(state);
        report(Origin::Thread, error.into());
        drop(dropped);
    }

    /// Wakes an idle worker, unless one is waking up already: it wakes the next if it finds more
    /// than one job, so that a burst of jobs does not cost who queues them a call of the system
    /// each.
    fn wake_one(&self, mut state: MutexGuard<'_, State>) {
        let wake = state.idle > 0 && !state.waking;
        state.waking |= wake;
        drop(state);
        if wake {
            self.news.notify_one();
        }
    }

    /// What a worker does.
    fn work(&self, id: u64) {
        WORKER.set((self.address(), false));
        let mut state = self.state();
        state.starting -= 1;
        loop {
            if state.workers > state.max {
                break;
            }
            if let Some(job) = state.queue.pop_front() {
                if state.queue.is_empty() {
                    drop(state);
                } else {
                    self.wake_one(state);
                }
                if let Err(panic) = catch_unwind(AssertUnwindSafe(job)) {
                    report(Origin::Thread, Failure::from_panic(panic));
                }
                state = self.state();
            } else if state.phase == Phase::Stopping {
                break;
            } else {
                let idle_too_long;
                (state, idle_too_long) = self.wait(state);
                if idle_too_long {
                    break;
                }
            }
        }
        self.end(state, id);
    }

    /// Waits for news, or until the worker has been idle for too long, which it says.
    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>) -> (MutexGuard<'a, State>, bool) {
        let since = Instant::now();
        state.idle += 1;
        loop {
            let left = self.idle_timeout.saturating_sub(since.elapsed());
            let spare = state.workers > state.min;
            if spare && left.is_zero() {
                state.idle -= 1;
                return (state, true);
            }
            state = if spare {
                self.news
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            } else {
                self.news
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner)
            };
            state.waking = false;
            if !state.queue.is_empty()
                || state.phase == Phase::Stopping
                || state.workers > state.max
            {
                state.idle -= 1;
                return (state, false);
            }
        }
    }

    fn end(&self, mut state: MutexGuard<'_, State>, id: u64) {
        state.workers -= 1;
        state.stoppers -= usize::from(WORKER.get().1);
        self.gone.notify_all();
        if !state.queue.is_empty() {
            // It may have been woken for a job that it has not taken, being one worker too many.
            self.news.notify_all();
        }
        if state.phase != Phase::Stopping {
            // Nobody will join it. A handle that is not there yet is dropped by whoever joins all.
            drop(state.handles.remove(&id));
            return;
        }
        if state.workers == 0 {
            let when_empty = std::mem::take(&mut state.when_empty);
            drop(state);
            for then in when_empty {
                then();
            }
        }
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("ThreadPool")
            .field("min", &state.min)
            .field("max", &state.max)
            .field("threads", &state.workers)
            .field("idle", &state.idle)
            .field("queued", &state.queue.len())
            .finish()
    }
}
