//! Paired timing: ours and the peer's take turns, so that both meet the same noise.

use std::time::{Duration, Instant};

/// One row: what it is called, the least ratio wanted, and how its two sides are made.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    /// What ours is compared with, in a few words.
    pub peer: &'static str,
    /// How many times as long the peer should take, at least. Absent where the row only informs.
    pub target: Option<f64>,
    pub make: fn() -> Pair,
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
    round: Duration,
}

impl Pace {
    pub const FULL: Pace = Pace {
        rounds: 21,
        round: Duration::from_millis(30),
    };
    pub const QUICK: Pace = Pace {
        rounds: 7,
        round: Duration::from_millis(8),
    };
}

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
    /// The quartiles of the peer's time over ours, round by round.
    pub ratio: [f64; 3],
}

pub fn measure(case: &Case, pace: Pace) -> Row {
    let Pair {
        ops,
        mut ours,
        mut peer,
    } = (case.make)();
    let our_calls = calibrate(&mut *ours, pace.round);
    let peer_calls = calibrate(&mut *peer, pace.round);
    let rounds: Vec<(Cost, Cost)> = (0..pace.rounds)
        .map(|_| {
            let ours = time(&mut *ours, our_calls, ops);
            (ours, time(&mut *peer, peer_calls, ops))
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
        ratio: quartiles(rounds.iter().map(|(ours, peer)| peer.wall / ours.wall)),
    }
}

/// How many calls fill a round. It also warms up what is made at first use.
fn calibrate(side: &mut dyn FnMut(), round: Duration) -> u32 {
    let mut calls = 1;
    loop {
        let start = Instant::now();
        for _ in 0..calls {
            side();
        }
        let took = start.elapsed();
        if took * 4 >= round {
            let fit = f64::from(calls) * round.as_secs_f64() / took.as_secs_f64();
            return (fit as u32).max(1);
        }
        calls *= 2;
    }
}

fn time(side: &mut dyn FnMut(), calls: u32, ops: u32) -> Cost {
    let (cpu, start) = (cpu_time(), Instant::now());
    for _ in 0..calls {
        side();
    }
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);
    let per_op = |time: Duration| time.as_secs_f64() * 1e9 / (f64::from(calls) * f64::from(ops));
    Cost {
        wall: per_op(wall),
        cpu: per_op(cpu),
    }
}

/// The processor time of all threads so far, in the program and in the system for it.
#[cfg(unix)]
fn cpu_time() -> Duration {
    // SAFETY: the structure is plain numbers, for which zero is valid, and the call fills it.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let time = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

#[cfg(not(unix))]
fn cpu_time() -> Duration {
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
