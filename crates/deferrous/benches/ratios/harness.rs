//! Paired timing: ours and the peer's take turns, so that both meet the same noise.

use std::time::{Duration, Instant};

use crate::pin::Pin;

/// One row: what it is called, what ours is compared with, the least ratio wanted, and how its two sides are made.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    /// What ours is compared with, in a few words.
    pub peer: &'static str,
    /// How many times as long the peer should take, at least. Absent where the row only informs.
    pub target: Option<f64>,
    scope: Scope,
    pub make: fn() -> Pair,
}

/// What of a row is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// It stays on one processor, whose time counts.
    OneProcessor,
    /// It has several threads, and the clock counts.
    Threads,
    /// The calling thread serves others, and its processor time counts.
    Served,
}

impl Case {
    /// A row that only informs, and stays on one processor.
    pub const fn new(name: &'static str, peer: &'static str, make: fn() -> Pair) -> Self {
        Case {
            name,
            peer,
            target: None,
            scope: Scope::OneProcessor,
            make,
        }
    }

    pub const fn at_least(self, target: f64) -> Self {
        Case {
            target: Some(target),
            ..self
        }
    }

    /// For a row with several threads.
    pub const fn unpinned(self) -> Self {
        Case {
            scope: Scope::Threads,
            ..self
        }
    }

    /// For a row whose calling thread serves others.
    pub const fn served(self) -> Self {
        Case {
            scope: Scope::Served,
            ..self
        }
    }
}

/// The two sides of a row, set up. A call of either does the work `ops` times.
pub struct Pair {
    pub ops: u32,
    pub ours: Box<dyn FnMut()>,
    pub peer: Box<dyn FnMut()>,
}

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Pace {
    rounds: usize,
    /// How long each side takes in a round: so short that most rounds are not interrupted, and that what else the
    /// machine does changes little from one side to the other.
    round: Duration,
}

impl Pace {
    pub const FULL: Pace = Pace {
        rounds: 301,
        round: Duration::from_millis(2),
    };
    pub const QUICK: Pace = Pace {
        rounds: 61,
        round: Duration::from_millis(2),
    };

    /// How many rounds there are if each side takes so long in one: fewer where one operation takes longer than a round
    /// should.
    fn rounds(self, took: Duration) -> usize {
        let budget = self.round * u32::try_from(self.rounds).unwrap_or(u32::MAX);
        let fit = budget.as_secs_f64() / took.as_secs_f64();
        (fit as usize).clamp(LEAST_ROUNDS, self.rounds)
    }
}

/// The quartiles of fewer say little.
const LEAST_ROUNDS: usize = 7;

/// Nanoseconds for one operation, by the clock and of processor time in all threads.
#[derive(Clone, Copy)]
pub struct Cost {
    pub wall: f64,
    pub cpu: f64,
}

/// What was measured for a row: medians over the rounds.
pub struct Row {
    pub name: &'static str,
    pub peer_name: &'static str,
    pub target: Option<f64>,
    pub ours: Cost,
    pub peer: Cost,
    /// The quartiles of the peer's time over ours, round by round: processor time in a row that stays on one
    /// processor, where nothing waits, and in one that serves, so that what else runs there does not count. By the clock
    /// in others.
    pub ratio: [f64; 3],
}

pub fn measure(case: &Case, pace: Pace) -> Row {
    let _pin = (case.scope == Scope::OneProcessor).then(Pin::new);
    let Pair {
        ops,
        mut ours,
        mut peer,
    } = (case.make)();
    let (our_calls, our_time) = calibrate(&mut *ours, pace.round);
    let (peer_calls, peer_time) = calibrate(&mut *peer, pace.round);
    let rounds: Vec<(Cost, Cost)> = (0..pace.rounds(our_time.max(peer_time)))
        .map(|_| {
            let ours = time(&mut *ours, our_calls, ops, case.scope);
            (ours, time(&mut *peer, peer_calls, ops, case.scope))
        })
        .collect();
    let median = |f: fn(&(Cost, Cost)) -> f64| quartiles(rounds.iter().map(f))[1];
    Row {
        name: case.name,
        peer_name: case.peer,
        target: case.target,
        ours: Cost {
            wall: median(|(ours, _)| ours.wall),
            cpu: median(|(ours, _)| ours.cpu),
        },
        peer: Cost {
            wall: median(|(_, peer)| peer.wall),
            cpu: median(|(_, peer)| peer.cpu),
        },
        ratio: quartiles(rounds.iter().map(|(ours, peer)| {
            if case.scope != Scope::Threads && cfg!(unix) {
                peer.cpu / ours.cpu
            } else {
                peer.wall / ours.wall
            }
        })),
    }
}

/// How many calls fill a round, and how long that takes. It also warms up what is made at first use.
fn calibrate(side: &mut dyn FnMut(), round: Duration) -> (u32, Duration) {
    let mut calls = 1;
    loop {
        let start = Instant::now();
        for _ in 0..calls {
            side();
        }
        let took = start.elapsed();
        if took * 4 >= round {
            let fit = f64::from(calls) * round.as_secs_f64() / took.as_secs_f64();
            let fit = (fit as u32).max(1);
            return (fit, took * fit / calls);
        }
        calls *= 2;
    }
}

fn time(side: &mut dyn FnMut(), calls: u32, ops: u32, scope: Scope) -> Cost {
    let (cpu, start) = (cpu_time(scope), Instant::now());
    for _ in 0..calls {
        side();
    }
    let (wall, cpu) = (start.elapsed(), cpu_time(scope) - cpu);
    let per_op = |time: Duration| time.as_secs_f64() * 1e9 / (f64::from(calls) * f64::from(ops));
    Cost {
        wall: per_op(wall),
        cpu: per_op(cpu),
    }
}

/// The processor time so far of all threads, or of the calling one, in the program and in the system for it.
#[cfg(unix)]
fn cpu_time(scope: Scope) -> Duration {
    let who = match scope {
        #[cfg(target_os = "linux")]
        Scope::Served => libc::RUSAGE_THREAD,
        _ => libc::RUSAGE_SELF,
    };
    // SAFETY: the structure is plain numbers, for which zero is valid, and the call fills it.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(who, &raw mut usage);
        usage
    };
    let time = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

#[cfg(not(unix))]
fn cpu_time(_scope: Scope) -> Duration {
    Duration::ZERO
}

/// The lower quartile, the median and the upper quartile.
fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (values.len() - 1) as f64;
        let (low, high) = (
            values[place.floor() as usize],
            values[place.ceil() as usize],
        );
        low + (high - low) * place.fract()
    };
    [at(0.25), at(0.5), at(0.75)]
}
