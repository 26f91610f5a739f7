//! Jobs, and the workers that take them.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{PoisonError, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use super::spin_wait::SpinWait;
use crate::primitives::{AtomicBool, Condvar, Mutex, MutexGuard};

/// A queue of jobs and the workers that take them; Twisted's `Team`.
///
/// It starts no threads. Whoever does [reserves](Self::reserve) a place for a worker and
/// [activates](Self::activate) it when the thread is about to start. The thread then works:
///
/// ```
/// use deferrous::event_loop::{Next, Team};
/// use std::sync::Arc;
/// let team = Arc::new(Team::new());
/// for n in 0..3 {
///     team.push(n).unwrap();
/// }
/// assert!(team.reserve(1));
/// team.activate();
/// let worker = team.clone();
/// let thread = std::thread::spawn(move || {
///     let (mut sum, mut next) = (0, worker.first());
///     loop {
///         next = match next {
///             Next::Job(n) => {
///                 sum += n;
///                 worker.next()
///             }
///             Next::Wait => {
///                 worker.wait();
///                 worker.first()
///             }
///             Next::Leave => return sum,
///         };
///     }
/// });
/// team.quit();
/// assert_eq!(thread.join().unwrap(), 3);
/// ```
///
/// The jobs have a lock of their own, which [`wait`](Self::wait) and [`spin`](Self::spin) do not need. So if all
/// other calls are made with a further lock held, such as that of an interpreter, nobody ever waits for the jobs,
/// and a process that is forked off with that lock held finds them unlocked.
pub struct Team<J> {
    state: Mutex<State>,
    /// In order. Locked after the state, or alone.
    jobs: Mutex<VecDeque<J>>,
    news: Condvar,
    spin_wait: SpinWait,
    /// Tells a worker that spins to look for a job.
    notified: AtomicBool,
}

struct State {
    /// How many jobs there are.
    jobs: usize,
    /// Those that have a job or look for one, without those that are asked to leave.
    workers: usize,
    /// How many are to leave that are no longer counted: whichever look for a job first.
    leaving: usize,
    /// Places for workers whose threads are being made.
    reserved: usize,
    /// How many workers have a job, whether they are to leave or not. The others look for one, or
    /// wait.
    working: usize,
    /// How many threads wait for news.
    waiting: usize,
    /// One of these has been woken and has not looked for a job yet.
    waking: bool,
    /// One spins before it sleeps.
    spinning: bool,
    /// How many more are to leave as soon as there is nothing to do. While there are any, no worker
    /// is idle.
    excess: usize,
    quitting: bool,
    /// So many do not leave for having waited.
    min: usize,
    /// So many may there be.
    max: usize,
}

/// What a worker does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<J> {
    /// This job.
    Job(J),
    /// It waits, by [`Team::wait`].
    Wait,
    /// It ends, and is no longer counted.
    Leave,
}

/// What a team is doing; Twisted's `Statistics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// How many workers have nothing to do.
    pub idle: usize,
    /// How many have a job, or are about to take one that waits.
    pub busy: usize,
    /// How many jobs wait for a worker to have time.
    pub backlog: usize,
}

