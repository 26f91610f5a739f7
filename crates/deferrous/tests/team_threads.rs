//! A team with threads: no job is lost, none waits for a worker that sleeps, and nobody stays
//! behind.

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
struct Crew {
    team: Team<Job>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    patience: Option<Duration>,
}

impl Crew {
    fn new(patience: Option<Duration>) -> Arc<Self> {
        Arc::new(Crew {
            team: Team::new(),
            threads: Mutex::default(),
            patience,
        })
    }

    fn push(self: &Arc<Self>, limit: usize, job: impl FnOnce() + Send + 'static) {
        if self.team.push(Box::new(job)).is_ok_and(|short| short) {
            self.hire(limit);
        }
    }

    fn hire(self: &Arc<Self>, limit: usize) {
        if self.team.hire(limit) {
            self.team.engage();
            let crew = self.clone();
            let thread = thread::spawn(move || crew.work());
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
            self.hire(1);
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
            let (crew, (done, wait)) = (Crew::new(None), mpsc::channel());
            (0..workers).for_each(|_| crew.hire(workers));
            for n in 0..rounds(10_000) {
                let done = done.clone();
                crew.push(workers, move || done.send(n).unwrap());
                assert_eq!(wait.recv(), Ok(n));
            }
            crew.quit();
        }
    });
}

#[test]
fn jobs_that_need_each_other_each_wake_a_worker() {
    within_a_minute(|| {
        const WORKERS: usize = 4;
        let crew = Crew::new(None);
        (0..WORKERS).for_each(|_| crew.hire(WORKERS));
        let barrier = Arc::new(Barrier::new(WORKERS + 1));
        for _ in 0..rounds(2_000) {
            for _ in 0..WORKERS {
                let barrier = barrier.clone();
                crew.push(0, move || {
                    barrier.wait();
                });
            }
            barrier.wait();
        }
        crew.quit();
    });
}

#[test]
fn a_worker_that_leaves_wakes_another_for_the_job_that_it_was_woken_for() {
    within_a_minute(|| {
        let (crew, (done, wait)) = (Crew::new(None), mpsc::channel());
        for n in 0..rounds(5_000) {
            (0..3).for_each(|_| crew.hire(3));
            let done = done.clone();
            crew.push(3, move || done.send(n).unwrap());
            crew.team.shrink(1);
            assert_eq!(wait.recv(), Ok(n));
        }
        crew.quit();
    });
}

#[test]
fn a_wait_goes_on_for_as_long_as_there_is_nothing_to_do() {
    within_a_minute(|| {
        let team = Arc::new(Team::<()>::new());
        assert!(team.hire(1));
        team.engage();
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
                let crew = Crew::new(patience);
                (0..3).for_each(|_| crew.hire(3));
                thread::yield_now();
                crew.team.shrink(2);
                while crew
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
                crew.quit();
            }
        }
    });
}

#[test]
fn a_smaller_size_wakes_those_that_it_leaves_no_place() {
    within_a_minute(|| {
        for _ in 0..rounds(200) {
            let crew = Crew::new(None);
            (0..3).for_each(|_| crew.hire(3));
            crew.team.resize(0, 0);
            crew.join();
            assert_eq!(crew.team.statistics(), NOBODY);
        }
    });
}

#[test]
fn who_has_waited_for_long_enough_leaves_if_there_are_more_than_the_minimum() {
    within_a_minute(|| {
        for _ in 0..rounds(50) {
            let crew = Crew::new(Some(Duration::from_millis(1)));
            crew.team.resize(2, 5);
            (0..5).for_each(|_| crew.hire(5));
            while crew.team.statistics().idle > 2 {
                thread::sleep(Duration::from_micros(50));
            }
            thread::sleep(Duration::from_millis(3));
            assert_eq!(crew.team.statistics().idle, 2);
            // The others wait without an end, and hear that there is one.
            crew.team.resize(0, 5);
            crew.join();
            assert_eq!(crew.team.statistics(), NOBODY);
        }
    });
}

#[test]
fn a_worker_about_to_leave_for_having_waited_still_takes_a_job() {
    within_a_minute(|| {
        let crew = Crew::new(Some(Duration::from_micros(50)));
        let (done, wait) = mpsc::channel();
        for n in 0..rounds(5_000) {
            let done = done.clone();
            crew.push(1, move || done.send(n).unwrap());
            assert_eq!(wait.recv(), Ok(n));
        }
        crew.quit();
    });
}

/// Threads push jobs while others have the team grow, shrink and change its size.
fn under_load(patience: Option<Duration>, disturb: fn(&Arc<Crew>, usize)) {
    within_a_minute(move || {
        const PUSHERS: usize = 3;
        let jobs = rounds(20_000) as usize;
        let crew = Crew::new(patience);
        let times: Arc<[AtomicUsize]> = (0..PUSHERS * jobs).map(|_| AtomicUsize::new(0)).collect();
        thread::scope(|scope| {
            for pusher in 0..PUSHERS {
                let (crew, times) = (crew.clone(), times.clone());
                scope.spawn(move || {
                    for n in (0..jobs).map(|n| n * PUSHERS + pusher) {
                        let times = times.clone();
                        crew.push(4, move || {
                            times[n].fetch_add(1, SeqCst);
                        });
                    }
                });
            }
            let crew = crew.clone();
            scope.spawn(move || {
                for n in 0..500 {
                    disturb(&crew, n);
                    thread::yield_now();
                }
            });
        });
        crew.quit();
        assert!(times.iter().all(|times| times.load(SeqCst) == 1));
    });
}

#[test]
fn nothing_is_lost_while_it_grows_and_shrinks() {
    under_load(None, |crew, n| match n % 3 {
        0 => crew.team.shrink(n % 4),
        1 => crew.hire(1 + n % 6),
        _ => {
            if crew.team.hire(6) {
                if n % 2 == 0 {
                    crew.team.engage();
                    crew.team.retire();
                } else {
                    crew.team.dismiss();
                }
            }
        }
    });
}

#[test]
fn nothing_is_lost_while_its_size_changes() {
    under_load(Some(Duration::from_micros(20)), |crew, n| {
        crew.team.resize(n % 3, 1 + n % 5);
    });
}
