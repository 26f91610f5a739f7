//! A team's jobs and workers by themselves: who does what, and who leaves.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::collections::VecDeque;

use deferrous::event_loop::{Next, Statistics, Team};
use proptest::{collection::vec, prelude::*};
use reactor_support::{scale, within_a_minute};

/// What Twisted says that a team does, where a job has a worker as soon as one has time for it.
#[derive(Debug, Default)]
struct Reference {
    idle: usize,
    busy: usize,
    pending: usize,
    to_shrink: usize,
    quit: bool,
    /// For workers that are not there yet.
    reserved: usize,
}

impl Reference {
    fn push(&mut self) {
        if self.idle > 0 {
            self.idle -= 1;
            self.busy += 1;
        } else {
            self.pending += 1;
        }
    }

    fn reserve(&mut self, limit: usize) -> bool {
        let room = self.counted() + self.reserved < limit;
        let reserved_one = room && (!self.quit || self.pending > self.reserved);
        self.reserved += usize::from(reserved_one);
        reserved_one
    }

    fn activate(&mut self) {
        self.reserved -= 1;
        self.recycle();
    }

    /// There is one more worker that has nothing to do.
    fn recycle(&mut self) {
        if self.pending > 0 {
            self.pending -= 1;
            self.busy += 1;
        } else if self.to_shrink > 0 {
            self.to_shrink -= 1;
        } else if !self.quit {
            self.idle += 1;
        }
    }

    /// One that has not begun goes, which may be the one that was to leave.
    fn start_failed(&mut self, leaving: usize) {
        if leaving == 0 && self.idle > 0 {
            self.idle -= 1;
        } else if leaving == 0 {
            self.busy -= 1;
            self.pending += 1;
        }
    }

    fn shrink(&mut self, count: usize) {
        let idle = count.min(self.idle);
        self.idle -= idle;
        self.to_shrink += count - idle;
    }

    fn quit(&mut self) {
        self.quit = true;
        self.idle = 0;
    }

    fn done(&mut self) {
        self.busy -= 1;
        self.recycle();
    }

    const fn counted(&self) -> usize {
        self.idle + self.busy
    }