impl<J> Team<J> {
    /// A team without workers.
    pub fn new() -> Self {
        Team {
            state: Mutex::new(State {
                jobs: 0,
                workers: 0,
                leaving: 0,
                reserved: 0,
                working: 0,
                waiting: 0,
                waking: false,
                spinning: false,
                excess: 0,
                quitting: false,
                min: 0,
                max: usize::MAX,
            }),
            jobs: Mutex::new(VecDeque::new()),
            news: Condvar::new(),
            spin_wait: SpinWait::new(),
            notified: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jobs(&self) -> MutexGuard<'_, VecDeque<J>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job. Jobs are taken in order.
    ///
    /// Returns whether another worker would take it sooner, and [`resize`](Self::resize) allows for
    /// one.
    ///
    /// # Errors
    ///
    /// The job itself, if the team was told to quit.
    pub fn push(&self, job: J) -> Result<bool, J> {
        let mut state = self.state();
        if state.quitting {
            return Err(job);
        }
        self.jobs().push_back(job);
        state.jobs += 1;
        let needs_worker = state.jobs > state.free() && state.has_room(state.max);
        self.wake_one(state);
        Ok(needs_worker)
    }

    /// Takes out the last job for which `is_it` returns true, if no worker has begun it. The team is locked
    /// meanwhile.
    pub fn withdraw(&self, is_it: impl FnMut(&J) -> bool) -> Option<J> {
        let mut state = self.state();
        let job = {
            let mut jobs = self.jobs();
            jobs.iter().rposition(is_it).and_then(|at| jobs.remove(at))
        };
        state.jobs -= usize::from(job.is_some());
        self.wake_all(state);
        job
    }

    /// Takes out the first job that no worker has begun, for whoever does it without being a worker.
    pub(crate) fn pop(&self) -> Option<J> {
        let mut state = self.state();
        let job = self.jobs().pop_front();
        state.jobs -= usize::from(job.is_some());
        self.wake_all(state);
        job
    }

    /// Takes out the jobs that no worker has begun.
    pub fn clear(&self) -> VecDeque<J> {
        let mut state = self.state();
        let jobs = mem::take(&mut *self.jobs());
        state.jobs = 0;
        self.wake_all(state);
        jobs
    }

    /// Looks at the jobs that no worker has begun, with the jobs locked.
    pub fn peek<R>(&self, look: impl FnOnce(&VecDeque<J>) -> R) -> R {
        look(&self.jobs())
    }

    /// Takes the jobs out in a process that was forked off, which has none of the workers. One of these may have
    /// locked the rest of the team for ever: call nothing else of it, and give the jobs to another.
    pub fn abandon(&self) -> VecDeque<J> {
        mem::take(&mut *self.jobs())
    }

    /// Reserves a place for one more worker, if there are less than `limit`, and says whether it did.
    /// Either [`activate`](Self::activate) or [`cancel_reservation`](Self::cancel_reservation) follows. A team
    /// that was told to quit has places for the jobs that are left, and no others.
    pub fn reserve(&self, limit: usize) -> bool {
        let mut state = self.state();
        let needed = !state.quitting || state.statistics().backlog > state.reserved;
        let room = needed && state.has_room(limit);
        state.reserved += usize::from(room);
        room
    }

    /// Counts a worker in its reserved place, whose thread is about to start. It begins with
    /// [`first`](Self::first). If it cannot start after all, [`start_failed`](Self::start_failed) follows.
    ///
    /// # Panics
    ///
    /// If no place was [reserved](Self::reserve).
    pub fn activate(&self) {
        let mut state = self.state();
        state.take_reservation();
        state.workers += 1;
        state.settle();
    }

    /// Gives a reserved place up, because there is no thread for it.
    ///
    /// # Panics
    ///
    /// As [`activate`](Self::activate).
    pub fn cancel_reservation(&self) {
        self.state().take_reservation();
    }

    /// Counts a worker no longer that was activated and could not start.
    ///
    /// # Panics
    ///
    /// If all workers have jobs.
    pub fn start_failed(&self) {
        let mut state = self.state();
        assert!(
            state.workers + state.leaving > state.working,
            "only a worker that was activated and has not begun can fail to start"
        );
        // It may be the one that is to leave, and then is not counted any more.
        if state.leaving > 0 {
            state.leaving -= 1;
        } else {
            state.workers -= 1;
        }
    }

    /// Has `count` workers leave, as soon as they have nothing to do; Twisted's `shrink`.
    pub fn shrink(&self, count: usize) {
        let mut state = self.state();
        state.excess = state.excess.saturating_add(count);
        self.wake_all(state);
    }

    /// Has workers above `max` leave after their job, whether there are others or not, and those
    /// above `min` when they have [waited for long enough](Self::wait_for). What was asked for
    /// before, by this or by [`shrink`](Self::shrink), and has not happened yet does not count any
    /// more.
    ///
    /// A team that was never told keeps none for nothing, and has no maximum.
    pub fn resize(&self, min: usize, max: usize) {
        let mut state = self.state();
        state.workers += mem::take(&mut state.leaving);
        state.excess = 0;
        (state.min, state.max) = (min, max);
        self.wake_all(state);
    }

    /// Takes no more jobs, and has all workers leave when those that are there are done; Twisted's
    /// `quit`.
    ///
    /// Returns whether it had not been told so before.
    pub fn quit(&self) -> bool {
        let mut state = self.state();
        let first = !mem::replace(&mut state.quitting, true);
        self.wake_all(state);
        first
    }

    /// Whether it was told to quit.
    pub fn is_quitting(&self) -> bool {
        self.state().quitting
    }

    /// What it is doing.
    pub fn statistics(&self) -> Statistics {
        self.state().statistics()
    }

    /// What a worker does that is new, or has [waited](Self::wait).
    ///
    /// # Panics
    ///
    /// If it was not [activated](Self::activate).
    pub fn first(&self) -> Next<J> {
        self.look(self.state())
    }

    /// What a worker does whose job is done.
    ///
    /// # Panics
    ///
    /// If no worker has a job.
    pub fn next(&self) -> Next<J> {
        let mut state = self.state();
        assert!(state.working > 0, "no worker has a job that could be done");
        state.working -= 1;
        self.look(state)
    }

    /// Spins for up to 20 microseconds, on a worker's thread, until there may be a job and `is_ready` says
    /// that it can begin: not, for example, while another thread has a lock that the job needs, and unlocks it
    /// soon. [`wait`](Self::wait) or [`wait_for`](Self::wait_for) follows.
    ///
    /// Where one short job comes after the other, that takes less than to sleep and to be woken. A single job
    /// that is pushed meanwhile waits for this worker, and wakes no other. After spins that ended without a job
    /// only some waits spin, and none does while another worker has a job or spins.
    pub fn spin(&self, is_ready: impl Fn() -> bool) {
        if !self.spin_wait.is_due() {
            return;
        }
        let mut state = self.state();
        if state.working > 0 || state.spinning || state.has_news() {
            return;
        }
        state.spinning = true;
        self.notified.store(false, Ordering::Relaxed);
        drop(state);
        let _stop = StopSpinning(self);
        self.spin_wait
            .until(|| self.notified.load(Ordering::Acquire) && is_ready());
    }

    /// Waits, on a worker's thread, until there may be something for it.
    pub fn wait(&self) {
        drop(self.wait_for_news(None));
    }

    /// Waits, on a worker's thread, until there is something to do for it. It leaves when nothing has
    /// come for as long as `patience` and there are more workers than the minimum of
    /// [`resize`](Self::resize).
    pub fn wait_for(&self, patience: Duration) -> Next<J> {
        self.look(self.wait_for_news(Some((Instant::now(), patience))))
    }

    fn wait_for_news(&self, patience: Option<(Instant, Duration)>) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.waiting += 1;
        while !state.has_news() {
            let left = patience
                .filter(|_| state.workers > state.min)
                .map(|(since, patience)| patience.saturating_sub(since.elapsed()));
            state = match left {
                Some(Duration::ZERO) => {
                    state.let_leave(1);
                    break;
                }
                Some(left) => {
                    let waited = self.news.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.news.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
            state.waking = false;
        }
        state.waiting -= 1;
        state
    }

    fn look(&self, mut state: MutexGuard<'_, State>) -> Next<J> {
        assert!(
            state.workers + state.leaving > state.working,
            "only a worker that was activated looks for a job"
        );
        state.settle();
        let next = if state.leaving > 0 {
            // It is no longer counted. Whoever was counted in its stead stays.
            state.leaving -= 1;
            Next::Leave
        } else if state.jobs > 0
            && let Some(job) = self.jobs().pop_front()
        {
            state.jobs -= 1;
            state.working += 1;
            Next::Job(job)
        } else {
            Next::Wait
        };
        self.wake_one(state);
        next
    }

    /// Tells the workers that there may be less to do, or too many of them.
    fn wake_all(&self, mut state: MutexGuard<'_, State>) {
        state.settle();
        drop(state);
        self.notified.store(true, Ordering::Release);
        self.news.notify_all();
    }

    /// Wakes a worker for the jobs that are left, unless one is waking up already: it wakes the next
    /// if it finds more than one, so that a burst of jobs does not cost who queues them a call of
    /// the system each.
    fn wake_one(&self, mut state: MutexGuard<'_, State>) {
        let expected = usize::from(state.spinning);
        let wake = state.jobs > expected && state.waiting > 0 && !state.waking;
        state.waking |= wake;
        let news = state.has_news();
        drop(state);
        if news {
            // Notify after unlocking, because the spinning worker takes the lock next.
            self.notified.store(true, Ordering::Release);
        }
        if wake {
            self.news.notify_one();
        }
    }
}

/// Ends the spinning of a worker: no job waits for it any more. If its thread panics, another worker is woken for
/// the job.
struct StopSpinning<'a, J>(&'a Team<J>);

impl<J> Drop for StopSpinning<'_, J> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.spinning = false;
        if thread::panicking() {
            self.0.wake_one(state);
        }
    }
}

