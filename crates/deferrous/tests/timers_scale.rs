//! Very many delayed calls: none is lost, the order holds, and what was cancelled takes no room.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{cell::Cell, rc::Rc, time::Duration};

use deferrous::{Clock, DelayedCall, ReactorTime};
use proptest::{collection::vec, prelude::*};
use reactor_support::{
    HOUR, Log,
    alloc::{Counting, growth},
    ms, reactor, scale, within_a_minute,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn million() -> u64 {
    u64::from(scale::many(1_000_000))
}
const MEGABYTE: isize = 1 << 20;

/// Delays from all over an hour, in no order.
fn scattered(n: u64) -> Duration {
    Duration::from_nanos(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % HOUR.as_nanos() as u64)
}

#[test]
fn a_million_calls_are_made_in_order() {
    let clock = Clock::new();
    let (made, last) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(Duration::ZERO)));
    for n in 0..million() {
        let (made, last, delay) = (made.clone(), last.clone(), scattered(n));
        clock.call_later(delay, move || {
            assert!(last.replace(delay) <= delay);
            made.set(made.get() + 1);
        });
    }
    assert_eq!(clock.delayed_calls() as u64, million());
    clock.pump([HOUR / 4; 4]);
    assert_eq!(made.get(), million());
    assert_eq!(clock.delayed_calls(), 0);
}

#[test]
fn a_million_pending_calls_can_be_moved_and_cancelled() {
    let (clock, made) = (Clock::new(), Rc::new(Cell::new(0)));
    let calls: Vec<DelayedCall> = (0..million())
        .map(|n| {
            let made = made.clone();
            clock.call_later(scattered(n), move || made.set(made.get() + 1))
        })
        .collect();
    for (n, call) in calls.iter().enumerate() {
        match n % 4 {
            0 => call.cancel().unwrap(),
            1 => call.reset(HOUR * 2).unwrap(),
            2 => call.delay(HOUR * 2).unwrap(),
            _ => {}
        }
    }
    assert_eq!(clock.delayed_calls() as u64, million() / 4 * 3);
    clock.advance(HOUR);
    assert_eq!(made.get(), million() / 4);
    clock.advance(HOUR);
    assert!(made.get() >= million() / 2);
    clock.advance(HOUR);
    assert_eq!(made.get(), million() / 4 * 3);
}

#[test]
fn cancelled_calls_take_no_room() {
    let clock = Clock::new();
    let (most, _) = growth(|| {
        for n in 0..3 * million() {
            let owned = Box::new([n; 8]);
            let call = clock.call_later(HOUR + scattered(n), move || drop(owned));
            call.cancel().unwrap();
        }
    });
    assert_eq!(clock.delayed_calls(), 0);
    assert!(most < MEGABYTE, "grew by {most} bytes");
}

#[test]
fn calls_cancelled_in_the_shadow_of_others_take_no_room() {
    let clock = Clock::new();
    let _kept: Vec<_> = (0..1000)
        .map(|n| clock.call_later(scattered(n), || ()))
        .collect();
    let (most, _) = growth(|| {
        let mut recent = std::collections::VecDeque::new();
        for n in 0..2 * million() {
            recent.push_back(clock.call_later(HOUR, || ()));
            if n >= 1000 {
                recent.pop_front().unwrap().cancel().unwrap();
            }
        }
    });
    assert_eq!(clock.delayed_calls(), 2000);
    assert!(most < MEGABYTE, "grew by {most} bytes");
}

#[test]
fn a_call_reset_millions_of_times_takes_no_room() {
    let (clock, log) = (Clock::new(), Log::new());
    let call = clock.call_later(HOUR, log.adds(()));
    let (most, _) = growth(|| {
        for n in 0..2 * million() {
            call.reset(HOUR + scattered(n)).unwrap();
            call.delay(ms(1)).unwrap();
        }
    });
    assert!(most < MEGABYTE, "grew by {most} bytes");
    call.reset(ms(1)).unwrap();
    clock.advance(ms(1));
    assert_eq!(log.len(), 1);
}

#[test]
fn timeouts_that_are_always_cancelled_while_time_passes_take_no_room() {
    let clock = Clock::new();
    let (most, _) = growth(|| {
        for _ in 0..million() {
            let call = clock.call_later(HOUR, || ());
            clock.advance(Duration::from_micros(10));
            call.cancel().unwrap();
        }
    });
    assert!(most < MEGABYTE, "grew by {most} bytes");
}

#[test]
fn a_dropped_clock_gives_everything_back() {
    let (_, left) = growth(|| {
        let clock = Clock::new();
        for n in 0..million() / 10 {
            let owned = Box::new(n);
            clock.call_later(scattered(n), move || drop(owned));
        }
        clock.advance(HOUR / 2);
    });
    assert_eq!(left, 0);
}

#[derive(Clone, Debug)]
enum Step {
    Set(u64),
    /// A call that sets another one.
    SetTwice(u64, u64),
    Cancel(usize),
    Reset(usize, u64),
    Delay(usize, u64),
    Advance(u64),
}