    const fn statistics(&self) -> Statistics {
        Statistics {
            idle: self.idle,
            busy: self.busy,
            backlog: self.pending,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Worker {
    New,
    Working,
    Waiting,
}

#[derive(Clone, Debug)]
enum Op {
    Push,
    /// Reserves a place up to the limit, if the job finds no worker.
    PushAndReserve(usize),
    Reserve(usize),
    /// Has a worker take a reserved place.
    Activate,
    /// Activates a worker that then cannot start.
    FailToStart,
    CancelReservation,
    Shrink(usize),
    Quit,
    /// What the worker of this number does next.
    Step(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        3 => Just(Op::Push),
        3 => (0_usize..6).prop_map(Op::PushAndReserve),
        2 => (0_usize..6).prop_map(Op::Reserve),
        2 => Just(Op::Activate),
        1 => Just(Op::FailToStart),
        1 => Just(Op::CancelReservation),
        2 => (0_usize..4).prop_map(Op::Shrink),
        9 => any::<usize>().prop_map(Op::Step),
    ];
    (vec(op.clone(), 0..60), vec(op, 0..20)).prop_map(|(mut ops, after)| {
        ops.push(Op::Quit);
        ops.extend(after);
        ops
    })
}

/// A team whose workers are not threads: they make their steps when they are told to.
struct Puppets {
    team: Team<usize>,
    twisted: Reference,
    workers: Vec<Worker>,
    pushed: usize,
    taken: usize,
}

impl Puppets {
    fn new() -> Self {
        Puppets {
            team: Team::new(),
            twisted: Reference::default(),
            workers: Vec::new(),
            pushed: 0,
            taken: 0,
        }
    }

    fn leaving(&self) -> usize {
        self.workers.len() - self.twisted.counted()
    }

    fn push(&mut self) -> bool {
        let pushed = self.team.push(self.pushed);
        if self.twisted.quit {
            assert_eq!(pushed, Err(self.pushed));
            return false;
        }
        assert_eq!(pushed, Ok(self.twisted.idle == 0));
        self.twisted.push();
        self.pushed += 1;
        pushed == Ok(true)
    }

    fn reserve(&mut self, limit: usize) -> bool {
        let reserved_one = self.team.reserve(limit);
        assert_eq!(reserved_one, self.twisted.reserve(limit));
        reserved_one
    }

    fn activate(&mut self) -> bool {
        let possible = self.twisted.reserved > 0;
        if possible {
            self.team.activate();
            self.twisted.activate();
            self.workers.push(Worker::New);
        }
        possible
    }

    fn step(&mut self, n: usize) {
        let news = self.leaving() > 0 || self.pushed > self.taken;
        let next = match self.workers[n] {
            Worker::New => self.team.first(),
            Worker::Working => {
                self.twisted.done();
                self.team.next()
            }
            Worker::Waiting if news => {
                self.team.wait();
                self.team.first()
            }
            Worker::Waiting => return,
        };
        let (leaving, jobs) = (self.leaving(), self.pushed - self.taken);
        match next {
            Next::Leave => {
                assert!(leaving > 0);
                self.workers.swap_remove(n);
            }
            Next::Job(job) => {
                assert_eq!(job, self.taken);
                self.taken += 1;
                self.workers[n] = Worker::Working;
            }
            Next::Wait => {
                assert_eq!((leaving, jobs), (0, 0));
                self.workers[n] = Worker::Waiting;
            }
        }
    }

    fn act(&mut self, op: &Op) {
        match *op {
            Op::Push => drop(self.push()),
            Op::PushAndReserve(limit) => {
                if self.push() && self.reserve(limit) {
                    self.activate();
                }
            }
            Op::Reserve(limit) => drop(self.reserve(limit)),
            Op::Activate => drop(self.activate()),
            Op::FailToStart => {
                if self.activate() {
                    self.team.start_failed();
                    self.twisted.start_failed(self.leaving());
                    self.workers.pop();
                }
            }
            Op::CancelReservation => {
                if self.twisted.reserved > 0 {
                    self.team.cancel_reservation();
                    self.twisted.reserved -= 1;
                }
            }
            Op::Shrink(count) => {
                self.team.shrink(count);
                self.twisted.shrink(count);
            }
            Op::Quit => {
                assert!(self.team.quit());
                self.twisted.quit();
            }
            Op::Step(n) => {
                if !self.workers.is_empty() {
                    self.step(n % self.workers.len());
                }
            }
        }
        assert_eq!(self.team.statistics(), self.twisted.statistics());
        assert_eq!(self.team.is_quitting(), self.twisted.quit);
    }

    /// After it was told to quit, all jobs are done and all workers leave.
    fn finish(&mut self) {
        assert!(!self.team.quit());
        while self.activate() {}
        while self.taken < self.pushed || !self.workers.is_empty() {
            if self.workers.is_empty() {
                assert!(self.reserve(1) && self.activate());
            }
            self.step(0);
        }
        assert!(!self.reserve(1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: scale::cases(800), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_twisted_says(ops in ops()) {
        within_a_minute(move || {
            let mut puppets = Puppets::new();
            ops.iter().for_each(|op| puppets.act(op));
            puppets.finish();
        });
    }

    /// Workers above the maximum leave after their job, and idle ones above the minimum when their
    /// time is up. Each element is a new size, a job or a step.
    #[test]
    fn it_keeps_to_its_size(
        ops in vec((0_u8..6, 0_usize..4, 0_usize..4, any::<usize>()), 0..80)
    ) {
        within_a_minute(move || {
            let (team, mut min, mut max) = (Team::new(), 0, usize::MAX);
            let (mut workers, mut jobs) = (Vec::new(), VecDeque::new());
            for (kind, low, more, n) in ops {
                let working = workers.iter().filter(|&&w| w == Worker::Working).count();
                let excess = workers.len().saturating_sub(max);
                if kind == 0 {
                    (min, max) = (low, low + more);
                    team.resize(min, max);
                } else if kind <= 2 {
                    let free = workers.len().min(max).saturating_sub(working);
                    jobs.push_back(n);
                    let needs_worker = free < jobs.len() && workers.len() < max;
                    assert_eq!(team.push(n), Ok(needs_worker));
                    if needs_worker {
                        assert!(team.reserve(max));
                        team.activate();
                        workers.push(Worker::New);
                    }
                } else if !workers.is_empty() {
                    let n = n % workers.len();
                    let too_long = workers[n] == Worker::Waiting && workers.len() > min;
                    let next = match workers[n] {
                        Worker::New => team.first(),
                        Worker::Working => team.next(),
                        Worker::Waiting if too_long || excess > 0 || !jobs.is_empty() => {
                            team.wait_for(std::time::Duration::ZERO)
                        }
                        Worker::Waiting => continue,
                    };
                    if excess > 0 {
                        assert_eq!(next, Next::Leave);
                        workers.swap_remove(n);
                    } else if let Some(job) = jobs.pop_front() {
                        assert_eq!(next, Next::Job(job));
                        workers[n] = Worker::Working;
                    } else if too_long {
                        assert_eq!(next, Next::Leave);
                        workers.swap_remove(n);
                    } else {
                        assert_eq!(next, Next::Wait);
                        workers[n] = Worker::Waiting;
                    }
                }
                let working = workers.iter().filter(|&&w| w == Worker::Working).count();
                let free = workers.len().min(max).saturating_sub(working);
                assert_eq!(team.statistics(), Statistics {
                    idle: free.saturating_sub(jobs.len()),
                    busy: working + free.min(jobs.len()),
                    backlog: jobs.len().saturating_sub(free),
                });
            }
        });
    }
}

#[test]
fn a_new_size_takes_back_what_was_to_shrink() {
    let team = Team::new();
    for job in 0..3 {
        team.push(job).unwrap();
        assert!(team.reserve(3));
        team.activate();
        assert_eq!(team.first(), Next::Job(job));
    }
    team.shrink(usize::MAX);
    team.shrink(1);
    team.resize(0, 1);
    team.resize(0, 2);
    assert_eq!(team.next(), Next::Leave);
    assert_eq!(team.next(), Next::Wait);
    assert_eq!(team.next(), Next::Wait);
}

#[test]
fn jobs_that_are_taken_out_leave_their_workers_idle() {
    let team = Team::new();
    for _ in 0..2 {
        assert!(team.reserve(2));
        team.activate();
    }
    for job in 0..3 {
        team.push(job).unwrap();
    }
    team.shrink(1);
    assert_eq!(team.statistics().busy, 2);
    assert_eq!(team.clear(), [0, 1, 2]);
    let idle = Statistics {
        idle: 1,
        busy: 0,
        backlog: 0,
    };
    assert_eq!(team.statistics(), idle);
    assert_eq!((team.first(), team.first()), (Next::Leave, Next::Wait));
}

#[test]
fn a_job_that_nobody_has_begun_can_be_withdrawn() {
    let team = Team::new();
    assert!(team.reserve(1));
    team.activate();
    for job in 0..3 {
        team.push(job).unwrap();
    }
    assert_eq!(team.withdraw(|&job| job == 1), Some(1));
    assert_eq!(team.statistics().backlog, 1);
    assert_eq!(team.first(), Next::Job(0));
    assert_eq!(team.withdraw(|&job| job == 0), None);
    assert_eq!(team.withdraw(|_| true), Some(2));
    assert_eq!((team.withdraw(|_| true), team.next()), (None, Next::Wait));
}

/// The panic that a mistake ends with.
fn mistake(make: impl FnOnce(&Team<()>) + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(|| make(&Team::new())).unwrap_err();
    (*panic.downcast::<&str>().unwrap()).to_owned()
}

#[test]
fn mistakes_are_told_at_once() {
    assert!(mistake(|team| _ = team.first()).contains("was activated"));
    assert!(mistake(|team| _ = team.next()).contains("no worker has a job"));
    assert!(mistake(Team::cancel_reservation).contains("no place was reserved"));
    assert!(mistake(Team::activate).contains("no place was reserved"));
    assert!(mistake(Team::start_failed).contains("can fail to start"));
    let begun = |team: &Team<()>| {
        team.push(()).unwrap();
        team.reserve(1);
        team.activate();
        assert_eq!(team.first(), Next::Job(()));
        team.start_failed();
    };
    assert!(mistake(begun).contains("can fail to start"));
}

#[test]
fn a_child_process_takes_the_jobs_that_no_worker_has_begun() {
    let team = Team::new();
    for job in 0..3 {
        team.push(job).unwrap();
    }
    assert!(team.reserve(1));
    team.activate();
    assert_eq!(team.first(), Next::Job(0));
    assert_eq!(team.peek(VecDeque::clone), [1, 2]);
    assert_eq!(team.abandon(), [1, 2]);
}
