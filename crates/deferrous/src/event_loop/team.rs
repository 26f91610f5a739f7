//! Jobs, and the workers that take them.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::linger::Linger;

/// A queue of jobs and the workers that take them; Twisted's `Team`.
///
/// It starts no threads. Whoever does asks for a place with [`hire`](Self::hire), says by
/// [`engage`](Self::engage) that the thread is about to start, and the thread then works:
///
/// ```
/// use deferrous::event_loop::{Next, Team};
/// use std::sync::Arc;
/// let team = Arc::new(Team::new());
/// for n in 0..3 {
///     team.push(n).unwrap();
/// }
/// assert!(team.hire(1));
/// team.engage();
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
pub struct Team<J> {
    state: Mutex<State<J>>,
    news: Condvar,
    linger: Linger,
    /// For whoever lingers: there is something to look at.
    notified: AtomicBool,
}

struct State<J> {
    jobs: VecDeque<J>,
    /// Those that have a job or look for one, without those that are asked to leave.
    workers: usize,
    /// How many are to leave that are no longer counted: whichever look for a job first.
    leaving: usize,
    /// Places for workers whose threads are being made.
    places: usize,
    /// How many workers have a job, whether they are to leave or not. The others look for one, or
    /// wait.
    working: usize,
    /// How many threads wait for news.
    waiting: usize,
    /// One of these has been woken and has not looked for a job yet.
    waking: bool,
    /// One looks for a moment before it sleeps.
    lingering: bool,
    /// How many more are to leave as soon as there is nothing to do. While there are any, no worker
    /// is idle.
    surplus: usize,
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
    pub const fn new() -> Self {
        Team {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                workers: 0,
                leaving: 0,
                places: 0,
                working: 0,
                waiting: 0,
                waking: false,
                lingering: false,
                surplus: 0,
                quitting: false,
                min: 0,
                max: usize::MAX,
            }),
            news: Condvar::new(),
            linger: Linger::new(),
            notified: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        state.jobs.push_back(job);
        let short_handed = state.jobs.len() > state.free() && state.has_room(state.max);
        self.wake_one(state);
        Ok(short_handed)
    }

    /// Takes out the job that was pushed last, if any is left that no worker has begun.
    pub fn withdraw(&self) -> Option<J> {
        let mut state = self.state();
        let job = state.jobs.pop_back();
        self.let_go(state);
        job
    }

    /// Takes out the jobs that no worker has begun.
    pub fn clear(&self) -> VecDeque<J> {
        let mut state = self.state();
        let jobs = mem::take(&mut state.jobs);
        self.let_go(state);
        jobs
    }

    /// Makes a place for one more worker, if there are less than `limit`, and says whether it did.
    /// Either [`engage`](Self::engage) or [`dismiss`](Self::dismiss) follows. A team that was told to
    /// quit hires for the jobs that are left, and no others.
    pub fn hire(&self, limit: usize) -> bool {
        let mut state = self.state();
        let needed = !state.quitting || state.statistics().backlog > state.places;
        let room = needed && state.has_room(limit);
        state.places += usize::from(room);
        room
    }

    /// Counts a worker in the place that was made for it, whose thread is about to start. It begins
    /// with [`first`](Self::first). If it cannot start after all, [`retire`](Self::retire) follows.
    ///
    /// # Panics
    ///
    /// If no place was made by [`hire`](Self::hire).
    pub fn engage(&self) {
        let mut state = self.state();
        state.take_place();
        state.workers += 1;
        state.settle();
    }

    /// Takes a place away that was made for a worker, because there is no thread for it.
    ///
    /// # Panics
    ///
    /// As [`engage`](Self::engage).
    pub fn dismiss(&self) {
        self.state().take_place();
    }

    /// Counts a worker no longer that was engaged and could not start.
    ///
    /// # Panics
    ///
    /// If all workers have jobs.
    pub fn retire(&self) {
        let mut state = self.state();
        assert!(
            state.workers + state.leaving > state.working,
            "only a worker that was engaged and has not begun can retire"
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
        state.surplus = state.surplus.saturating_add(count);
        self.let_go(state);
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
        state.surplus = 0;
        (state.min, state.max) = (min, max);
        self.let_go(state);
    }

    /// Takes no more jobs, and has all workers leave when those that are there are done; Twisted's
    /// `quit`.
    ///
    /// Returns whether it had not been told so before.
    pub fn quit(&self) -> bool {
        let mut state = self.state();
        let first = !mem::replace(&mut state.quitting, true);
        self.let_go(state);
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
    /// If it was not [engaged](Self::engage).
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

    /// Waits a moment (20 microseconds), on a worker's thread, until there may be something for it and
    /// `ready` says that it can begin: not, for example, while another thread has a lock that the job
    /// needs, and lets go of it soon. [`wait`](Self::wait) or [`wait_for`](Self::wait_for) follows.
    ///
    /// It keeps the processor busy meanwhile: where one short job comes after the other, that takes
    /// less than to sleep and to be woken. A single job that is pushed meanwhile waits for this worker,
    /// and wakes no other. Where moments have been in vain, only some waits have one, and there is none
    /// while another worker has a job or lingers.
    pub fn linger(&self, ready: impl Fn() -> bool) {
        if !self.linger.is_due() {
            return;
        }
        let mut state = self.state();
        if state.working > 0 || state.lingering || state.has_news() {
            return;
        }
        state.lingering = true;
        self.notified.store(false, Ordering::Relaxed);
        drop(state);
        let _over = Over(self);
        self.linger
            .until(|| self.notified.load(Ordering::Acquire) && ready());
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

    fn wait_for_news(&self, patience: Option<(Instant, Duration)>) -> MutexGuard<'_, State<J>> {
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

    fn look(&self, mut state: MutexGuard<'_, State<J>>) -> Next<J> {
        assert!(
            state.workers + state.leaving > state.working,
            "only a worker that was engaged looks for a job"
        );
        state.settle();
        let next = if state.leaving > 0 {
            // It is no longer counted. Whoever was counted in its stead stays.
            state.leaving -= 1;
            Next::Leave
        } else if let Some(job) = state.jobs.pop_front() {
            state.working += 1;
            Next::Job(job)
        } else {
            Next::Wait
        };
        self.wake_one(state);
        next
    }

    /// Tells the workers that there may be less to do, or too many of them.
    fn let_go(&self, mut state: MutexGuard<'_, State<J>>) {
        state.settle();
        drop(state);
        self.notified.store(true, Ordering::Release);
        self.news.notify_all();
    }

    /// Wakes a worker for the jobs that are left, unless one is waking up already: it wakes the next
    /// if it finds more than one, so that a burst of jobs does not cost who queues them a call of
    /// the system each.
    fn wake_one(&self, mut state: MutexGuard<'_, State<J>>) {
        let expected = usize::from(state.lingering);
        let wake = state.jobs.len() > expected && state.waiting > 0 && !state.waking;
        state.waking |= wake;
        let news = state.has_news();
        drop(state);
        if news {
            // Not before: who lingers asks for the lock next.
            self.notified.store(true, Ordering::Release);
        }
        if wake {
            self.news.notify_one();
        }
    }
}

/// Sees to it that nobody counts on one who no longer lingers. If its thread panics, somebody else is woken for
/// the job.
struct Over<'a, J>(&'a Team<J>);

impl<J> Drop for Over<'_, J> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.lingering = false;
        if thread::panicking() {
            self.0.wake_one(state);
        }
    }
}

