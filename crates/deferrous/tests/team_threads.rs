//! A team with threads: no job is lost, none waits for a worker that sleeps, and nobody stays
//! behind.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use deferrous::event_loop::{Next, Statistics, Team};
use reactor_support::{HOUR, scale, within_a_minute};

type Job = Box<dyn FnOnce() + Send>;

const NOBODY: Statistics = Statistics {
    idle: 0,
    busy: 0,
    backlog: 0,
};

/// A team and the threads that work for it.
struct ThreadTeam {
    team: Team<Job>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    patience: Option<Duration>,
}

impl ThreadTeam {
    fn new(patience: Option<Duration>) -> Arc<Self> {
        Arc::new(ThreadTeam {
            team: Team::new(),
            threads: Mutex::default(),
            patience,
        })
    }

    fn push(self: &Arc<Self>, limit: usize, job: impl FnOnce() + Send + 'static) {
        if self.team.push(Box::new(job)).is_ok_and(|short| short) {
            self.grow(limit);
        }
    }

    fn grow(self: &Arc<Self>, limit: usize) {
        if self.team.reserve(limit) {
            self.team.activate();
            let threads = self.clone();
            let thread = thread::spawn(move || threads.work());
            self.threads.lock().unwrap().push(thread);
        }
    }

    fn work(&self) {
        let mut next = self.team.first();
        loop {
            next = match next {
                Next::Job(job) => {
                    job();
                    self.team.next()
                }
                Next::Wait => match self.patience {
                    Some(patience) => self.team.wait_for(patience),
                    None => {
                        self.team.wait();
                        self.team.first()
                    }
                },
                Next::Leave => return,
            };
        }
    }

    fn join(&self) {
        for thread in self.threads.lock().unwrap().drain(..) {
            thread.join().unwrap();
        }
    }

    fn quit(self: &Arc<Self>) {
        self.team.quit();
        if self.team.statistics().backlog > 0 {
            self.grow(1);
        }
        self.join();
        assert_eq!(self.team.statistics(), NOBODY);
    }
}

fn rounds(many: u32) -> u32 {
    scale::many(many)
}

#[test]
fn one_job_at_a_time_always_wakes_a_worker() {
    within_a_minute(|| {
        for workers in [1, 3] {
            let (threads, (done, wait)) = (ThreadTeam::new(None), mpsc::channel());
            (0..workers).for_each(|_| threads.grow(workers));
            for n in 0..rounds(10_000) {
                let done = done.clone();
                threads.push(workers, move || done.send(n).unwrap());
                assert_eq!(wait.recv(), Ok(n));
            }
            threads.quit();
        }
    });
}

#[test]
fn jobs_that_need_each_other_each_wake_a_worker() {
    within_a_minute(|| {
        const WORKERS: usize = 4;
        let threads = ThreadTeam::new(None);
        (0..WORKERS).for_each(|_| threads.grow(WORKERS));
        let barrier = Arc::new(Barrier::new(WORKERS + 1));
        for _ in 0..rounds(2_000) {
            for _ in 0..WORKERS {
                let barrier = barrier.clone();
                threads.push(0, move || {
                    barrier.wait();
                });
            }
            barrier.wait();
        }
        threads.quit();
    });
}

#[test]
fn a_worker_that_leaves_wakes_another_for_the_job_that_it_was_woken_for() {
    within_a_minute(|| {
        let (threads, (done, wait)) = (ThreadTeam::new(None), mpsc::channel());
        for n in 0..rounds(5_000) {
            (0..3).for_each(|_| threads.grow(3));
            let done = done.clone();
            threads.push(3, move || done.send(n).unwrap());
            threads.team.shrink(1);
            assert_eq!(wait.recv(), Ok(n));
        }
        threads.quit();
    });
}

#[test]
fn a_wait_goes_on_for_as_long_as_there_is_nothing_to_do() {
    within_a_minute(|| {
        let team = Arc::new(Team::<()>::new());
        assert!(team.reserve(1));
        team.activate();
        assert_eq!(team.first(), Next::Wait);
        let waiting = team.clone();
        let waiter = thread::spawn(move || waiting.wait());
        thread::sleep(Duration::from_millis(20));
        assert!(!waiter.is_finished());
        team.quit();
        waiter.join().unwrap();
        assert_eq!(team.first(), Next::Leave);
    });
}