fn delay() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..8_u64,
        0..1000_u64,
        (0..1000_u64).prop_map(|n| n * 64),
        0..u64::from(u32::MAX) * 16,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..64_usize;
    prop_oneof![
        4 => delay().prop_map(Step::Set),
        1 => (delay(), delay()).prop_map(|(first, second)| Step::SetTwice(first, second)),
        2 => which.clone().prop_map(Step::Cancel),
        2 => (which.clone(), delay()).prop_map(|(n, delay)| Step::Reset(n, delay)),
        2 => (which, delay()).prop_map(|(n, by)| Step::Delay(n, by)),
        3 => delay().prop_map(Step::Advance),
    ]
}

/// The number and delay of the call that a call sets.
type Next = Option<(usize, u64)>;

/// What timers should do, said with a sorted list of deadlines, numbers and what is set next.
#[derive(Default)]
struct Model {
    now: u64,
    pending: Vec<(u64, usize, Next)>,
    made: Vec<usize>,
}

impl Model {
    fn set(&mut self, deadline: u64, number: usize, next: Next) {
        let at = self.pending.partition_point(|call| call.0 <= deadline);
        self.pending.insert(at, (deadline, number, next));
    }

    fn find(&self, number: usize) -> Option<usize> {
        self.pending.iter().position(|call| call.1 == number)
    }

    fn change(&mut self, number: usize, deadline: impl FnOnce(u64, u64) -> Option<u64>) -> bool {
        let Some(at) = self.find(number) else {
            return false;
        };
        let (old, number, next) = self.pending.remove(at);
        if let Some(deadline) = deadline(self.now, old) {
            self.set(deadline, number, next);
        }
        true
    }

    fn advance(&mut self, by: u64) {
        self.now += by;
        while self.pending.first().is_some_and(|call| call.0 <= self.now) {
            let (_, number, next) = self.pending.remove(0);
            self.made.push(number);
            if let Some((number, delay)) = next {
                self.set(self.now + delay, number, None);
            }
        }
    }
}

const SECOND: usize = 1_000_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: scale::cases(400), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn timers_do_what_a_sorted_list_does(steps in vec(step(), 1..200)) {
        let (clock, log, mut model) = (Clock::new(), Log::new(), Model::default());
        let mut calls: Vec<DelayedCall> = Vec::new();
        let nanos = Duration::from_nanos;
        for step in steps {
            let number = calls.len();
            match step {
                Step::Set(delay) => {
                    calls.push(clock.call_later(nanos(delay), log.adds(number)));
                    model.set(model.now + delay, number, None);
                }
                Step::SetTwice(first, second) => {
                    let (again, log) = (clock.clone(), log.clone());
                    calls.push(clock.call_later(nanos(first), move || {
                        log.add(number);
                        again.call_later(nanos(second), log.adds(number + SECOND));
                    }));
                    model.set(model.now + first, number, Some((number + SECOND, second)));
                }
                Step::Cancel(n) if number > 0 => {
                    let done = model.change(n % number, |_, _| None);
                    prop_assert_eq!(calls[n % number].cancel().is_ok(), done);
                }
                Step::Reset(n, delay) if number > 0 => {
                    let done = model.change(n % number, |now, _| Some(now + delay));
                    prop_assert_eq!(calls[n % number].reset(nanos(delay)).is_ok(), done);
                }
                Step::Delay(n, by) if number > 0 => {
                    let done = model.change(n % number, |_, old| Some(old + by));
                    prop_assert_eq!(calls[n % number].delay(nanos(by)).is_ok(), done);
                }
                Step::Advance(by) => {
                    model.advance(by);
                    clock.advance(nanos(by));
                    prop_assert_eq!(log.take(), std::mem::take(&mut model.made));
                }
                _ => {}
            }
            prop_assert_eq!(clock.delayed_calls(), model.pending.len());
        }
        // Some own the clock that owns them.
        for call in calls {
            let _ = call.cancel();
        }
    }
}

/// How often this thread has waited for something.
#[cfg(target_os = "linux")]
fn waits() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `getrusage` writes into the place that it is given, which is one of this type.
    let result = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    assert_eq!(result, 0);
    // SAFETY: it was zeroed, which is a valid value, and has been written.
    unsafe { usage.assume_init() }.ru_nvcsw
}

#[cfg(target_os = "linux")]
#[test]
fn cancelled_and_moved_calls_do_not_wake_the_loop() {
    within_a_minute(|| {
        let reactor = reactor();
        let end = ms(200);
        for n in 0..1000 {
            let call = reactor.call_later(end * n / 1000, || panic!("it was cancelled"));
            match n % 2 {
                0 => call.cancel().unwrap(),
                _ => call.delay(HOUR).unwrap(),
            }
        }
        let stop = reactor.clone();
        reactor.call_later(end, move || stop.stop().unwrap());
        let before = waits();
        reactor.run().unwrap();
        assert!(waits() - before < 100, "{} waits", waits() - before);
    });
}