impl<J> State<J> {
    /// How many workers have no job in hand.
    const fn free(&self) -> usize {
        self.workers.saturating_sub(self.working)
    }

    fn statistics(&self) -> Statistics {
        let taken = self.jobs.len().min(self.free());
        Statistics {
            idle: self.free() - taken,
            busy: self.working + taken,
            backlog: self.jobs.len() - taken,
        }
    }

    const fn has_room(&self, limit: usize) -> bool {
        self.workers + self.places < limit
    }

    fn take_place(&mut self) {
        assert!(self.places > 0, "no place was made for a worker");
        self.places -= 1;
    }

    /// Has those leave that are too many: above the maximum, or idle and not wanted.
    fn settle(&mut self) {
        self.let_leave(self.workers.saturating_sub(self.max));
        let idle = self.statistics().idle;
        let many = if self.quitting {
            idle
        } else {
            idle.min(self.surplus)
        };
        self.surplus = self.surplus.saturating_sub(many);
        self.let_leave(many);
    }

    const fn let_leave(&mut self, many: usize) {
        self.workers -= many;
        self.leaving += many;
    }

    fn has_news(&self) -> bool {
        !self.jobs.is_empty() || self.leaving > 0
    }
}

impl<J> Default for Team<J> {
    fn default() -> Self {
        Team::new()
    }
}

impl<J> fmt::Debug for Team<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Team")
            .field("statistics", &state.statistics())
            .field("quitting", &state.quitting)
            .finish_non_exhaustive()
    }
}
