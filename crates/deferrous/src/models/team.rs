//! Jobs are pushed, and workers take them, wait and leave.

use std::sync::Arc;

use loom::{sync::mpsc, thread};

use super::{in_all_orders, in_orders};
use crate::event_loop::{Next, Team};

type Workers = Vec<thread::JoinHandle<()>>;

/// A job, which the worker does.
type Job = Box<dyn FnOnce() + Send>;

/// A team with so many workers, which spin before they wait or not.
fn team(count: usize, spins: bool) -> (Arc<Team<Job>>, Workers) {
    let team = Arc::new(Team::new());
    let start = |_| {
        assert!(team.reserve(count));
        team.activate();
        let team = team.clone();
        thread::spawn(move || work(&team, spins))
    };
    let workers = (0..count).map(start).collect();
    (team, workers)
}

fn work(team: &Team<Job>, spins: bool) {
    let mut next = team.first();
    loop {
        next = match next {
            Next::Job(job) => {
                job();
                team.next()
            }
            Next::Wait => {
                if spins {
                    team.spin(|| true);
                }
                team.wait();
                team.first()
            }
            Next::Leave => return,
        }
    }
}

fn push(team: &Team<Job>, job: impl FnOnce() + Send + 'static) {
    assert!(team.push(Box::new(job)).is_ok());
}

/// Pushes a job that sends `n`.
fn push_number(team: &Team<Job>, sender: &mpsc::Sender<u32>, n: u32) {
    let sender = sender.clone();
    push(team, move || sender.send(n).unwrap());
}

/// All workers leave, without a job having been left.
fn end(team: &Team<Job>, workers: Workers) {
    assert!(team.quit());
    for worker in workers {
        worker.join().unwrap();
    }
    assert!(team.peek(|jobs| jobs.is_empty()));
    let statistics = team.statistics();
    assert_eq!((statistics.idle, statistics.busy), (0, 0));
}

/// Pushes two jobs and waits until both are done, so that nothing but they wakes the workers.
fn check_two_jobs(count: usize, spins: bool) {
    in_all_orders(move || {
        let (team, workers) = team(count, spins);
        let (sender, receiver) = mpsc::channel();
        push_number(&team, &sender, 1);
        push_number(&team, &sender, 2);
        let sum = receiver.recv().unwrap() + receiver.recv().unwrap();
        assert_eq!(sum, 3);
        end(&team, workers);
    });
}

#[test]
fn each_job_wakes_a_worker_that_waits() {
    check_two_jobs(1, false);
}

#[test]
fn a_worker_that_spins_before_it_waits_misses_no_job() {
    check_two_jobs(1, true);
}

#[test]
fn a_job_that_waits_for_the_next_one_does_not_keep_it_from_another_worker() {
    for spins in [false, true] {
        in_all_orders(move || {
            let (team, workers) = team(2, spins);
            let (sender, receiver) = mpsc::channel();
            let (done, both) = mpsc::channel();
            push(&team, move || done.send(receiver.recv().unwrap()).unwrap());
            push_number(&team, &sender, 5);
            assert_eq!(both.recv().unwrap(), 5);
            end(&team, workers);
        });
    }
}

#[test]
fn a_team_that_quits_does_the_jobs_that_are_left() {
    in_all_orders(|| {
        let (team, workers) = team(2, false);
        let (sender, receiver) = mpsc::channel();
        push_number(&team, &sender, 1);
        push_number(&team, &sender, 2);
        end(&team, workers);
        assert_eq!(receiver.recv().unwrap() + receiver.recv().unwrap(), 3);
    });
}

#[test]
fn a_job_is_withdrawn_or_done_and_never_both() {
    in_all_orders(|| {
        let (team, workers) = team(1, false);
        let (sender, receiver) = mpsc::channel();
        push_number(&team, &sender, 1);
        match team.withdraw(|_| true) {
            None => assert_eq!(receiver.recv().unwrap(), 1),
            // The channel would report what is sent and not received.
            Some(job) => drop(job),
        }
        push_number(&team, &sender, 2);
        assert_eq!(receiver.recv().unwrap(), 2);
        end(&team, workers);
    });
}

#[test]
fn of_two_workers_one_leaves_when_the_team_shrinks_and_the_other_one_does_the_job() {
    fn check(shrink: fn(&Team<Job>)) {
        // Four threads have so many orders that one preemption less has to do.
        in_orders(2, move || {
            let (team, workers) = team(2, false);
            let (sender, receiver) = mpsc::channel();
            let shrinks = team.clone();
            let shrinking = thread::spawn(move || shrink(&shrinks));
            push_number(&team, &sender, 1);
            assert_eq!(receiver.recv().unwrap(), 1);
            shrinking.join().unwrap();
            let statistics = team.statistics();
            assert!(statistics.idle + statistics.busy >= 1);
            end(&team, workers);
        });
    }
    check(|team| team.shrink(1));
    check(|team| team.resize(0, 1));
}
