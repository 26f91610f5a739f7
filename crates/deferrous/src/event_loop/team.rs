//! Jobs, and the workers that take them.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

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
}

struct State<J> {
    jobs: VecDeque<J>,
    /// Those that have a job or look for one, without those that are asked to leave.
    workers: usize,
    /// Places for workers whose threads are being made.
    places: usize,
    /// How many workers have a job.
    working: usize,
    /// How many threads wait for news.
    waiting: usize,
    /// One of these has been woken and has not looked for a job yet.
    waking: bool,
    /// How many are to leave that are no longer counted.
    leaving: usize,
    /// How many more are to leave as soon as there is nothing to do.
    surplus: usize,
    quitting: bool,
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
                places: 0,
                working: 0,
                waiting: 0,
                waking: false,
                leaving: 0,
                surplus: 0,
                quitting: false,
            }),
            news: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job. Jobs are taken in order.
    ///
    /// Returns whether another worker would have taken it sooner.
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
        let short_handed = state.jobs.len() > state.free();
        self.wake_one(state);
        Ok(short_handed)
    }

    /// Makes a place for one more worker, if there are less than `limit`, and says whether it did.
    /// Either [`engage`](Self::engage) or [`dismiss`](Self::dismiss) follows.
    pub fn hire(&self, limit: usize) -> bool {
        let mut state = self.state();
        let room = state.workers + state.places < limit;
        state.places += usize::from(room);
        room
    }

    /// Counts a worker in the place that was made for it, whose thread is about to start. It begins
    /// with [`first`](Self::first). If it cannot start after all, [`retire`](Self::retire) follows.
    pub fn engage(&self) {
        let mut state = self.state();
        state.places -= 1;
        state.workers += 1;
    }

    /// Takes a place away that was made for a worker, because there is no thread for it.
    pub fn dismiss(&self) {
        self.state().places -= 1;
    }

    /// Counts a worker no longer that was engaged and could not start.
    pub fn retire(&self) {
        self.state().workers -= 1;
    }

    /// Has `count` workers leave, as soon as they have nothing to do; Twisted's `shrink`.
    pub fn shrink(&self, count: usize) {
        let mut state = self.state();
        let idle = count.min(state.statistics().idle);
        state.workers -= idle;
        state.leaving += idle;
        state.surplus += count - idle;
        drop(state);
        self.news.notify_all();
    }

    /// Takes no more jobs, and has all workers leave when those that are there are done; Twisted's
    /// `quit`.
    ///
    /// Returns whether it had not been told so before.
    pub fn quit(&self) -> bool {
        let mut state = self.state();
        let first = !state.quitting;
        state.quitting = true;
        drop(state);
        self.news.notify_all();
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
    pub fn first(&self) -> Next<J> {
        self.look(self.state())
    }

    /// What a worker does whose job is done.
    pub fn next(&self) -> Next<J> {
        let mut state = self.state();
        state.working -= 1;
        self.look(state)
    }

    /// Waits, on a worker's thread, until there may be something for it.
    pub fn wait(&self) {
        let mut state = self.state();
        state.waiting += 1;
        while !state.has_news() {
            state = self
                .news
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.waking = false;
        }
        state.waiting -= 1;
    }

    fn look(&self, mut state: MutexGuard<'_, State<J>>) -> Next<J> {
        if state.leaving > 0 {
            // It is no longer counted. Whoever was counted in its stead stays.
            state.leaving -= 1;
            self.wake_one(state);
            return Next::Leave;
        }
        if let Some(job) = state.jobs.pop_front() {
            state.working += 1;
            self.wake_one(state);
            return Next::Job(job);
        }
        if !state.quitting && state.surplus == 0 {
            return Next::Wait;
        }
        state.surplus = state.surplus.saturating_sub(1);
        state.workers -= 1;
        Next::Leave
    }

    /// Wakes a worker for the jobs that are left, unless one is waking up already: it wakes the next
    /// if it finds more than one, so that a burst of jobs does not cost who queues them a call of
    /// the system each.
    fn wake_one(&self, mut state: MutexGuard<'_, State<J>>) {
        let wake = !state.jobs.is_empty() && state.waiting > 0 && !state.waking;
        state.waking |= wake;
        drop(state);
        if wake {
            self.news.notify_one();
        }
    }
}

impl<J> State<J> {
    /// How many workers have no job in hand.
    const fn free(&self) -> usize {
        self.workers - self.working
    }

    fn statistics(&self) -> Statistics {
        let taken = self.jobs.len().min(self.free());
        Statistics {
            idle: self.free() - taken,
            busy: self.working + taken,
            backlog: self.jobs.len() - taken,
        }
    }

    fn has_news(&self) -> bool {
        !self.jobs.is_empty() || self.leaving > 0 || self.quitting || self.surplus > 0
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
