//! Calling a function again and again.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    rc::Rc,
    time::Duration,
};

use super::{
    time::ReactorTime,
    timers::{BackgroundCall, DelayedCall, WeakTimers},
};
use crate::{
    deferred::{CallbackResult, Deferred, Trigger, deferred_with_canceller, maybe_deferred},
    inspect,
    unhandled::{Origin, report},
};

/// A [`LoopingCall`] was asked for something its state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoopingCallError {
    /// `start` while it runs.
    AlreadyRunning,
    /// `stop` or `reset` while it does not run.
    NotRunning,
}

impl fmt::Display for LoopingCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LoopingCallError::AlreadyRunning => "the looping call is running already",
            LoopingCallError::NotRunning => "the looping call is not running",
        })
    }
}

impl Error for LoopingCallError {}

/// Calls a function again and again; Twisted's `task.LoopingCall`.
///
/// Calls are made at whole intervals after the start. One that returns a Deferred is followed by
/// another only when that has fired. No call is made up for: after a long one, the next is at the
/// next whole interval.
///
/// ```
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// let (clock, count) = (deferrous::Clock::new(), Rc::new(Cell::new(0)));
/// let counter = count.clone();
/// let tick = deferrous::LoopingCall::new(&clock, move || counter.set(counter.get() + 1));
/// let _ended = tick.start(Duration::from_secs(1), true)?;
/// clock.pump([Duration::from_millis(500); 5]);
/// assert_eq!(count.get(), 3); // at 0, 1 and 2 seconds
/// tick.stop()?;
/// # Ok::<(), deferrous::LoopingCallError>(())
/// ```
pub struct LoopingCall<C: ReactorTime> {
    clock: C,
    shared: Rc<Shared>,
}

type Function = Box<dyn FnMut(u64) -> Deferred<()>>;

struct Shared {
    /// A pending call of the timers owns this, which must not own them in turn.
    timers: WeakTimers,
    /// Absent while it is being called.
    function: RefCell<Option<Function>>,
    run: RefCell<Option<Run>>,
    counts: bool,
    /// How many runs there have been.
    runs: Cell<u64>,
}

/// One run, from `start` to `stop`.
struct Run {
    interval: Duration,
    started: Duration,
    /// The number of the last interval that was counted.
    counted: i128,
    /// Tells this run from those before.
    number: u64,
    next: Option<DelayedCall>,
    ended: Trigger<()>,
    place: inspect::Place,
}

impl<C: ReactorTime> LoopingCall<C> {
    /// A looping call of `function`, which may return `()`, a `Result` or a Deferred, on the time
    /// of `clock`.
    pub fn new<R: CallbackResult<Value = ()>>(
        clock: &C,
        mut function: impl FnMut() -> R + 'static,
    ) -> Self {
        Self::make(clock, false, move |_| function())
    }

    /// As [`new`](Self::new), but the function is told how many intervals have passed since its
    /// last call: 1, or more if calls were missed. Twisted's `withCount`.
    pub fn with_count<R: CallbackResult<Value = ()>>(
        clock: &C,
        function: impl FnMut(u64) -> R + 'static,
    ) -> Self {
        Self::make(clock, true, function)
    }

    fn make<R: CallbackResult<Value = ()>>(
        clock: &C,
        counts: bool,
        mut function: impl FnMut(u64) -> R + 'static,
    ) -> Self {
        LoopingCall {
            clock: clock.clone(),
            shared: Rc::new(Shared {
                timers: clock.timers().downgrade(),
                function: RefCell::new(Some(Box::new(move |count| {
                    maybe_deferred(|| function(count))
                }))),
                run: RefCell::new(None),
                counts,
                runs: Cell::new(0),
            }),
        }
    }

    /// Starts calling, `now` or after the first interval; Twisted's `start`.
    ///
    /// The Deferred fires when [`stop`](Self::stop) is called, or fails with what a call fails
    /// with, which ends the loop. Cancelling it stops the loop. The loop ends with its
    /// reactor or clock, but if it waits for a Deferred of its function then, it goes on when that fires
    /// in a later [`run_until`](crate::Reactor::run_until). With an interval of zero, calls follow each other in turns of
    /// the reactor.
    ///
    /// # Errors
    ///
    /// If it is running.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn start(&self, interval: Duration, now: bool) -> Result<Deferred<()>, LoopingCallError> {
        if self.is_running() {
            return Err(LoopingCallError::AlreadyRunning);
        }
        let stopped = Rc::downgrade(&self.shared);
        let (ended, d) = deferred_with_canceller(move |_| {
            if let Some(shared) = stopped.upgrade() {
                shared.end();
            }
        });
        d.inspected().named("LoopingCall::start");
        let started = self.clock.now();
        let number = self.shared.runs.get() + 1;
        self.shared.runs.set(number);
        *self.shared.run.borrow_mut() = Some(Run {
            interval,
            started,
            // The first call is about one interval, whether that has passed or is passing.
            counted: if now { -1 } else { 0 },
            number,
            next: None,
            ended,
            place: inspect::Place::caller(),
        });
        if now {
            self.shared.call();
        } else {
            self.shared.schedule();
        }
        Ok(d)
    }

    /// Stops calling, and fires the Deferred of [`start`](Self::start), once a call that is being
    /// made or waited for has ended; Twisted's `stop`.
    ///
    /// # Errors
    ///
    /// If it is not running.
    pub fn stop(&self) -> Result<(), LoopingCallError> {
        let run = self.shared.run.take().ok_or(LoopingCallError::NotRunning)?;
        // Without a next call one is being made or waited for, and what follows it fires the
        // Deferred.
        if let Some(next) = run.next {
            let _ = next.cancel();
            let _ = run.ended.callback(());
        }
        Ok(())
    }

    /// Puts the next call one whole interval from now, and the grid with it; Twisted's `reset`.
    ///
    /// # Errors
    ///
    /// If it is not running.
    pub fn reset(&self) -> Result<(), LoopingCallError> {
        let now = self.clock.now();
        let scheduled = {
            let mut run = self.shared.run.borrow_mut();
            let run = run.as_mut().ok_or(LoopingCallError::NotRunning)?;
            run.started = now;
            run.counted = 0;
            run.next.take()
        };
        // While a call is being made or waited for, none is scheduled, and what follows it looks at
        // the new grid.
        if let Some(next) = scheduled {
            let _ = next.cancel();
            self.shared.schedule();
        }
        Ok(())
    }

    /// Whether it has been started and not stopped; Twisted's `running`.
    pub fn is_running(&self) -> bool {
        self.shared.run.borrow().is_some()
    }

    /// The interval of the current run; Twisted's `interval`.
    pub fn interval(&self) -> Option<Duration> {
        self.shared.run.borrow().as_ref().map(|run| run.interval)
    }
}

