//! A turn that takes long, seen from another thread.

use std::{cmp::Reverse, mem};

use super::{
    calls::kind,
    collections::collected_in,
    facts::{Moment, Thread, Usage, all_processor_times},
};
use crate::metrics::turns;

/// Who waits for the interpreter asks again after so many nanoseconds: twice Python's usual switch interval.
const ASKS_AGAIN: u64 = 10_000_000;
/// How many of the other threads are told of, the busiest.
const MOST_OTHERS: usize = 8;

/// What a thread sleeps for.
#[derive(Clone, Copy)]
enum Sleep {
    ForInterpreter,
    /// The number of the system call.
    InCall(Option<u64>),
}

impl Sleep {
    /// Judges by what a thread does, and how often it has woken up by itself while it `slept` so many nanoseconds.
    ///
    /// Who waits for the interpreter wakes up and asks again every few milliseconds. Who waits for a lock of the program, or
    /// in another system call, sleeps through.
    fn of(moment: &Moment, wakes: u64, slept: u64) -> Self {
        let in_lock = moment.timed_futex || moment.system_call.is_none();
        if in_lock && wakes * ASKS_AGAIN >= slept / 2 {
            Sleep::ForInterpreter
        } else {
            Sleep::InCall(moment.system_call)
        }
    }
}

/// A turn that may become a stall, or is one.
pub struct Observed {
    pub number: u64,
    /// When it began, in nanoseconds.
    pub began: u64,
    tid: u32,
    /// Whether the system tells what threads use.
    is_known: bool,
    /// When the measuring began, which is a little later, unless the loop was seen waiting just before.
    measured_from: u64,
    first: Usage,
    last: Usage,
    last_seen: u64,
    last_sleeps: Option<u64>,
    /// How long it has waited for the interpreter, in nanoseconds.
    interpreter: u64,
    /// For how long it slept in system calls otherwise, in nanoseconds, by number.
    asleep: Vec<(Option<u64>, u64)>,
    /// What it last slept for.
    sleep: Option<Sleep>,
    /// For how long it may have slept, in nanoseconds: since what it slept for was last known, and before it first was.
    pending: i64,
    early: i64,
    /// What the turn was doing when it was last looked at.
    kind: u8,
    disk: bool,
    others: Vec<(u32, u64)>,
}

/// A turn that took too long, or takes too long now. Times are in nanoseconds.
#[derive(Default)]
pub struct Stall {
    pub number: u64,
    pub began: u64,
    pub took: u64,
    /// For how long it was measured. What follows is of this time.
    pub measured: u64,
    pub processor: Option<u64>,
    pub starved: Option<u64>,
    pub interpreter: u64,
    pub asleep: Vec<(Option<u64>, u64)>,
    pub disk: bool,
    /// Of the whole turn.
    pub collector: u64,
    pub collections: u64,
    /// Other threads, by number, and how long they had a processor.
    pub others: Vec<(u32, u64)>,
    pub kind: u8,
}

impl Observed {
    /// Begins to observe a turn.
    ///
    /// `idle` is what the loop's thread had used when it waited just before.
    pub fn new(number: u64, began: u64, thread: &Thread, idle: Option<Usage>) -> Self {
        let now = turns::now();
        let known = idle.or_else(|| thread.usage());
        let used = known.unwrap_or_default();
        let from = if idle.is_some() { began } else { now };
        Observed {
            number,
            began,
            tid: thread.tid,
            is_known: known.is_some(),
            measured_from: from,
            first: used,
            last: used,
            last_seen: from,
            last_sleeps: None,
            interpreter: 0,
            asleep: Vec::new(),
            sleep: None,
            pending: 0,
            early: 0,
            kind: kind(),
            disk: false,
            others: Vec::new(),
        }
    }

    /// Looks at it.
    pub fn look(&mut self, thread: &Thread) {
        if self.others.is_empty() {
            self.others = all_processor_times();
        }
        self.kind = kind();
        self.measure(thread);
    }

