//! Workers that spin before they sleep: others sleep on only while one of these can take the job.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use deferrous::event_loop::{Next, Team};
use reactor_support::{scale, within_a_minute};

/// A team with so many workers, none of whom has a job.
fn team_of(workers: usize) -> Arc<Team<usize>> {
    let team = Arc::new(Team::new());
    for _ in 0..workers {
        assert!(team.reserve(workers));
        team.activate();
        assert_eq!(team.first(), Next::Wait);
    }
    team
}

/// A thread that sleeps until there is something to do, and sends which job it was given.
fn sleeper(team: &Arc<Team<usize>>) -> mpsc::Receiver<Next<usize>> {
    let (tell, told) = mpsc::channel();
    let team = team.clone();
    thread::spawn(move || {
        team.wait();
        let _ = tell.send(team.first());
    });
    // By then it sleeps, as far as one can tell.
    thread::sleep(Duration::from_millis(1));
    told
}

/// Spins while another thread pushes a job, on one team after the other, until `ready` is asked on one and
/// `meanwhile` returns true. That takes luck: the spin may be over before the other thread runs.
fn spin_until_asked(
    workers: usize,
    meanwhile: impl Fn(&Arc<Team<usize>>, &mut dyn FnMut(&dyn Fn() -> bool)) -> bool,
) {
    loop {
        let (team, asked) = (team_of(workers), Cell::new(false));
        let found = meanwhile(&team, &mut |ready| {
            thread::scope(|scope| {
                scope.spawn(|| team.push(1).unwrap());
                team.spin(|| {
                    asked.set(true);
                    ready()
                });
            });
        });
        if asked.get() && found {
            return;
        }
    }
}

#[test]
fn a_worker_that_spins_sees_a_job() {
    within_a_minute(|| {
        spin_until_asked(1, |team, spin| {
            spin(&|| true);
            assert_eq!(team.first(), Next::Job(1));
            true
        });
    });
}

#[test]
fn a_job_that_cannot_begin_is_taken_when_the_spin_is_over() {
    within_a_minute(|| {
        spin_until_asked(1, |team, spin| {
            spin(&|| false);
            team.wait();
            assert_eq!(team.first(), Next::Job(1));
            true
        });
    });
}

#[test]
fn a_second_job_wakes_a_sleeping_worker() {
    within_a_minute(|| {
        spin_until_asked(2, |team, spin| {
            let slept = sleeper(team);
            spin(&|| {
                // The spin goes on: nobody but the sleeper takes a job meanwhile.
                if team.statistics().busy < 2 {
                    team.push(2).unwrap();
                    assert_eq!(slept.recv(), Ok(Next::Job(1)));
                }
                true
            });
            team.push(3).unwrap();
            true
        });
    });
}

#[test]
fn a_single_job_wakes_no_other_worker() {
    within_a_minute(|| {
        spin_until_asked(2, |team, spin| {
            let slept = sleeper(team);
            let spun = Cell::new(false);
            spin(&|| {
                thread::sleep(Duration::from_millis(5));
                spun.set(true);
                true
            });
            // One that had not fallen asleep yet takes the job.
            let slept_on = spun.get() && team.first() == Next::Job(1);
            team.push(2).unwrap();
            if slept_on {
                assert_eq!(slept.recv(), Ok(Next::Job(2)));
            }
            slept_on
        });
    });
}

#[test]
fn a_worker_that_panics_while_it_spins_leaves_the_job_to_another() {
    within_a_minute(|| {
        spin_until_asked(2, |team, spin| {
            let slept = sleeper(team);
            let spinning = AssertUnwindSafe(|| spin(&|| panic!("while it spins")));
            let panicked = catch_unwind(spinning).is_err();
            if panicked {
                assert_eq!(slept.recv(), Ok(Next::Job(1)));
            }
            panicked
        });
    });
}

#[test]
fn workers_that_spin_do_one_job_after_the_other() {
    within_a_minute(|| {
        for workers in [1, 3] {
            let (team, (done, wait)) = (team_of(workers), mpsc::channel());
            let threads: Vec<_> = (0..workers)
                .map(|_| {
                    let (team, done) = (team.clone(), done.clone());
                    thread::spawn(move || {
                        let mut next = Next::Wait;
                        while next != Next::Leave {
                            next = match next {
                                Next::Job(n) => {
                                    done.send(n).unwrap();
                                    team.next()
                                }
                                _ => {
                                    team.spin(|| true);
                                    team.wait_for(Duration::from_secs(3600))
                                }
                            };
                        }
                    })
                })
                .collect();
            for n in 0..scale::many(20_000) as usize {
                team.push(n).unwrap();
                if n % 3 > 0 {
                    assert_eq!(wait.recv(), Ok(n));
                } else {
                    team.push(n).unwrap();
                    assert_eq!((wait.recv(), wait.recv()), (Ok(n), Ok(n)));
                }
            }
            team.quit();
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        }
    });
}