impl Shared {
    fn end(&self) {
        let run = self.run.take();
        if let Some(next) = run.and_then(|run| run.next) {
            let _ = next.cancel();
        }
    }

    /// Sets the next call: at the next whole interval after now.
    fn schedule(self: &Rc<Self>) {
        // Without its clock a loop makes no more calls.
        let Some(timers) = self.timers.upgrade() else {
            return self.end();
        };
        let now = timers.now();
        let (delay, place) = match &*self.run.borrow() {
            Some(run) => (
                until_next(now.saturating_sub(run.started), run.interval),
                run.place,
            ),
            None => return,
        };
        let next = NextCall {
            shared: self.clone(),
            _background: timers.background_call(),
        };
        let call = move || {
            let shared = next.shared.clone();
            drop(next);
            if let Some(run) = &mut *shared.run.borrow_mut() {
                run.next = None;
            }
            shared.call();
        };
        let call = place.of(|| timers.call_later(delay, call));
        if let Some(run) = &mut *self.run.borrow_mut() {
            call.inspected().named("LoopingCall");
            run.ended.inspected().waits_for(call.inspected());
            run.next = Some(call);
        }
    }

    fn call(self: &Rc<Self>) {
        let count = self.count();
        if self.counts && count == 0 {
            return self.schedule();
        }
        let Some((number, ended)) = self.current() else {
            return;
        };
        // The function may have stopped the loop and started it again, and is then still being
        // called.
        let Some(mut function) = self.function.take() else {
            return self.schedule();
        };
        let d = function(count);
        *self.function.borrow_mut() = Some(function);
        ended.inspected().waits_for(d.inspected());
        let shared = self.clone();
        d.add_both(move |result| {
            let runs_on = shared
                .current()
                .is_some_and(|(current, _)| current == number);
            match result {
                Ok(()) if runs_on => return shared.schedule(),
                Err(_) if runs_on => shared.end(),
                _ => {}
            }
            // Cancelling fires it too, and then only a failure is news.
            match result {
                Err(failure) if ended.is_called() => report(Origin::ReactorCall, failure),
                result => drop(ended.fire_with(result)),
            }
        });
    }

    /// The number of the current run, and what fires its Deferred.
    fn current(&self) -> Option<(u64, Trigger<()>)> {
        let run = self.run.borrow();
        run.as_ref().map(|run| (run.number, run.ended.clone()))
    }

    /// How many intervals have passed since those that were counted before.
    fn count(&self) -> u64 {
        let Some(timers) = self.timers.upgrade() else {
            return 0;
        };
        let mut run = self.run.borrow_mut();
        let Some(run) = &mut *run else { return 0 };
        if run.interval.is_zero() {
            return 1;
        }
        let since_start = timers.now().saturating_sub(run.started).as_nanos();
        // Nanoseconds of a `Duration` are far from filling an `i128`.
        let current = (since_start / run.interval.as_nanos()) as i128;
        let passed = u64::try_from(current - run.counted).unwrap_or(0);
        run.counted = current;
        passed
    }
}

/// What the pending call of a loop owns. If its reactor ends, so does the loop.
struct NextCall {
    shared: Rc<Shared>,
    /// A loop goes on for ever, so a stopping reactor does not wait for it.
    _background: BackgroundCall,
}

impl Drop for NextCall {
    fn drop(&mut self) {
        let timers = self.shared.timers.upgrade();
        if timers.is_some_and(|timers| timers.is_closed()) {
            self.shared.end();
        }
    }
}

/// So many nanoseconds, of which there are no more than a `Duration` can have.
fn from_nanos(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    Duration::new((nanos / SECOND) as u64, (nanos % SECOND) as u32)
}

/// How long from a time, that much after the start, to the next whole interval.
fn until_next(since_start: Duration, interval: Duration) -> Duration {
    match interval.as_nanos() {
        0 => Duration::ZERO,
        nanos => interval - from_nanos(since_start.as_nanos() % nanos),
    }
}

impl<C: ReactorTime> Clone for LoopingCall<C> {
    fn clone(&self) -> Self {
        LoopingCall {
            clock: self.clock.clone(),
            shared: self.shared.clone(),
        }
    }
}

impl<C: ReactorTime> fmt::Debug for LoopingCall<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopingCall")
            .field("running", &self.is_running())
            .field("interval", &self.interval())
            .finish()
    }
}