    /// Adds what has happened since the last time.
    ///
    /// The time that it neither had a processor nor waited for one is the time that it slept. The system counts the wait for
    /// a processor when it is over, so nothing is known while the thread runs or could.
    fn measure(&mut self, thread: &Thread) {
        let moment = thread.moment();
        self.add_usage(thread, turns::now());
        let Some(sleeps) = self.last_sleeps else {
            // How often it has woken up is not known yet.
            self.last_sleeps = Some(moment.sleeps);
            self.early = mem::take(&mut self.pending);
            return;
        };
        if moment.runs || self.pending < ASKS_AGAIN.cast_signed() / 10 {
            return;
        }
        let slept = mem::take(&mut self.pending).cast_unsigned();
        let wakes = moment.sleeps.saturating_sub(sleeps);
        self.last_sleeps = Some(moment.sleeps);
        self.disk |= moment.uninterruptible;
        self.sleep = Some(Sleep::of(&moment, wakes, slept));
        self.pending = slept.cast_signed() + mem::take(&mut self.early);
        self.count_sleep();
    }

    /// Adds what the thread has used since the last time, until `now`. The rest of the time is pending.
    fn add_usage(&mut self, thread: &Thread, now: u64) {
        let usage = thread.usage().unwrap_or(self.last);
        let ran = usage.processor.saturating_sub(self.last.processor);
        let starved = usage.starved.saturating_sub(self.last.starved);
        let passed = now.saturating_sub(self.last_seen);
        self.last = usage;
        self.last_seen = now.max(self.last_seen);
        self.pending += passed.cast_signed() - ran.cast_signed() - starved.cast_signed();
    }

    /// Notes what the thread has slept for in the time that is pending.
    fn count_sleep(&mut self) {
        let slept = mem::take(&mut self.pending).max(0).cast_unsigned();
        let call = match self.sleep {
            None => return,
            Some(Sleep::ForInterpreter) => {
                self.interpreter += slept;
                return;
            }
            Some(Sleep::InCall(call)) => call,
        };
        match self.asleep.iter_mut().find(|(number, _)| *number == call) {
            Some((_, time)) => *time += slept,
            None => self.asleep.push((call, slept)),
        }
    }

    /// For how long it had run when it was last looked at.
    pub fn seen_for(&self) -> u64 {
        self.last_seen.saturating_sub(self.began)
    }

    /// The stall as it is known now, if it took as long, or has taken as long until now.
    pub fn stall(&self, took: u64) -> Stall {
        let others = all_processor_times().into_iter();
        let others = others.filter_map(|(tid, time)| {
            let before = self.others.iter().find(|(known, _)| *known == tid);
            let ran = time.saturating_sub(before.map_or(0, |(_, before)| *before));
            (tid != self.tid && ran > 0).then_some((tid, ran))
        });
        let mut others: Vec<_> = others.collect();
        others.sort_by_key(|&(_, ran)| Reverse(ran));
        others.truncate(MOST_OTHERS);
        let (collector, collections) = collected_in(self.number);
        let measured = self.last_seen - self.measured_from;
        let processor = self.last.processor.saturating_sub(self.first.processor);
        let starved = self.last.starved.saturating_sub(self.first.starved);
        let known = self.is_known && measured > 0;
        Stall {
            number: self.number,
            began: self.began,
            took,
            measured,
            processor: known.then_some(processor),
            starved: known.then_some(starved),
            interpreter: self.interpreter,
            asleep: self.asleep.clone(),
            disk: self.disk,
            collector,
            collections,
            others,
            kind: self.kind,
        }
    }

    /// Looks at it for the last time, after its end.
    pub fn last_look(&mut self, thread: &Thread, ended: u64) {
        // What the thread does by now says nothing of the turn.
        self.add_usage(thread, ended);
        self.pending += mem::take(&mut self.early);
        self.count_sleep();
    }
}

impl Stall {
    /// A stall of which nothing is known but how long it took.
    pub fn unseen(number: u64, took: u64) -> Self {
        Stall {
            number,
            began: turns::now().saturating_sub(took),
            took,
            ..Stall::default()
        }
    }
}