impl State {
    /// How many workers have no job in hand.
    const fn free(&self) -> usize {
        self.workers.saturating_sub(self.working)
    }

    fn statistics(&self) -> Statistics {
        let taken = self.jobs.min(self.free());
        Statistics {
            idle: self.free() - taken,
            busy: self.working + taken,
            backlog: self.jobs - taken,
        }
    }

    const fn has_room(&self, limit: usize) -> bool {
        self.workers + self.reserved < limit
    }

    fn take_reservation(&mut self) {
        assert!(self.reserved > 0, "no place was reserved for a worker");
        self.reserved -= 1;
    }

    /// Has those leave that are too many: above the maximum, or idle and not wanted.
    fn settle(&mut self) {
        self.let_leave(self.workers.saturating_sub(self.max));
        let idle = self.statistics().idle;
        let many = if self.quitting {
            idle
        } else {
            idle.min(self.excess)
        };
        self.excess = self.excess.saturating_sub(many);
        self.let_leave(many);
    }

    const fn let_leave(&mut self, many: usize) {
        self.workers -= many;
        self.leaving += many;
    }

    const fn has_news(&self) -> bool {
        self.jobs > 0 || self.leaving > 0
    }
}

impl<J> Default for Team<J> {
    fn default() -> Self {
        Team::new()
    }
}

impl<J> fmt::Debug for Team<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each is read before it is written, because the writer may run any code, which may use the
        // team.
        f.debug_struct("Team")
            .field("statistics", &self.statistics())
            .field("quitting", &self.is_quitting())
            .finish_non_exhaustive()
    }
}
