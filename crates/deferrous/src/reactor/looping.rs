//! Calling a function again and again.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    rc::Rc,
    time::Duration,
};

use super::{time::ReactorTime, timers::DelayedCall};
use crate::{
    deferred::{
        CallbackResult, Cancelled, Deferred, Trigger, deferred_with_canceller, maybe_deferred,
    },
    failure::Failure,
    unhandled::{Origin, report},
};

/// A [`LoopingCall`] was asked for something its state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
/// Calls are made at whole intervals after the start. One that returns a Deferred is followed by another only when
/// that has fired. No call is made up for: after a long one, the next is at the next whole interval.
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
pub struct LoopingCall<C: ReactorTime>(Rc<Shared<C>>);

type Function = Box<dyn FnMut(u64) -> Deferred<()>>;

struct Shared<C: ReactorTime> {
    clock: C,
    /// Absent while it is being called.
    function: RefCell<Option<Function>>,
    run: RefCell<Option<Rc<Run>>>,
    counts: bool,
}

/// One run, from `start` to `stop` and to the end of the call that is being made then.
struct Run {
    interval: Duration,
    started: Cell<Duration>,
    /// The whole interval that the function was last told of. None before the first call, which is about one interval,
    /// the one that ends with the start.
    last_counted: Cell<Option<Duration>>,
    next: RefCell<Option<DelayedCall>>,
    /// A call is being made, or its Deferred waited for.
    calling: Cell<bool>,
    ended: Trigger<()>,
}

impl<C: ReactorTime> LoopingCall<C> {
    /// A looping call of `function`, which may return `()`, a `Result` or a Deferred, on the time of `clock`.
    pub fn new<R: CallbackResult<Value = ()>>(
        clock: &C,
        mut function: impl FnMut() -> R + 'static,
    ) -> Self {
        Self::make(clock, false, move |_| function())
    }

    /// As [`new`](Self::new), but the function is told how many intervals have passed since its last call: 1, or more
    /// if calls were missed. Twisted's `withCount`.
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
        LoopingCall(Rc::new(Shared {
            clock: clock.clone(),
            function: RefCell::new(Some(Box::new(move |count| {
                maybe_deferred(|| function(count))
            }))),
            run: RefCell::new(None),
            counts,
        }))
    }

    /// Starts calling, `now` or after the first interval; Twisted's `start`.
    ///
    /// The Deferred fires when [`stop`](Self::stop) is called and no call is being made or waited for, or fails with what
    /// a call fails with, which ends the loop. Cancelling it stops the loop. With an interval of zero, calls follow each
    /// other in turns of the reactor.
    ///
    /// # Errors
    ///
    /// If it is running.
    pub fn start(&self, interval: Duration, now: bool) -> Result<Deferred<()>, LoopingCallError> {
        if self.is_running() {
            return Err(LoopingCallError::AlreadyRunning);
        }
        let started = self.0.clock.now();
        let mut fires = None;
        let run = Rc::new_cyclic(|run: &std::rc::Weak<Run>| {
            let (shared, run) = (Rc::downgrade(&self.0), run.clone());
            let (ended, d) = deferred_with_canceller(move |ended| {
                if let (Some(shared), Some(run)) = (shared.upgrade(), run.upgrade()) {
                    shared.end(&run);
                }
                let _ = ended.errback(Cancelled);
            });
            fires = Some(d);
            Run {
                interval,
                started: Cell::new(started),
                last_counted: Cell::new((!now).then_some(started)),
                next: RefCell::new(None),
                calling: Cell::new(false),
                ended,
            }
        });
        *self.0.run.borrow_mut() = Some(run.clone());
        if now {
            self.0.call(run);
        } else {
            self.0.schedule(run);
        }
        Ok(fires.expect("the Deferred was made with the run"))
    }

    /// Stops calling, and fires the Deferred of [`start`](Self::start); Twisted's `stop`.
    ///
    /// A call that is being made, or waited for, is not cut short: the Deferred fires when it has ended, and fails if it
    /// does.
    ///
    /// # Errors
    ///
    /// If it is not running.
    pub fn stop(&self) -> Result<(), LoopingCallError> {
        let run = self.0.current().ok_or(LoopingCallError::NotRunning)?;
        self.0.end(&run);
        if !run.calling.get() {
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
        let run = self.0.current().ok_or(LoopingCallError::NotRunning)?;
        let now = self.0.clock.now();
        run.started.set(now);
        run.last_counted.set(Some(now));
        // While a call is being made or waited for, none is scheduled, and what follows it looks at the new grid.
        let scheduled = run.next.take();
        if let Some(next) = scheduled {
            let _ = next.cancel();
            self.0.schedule(run);
        }
        Ok(())
    }

    /// Whether it has been started and not stopped; Twisted's `running`.
    pub fn is_running(&self) -> bool {
        self.0.run.borrow().is_some()
    }

    /// The interval of the current run; Twisted's `interval`.
    pub fn interval(&self) -> Option<Duration> {
        self.0.run.borrow().as_ref().map(|run| run.interval)
    }
}