#[test]
fn workers_that_sleep_leave_when_they_are_told_to() {
    within_a_minute(|| {
        for patience in [None, Some(HOUR)] {
            for _ in 0..rounds(200) {
                let threads = ThreadTeam::new(patience);
                (0..3).for_each(|_| threads.grow(3));
                thread::yield_now();
                threads.team.shrink(2);
                while threads
                    .threads
                    .lock()
                    .unwrap()
                    .iter()
                    .filter(|t| t.is_finished())
                    .count()
                    < 2
                {
                    thread::sleep(Duration::from_micros(50));
                }
                threads.quit();
            }
        }
    });
}

#[test]
fn a_smaller_size_wakes_those_that_it_leaves_no_place() {
    within_a_minute(|| {
        for _ in 0..rounds(200) {
            let threads = ThreadTeam::new(None);
            (0..3).for_each(|_| threads.grow(3));
            threads.team.resize(0, 0);
            threads.join();
            assert_eq!(threads.team.statistics(), NOBODY);
        }
    });
}

#[test]
fn who_has_waited_for_long_enough_leaves_if_there_are_more_than_the_minimum() {
    within_a_minute(|| {
        for _ in 0..rounds(50) {
            let threads = ThreadTeam::new(Some(Duration::from_millis(1)));
            threads.team.resize(2, 5);
            (0..5).for_each(|_| threads.grow(5));
            while threads.team.statistics().idle > 2 {
                thread::sleep(Duration::from_micros(50));
            }
            thread::sleep(Duration::from_millis(3));
            assert_eq!(threads.team.statistics().idle, 2);
            // The others wait without an end, and hear that there is one.
            threads.team.resize(0, 5);
            threads.join();
            assert_eq!(threads.team.statistics(), NOBODY);
        }
    });
}

#[test]
fn a_worker_about_to_leave_for_having_waited_still_takes_a_job() {
    within_a_minute(|| {
        let threads = ThreadTeam::new(Some(Duration::from_micros(50)));
        let (done, wait) = mpsc::channel();
        for n in 0..rounds(5_000) {
            let done = done.clone();
            threads.push(1, move || done.send(n).unwrap());
            assert_eq!(wait.recv(), Ok(n));
        }
        threads.quit();
    });
}

/// Threads push jobs while others have the team grow, shrink and change its size.
fn under_load(patience: Option<Duration>, disturb: fn(&Arc<ThreadTeam>, usize)) {
    within_a_minute(move || {
        const PUSHERS: usize = 3;
        let jobs = rounds(20_000) as usize;
        let threads = ThreadTeam::new(patience);
        let times: Arc<[AtomicUsize]> = (0..PUSHERS * jobs).map(|_| AtomicUsize::new(0)).collect();
        thread::scope(|scope| {
            for pusher in 0..PUSHERS {
                let (threads, times) = (threads.clone(), times.clone());
                scope.spawn(move || {
                    for n in (0..jobs).map(|n| n * PUSHERS + pusher) {
                        let times = times.clone();
                        threads.push(4, move || {
                            times[n].fetch_add(1, SeqCst);
                        });
                    }
                });
            }
            let threads = threads.clone();
            scope.spawn(move || {
                for n in 0..500 {
                    disturb(&threads, n);
                    thread::yield_now();
                }
            });
        });
        threads.quit();
        assert!(times.iter().all(|times| times.load(SeqCst) == 1));
    });
}

#[test]
fn nothing_is_lost_while_it_grows_and_shrinks() {
    under_load(None, |threads, n| match n % 3 {
        0 => threads.team.shrink(n % 4),
        1 => threads.grow(1 + n % 6),
        _ => {
            if threads.team.reserve(6) {
                if n % 2 == 0 {
                    threads.team.activate();
                    threads.team.start_failed();
                } else {
                    threads.team.cancel_reservation();
                }
            }
        }
    });
}

#[test]
fn nothing_is_lost_while_its_size_changes() {
    under_load(Some(Duration::from_micros(20)), |threads, n| {
        threads.team.resize(n % 3, 1 + n % 5);
    });
}