impl<C: ReactorTime> Shared<C> {
    fn current(&self) -> Option<Rc<Run>> {
        self.run.borrow().clone()
    }

    /// Whether this run goes on. It may have been stopped, and another one started, while a call was being made.
    fn goes_on(&self, run: &Rc<Run>) -> bool {
        self.run
            .borrow()
            .as_ref()
            .is_some_and(|r| Rc::ptr_eq(r, run))
    }

    /// Makes no further calls for this run.
    fn end(&self, run: &Rc<Run>) {
        if self.goes_on(run) {
            self.run.take();
        }
        let next = run.next.take();
        if let Some(next) = next {
            let _ = next.cancel();
        }
    }

    /// Sets the next call: at the next whole interval after now.
    fn schedule(self: &Rc<Self>, run: Rc<Run>) {
        let since_start = self.clock.now().saturating_sub(run.started.get());
        let delay = until_next(since_start, run.interval);
        let (shared, next) = (self.clone(), run.clone());
        let call = self.clock.call_later(delay, move || {
            next.next.take();
            shared.call(next);
        });
        *run.next.borrow_mut() = Some(call);
    }

    fn call(self: &Rc<Self>, run: Rc<Run>) {
        let count = self.count(&run);
        if self.counts && count == 0 {
            return self.schedule(run);
        }
        // The function may have been started again while an earlier run's call of it is still being made.
        let Some(mut function) = self.function.borrow_mut().take() else {
            return self.schedule(run);
        };
        run.calling.set(true);
        let d = function(count);
        *self.function.borrow_mut() = Some(function);
        let shared = self.clone();
        d.add_both(move |result| shared.called(run, result));
    }

    /// Goes on after a call.
    fn called(self: &Rc<Self>, run: Rc<Run>, result: Result<(), Failure>) {
        run.calling.set(false);
        match result {
            Ok(()) if self.goes_on(&run) => self.schedule(run),
            Ok(()) => {
                // It may have been cancelled, which is an end too.
                let _ = run.ended.callback(());
            }
            Err(failure) => {
                self.end(&run);
                if run.ended.is_called() {
                    report(Origin::ReactorCall, failure);
                } else {
                    let _ = run.ended.errback(failure);
                }
            }
        }
    }

    /// How many intervals have passed since the last call that was told.
    fn count(&self, run: &Run) -> u64 {
        let now = self.clock.now();
        let since_start = now.saturating_sub(run.started.get());
        let passed = match run.last_counted.get() {
            Some(last) => intervals(now.saturating_sub(last), run.interval),
            // The first call of a run is made at once.
            None => 1,
        };
        if passed > 0 {
            let over = remainder(since_start, run.interval);
            run.last_counted.set(Some(now.saturating_sub(over)));
        }
        passed
    }
}

/// How long from a time, that much after the start, to the next whole interval.
fn until_next(since_start: Duration, interval: Duration) -> Duration {
    interval - remainder(since_start, interval)
}

fn remainder(time: Duration, interval: Duration) -> Duration {
    match interval.as_nanos() {
        0 => Duration::ZERO,
        nanos => Duration::from_nanos_u128(time.as_nanos() % nanos),
    }
}

fn intervals(time: Duration, interval: Duration) -> u64 {
    match interval.as_nanos() {
        0 => 1,
        nanos => u64::try_from(time.as_nanos() / nanos).unwrap_or(u64::MAX),
    }
}

impl<C: ReactorTime> Clone for LoopingCall<C> {
    fn clone(&self) -> Self {
        LoopingCall(self.0.clone())
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
