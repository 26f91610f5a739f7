//! The thread that watches the loop's.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};

use super::{
    calls::{NOTICED, lock},
    collections::IS_WATCHED,
    facts::{Thread, Usage},
    observed::{Observed, Stall},
    record,
};
use crate::{
    interp::{detached, fallible},
    metrics::turns,
};

/// How often a turn that takes long is looked at.
const LOOKS_EVERY: Duration = Duration::from_millis(10);
/// How often one that takes very long is looked at.
const SELDOM: Duration = Duration::from_millis(100);
/// How long a wait takes at least, if the threshold is short.
const SHORTEST: Duration = Duration::from_millis(1);

/// What the watchdog tells the thread of Python that logs.
enum Event {
    /// To take a stack of the turn with this number. It is asked for at this time, in nanoseconds.
    Ask(u64, u64),
    Over(Box<Stall>),
}

/// What the threads share.
struct Shared {
    /// In nanoseconds.
    threshold: u64,
    /// The turn that runs now, if it was seen.
    observed: Mutex<Option<Observed>>,
    /// Whether a stack was asked for that has not been taken. Relaxed everywhere: what is asked for comes by the channel.
    asked: AtomicBool,
}

/// Watches the loop of one thread, and notices turns that take too long.
///
/// A thread that needs no interpreter looks at the loop's thread from outside.
#[pyclass(frozen, module = "deferrous._core")]
pub struct Watchdog {
    shared: Arc<Shared>,
    /// Its end is the watchdog's.
    stop: Mutex<Option<Sender<()>>>,
    /// Only one thread waits for them.
    events: Mutex<Option<Receiver<Event>>>,
}

#[pymethods]
impl Watchdog {
    /// Make a watchdog, which does nothing yet.
    ///
    /// Args:
    ///     threshold: how long a turn may take, in seconds, at least 0.001.
    ///
    /// Raises:
    ///     ValueError: the threshold is shorter, or no number.
    #[new]
    #[pyo3(signature = (threshold, /))]
    fn new(py: Python<'_>, threshold: f64) -> PyResult<Self> {
        let threshold = Duration::try_from_secs_f64(threshold).unwrap_or_default();
        if threshold < SHORTEST {
            let text = "a turn of a loop is not a stall before a millisecond has passed";
            return Err(fallible::error::<PyValueError>(py, text));
        }
        let shared = Arc::new(Shared {
            threshold: u64::try_from(threshold.as_nanos()).unwrap_or(u64::MAX),
            observed: Mutex::new(None),
            asked: AtomicBool::new(false),
        });
        Ok(Watchdog {
            shared,
            stop: Mutex::new(None),
            events: Mutex::new(None),
        })
    }

    /// Begin to watch the loop that runs in this thread.
    ///
    /// Args:
    ///     tid: the number of this thread, as the system has it.
    ///
    /// Raises:
    ///     OSError: the system makes no more threads.
    #[pyo3(signature = (tid, /))]
    fn start(&self, py: Python<'_>, tid: u32) -> PyResult<()> {
        IS_WATCHED.set(true);
        let (stop, stopped) = channel();
        let (send, events) = channel();
        let mut watch = Watch {
            shared: self.shared.clone(),
            thread: Thread::new(tid),
            events: send,
            idle: None,
            told: turns::last_long().0,
        };
        turns::set_long(self.shared.threshold);
        let run = move || {
            let mut pause = SHORTEST;
            while matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                pause = watch.step();
            }
            watch.end();
        };
        thread::Builder::new()
            .name("deferrous-watch".into())
            .spawn(run)
            .map_err(|error| fallible::io_error(py, &error))?;
        *lock(&self.stop) = Some(stop);
        *lock(&self.events) = Some(events);
        Ok(())
    }

    /// Have the watchdog end, soon. `next` still returns what it has found. Any thread may call it.
    fn stop(&self) {
        drop(lock(&self.stop).take());
    }

    /// Wait for something to do. Only one thread may call it.
    ///
    /// Args:
    ///     timeout: for how many seconds; None is for ever.
    ///
    /// Returns:
    ///     if the stack of the loop's thread is to be taken, a tuple: the number of the turn, and for how
    ///     many seconds this thread has waited for the interpreter. If a stall is over, the stall, a dict; an
    ///     empty one if the time has passed. None when the watchdog has ended.
    #[pyo3(signature = (timeout, /))]
    fn next<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<f64>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let timeout = timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let Some(events) = lock(&self.events).take() else {
            return Ok(None);
        };
        self.shared.asked.store(false, Relaxed);
        let (event, events) = detached(py, move || (receive(&events, timeout), events));
        *lock(&self.events) = Some(events);
        let found = match event {
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => fallible::dict(py)?.into_any(),
            Ok(Event::Over(stall)) => record::shown(py, &stall, true)?.into_any(),
            Ok(Event::Ask(number, at)) => {
                let waited = record::seconds(py, turns::now().saturating_sub(at))?;
                fallible::tuple(py, [record::count(py, number)?, waited])?.into_any()
            }
        };
        Ok(Some(found))
    }

    /// The stall that goes on, a dict as of `next`; None if there is none. Any thread may call it.
    fn now<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        // The watchdog may be out of a processor while it has this lock.
        let stall = detached(py, || {
            let observed = lock(&self.shared.observed);
            observed.as_ref().and_then(|it| {
                let took = turns::now().saturating_sub(it.began);
                (took >= self.shared.threshold).then(|| it.stall(took))
            })
        });
        stall.map(|it| record::shown(py, &it, false)).transpose()
    }
}

fn receive(events: &Receiver<Event>, timeout: Option<Duration>) -> Result<Event, RecvTimeoutError> {
    match timeout {
        Some(timeout) => events.recv_timeout(timeout),
        None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// What the watchdog's thread has.
struct Watch {
    shared: Arc<Shared>,
    thread: Thread,
    events: Sender<Event>,
    /// The number of the last turn when the loop was seen waiting, and what its thread had used.
    idle: Option<(u64, Usage)>,
    /// The last turn that was told of.
    told: u64,
}

impl Watch {
    /// Looks at the loop. Returns when to look again.
    fn step(&mut self) -> Duration {
        let running = turns::running();
        let shared = self.shared.clone();
        let mut observed = lock(&shared.observed);
        let over = observed.take_if(|it| running.is_none_or(|(number, _)| number != it.number));
        if let Some(over) = over {
            self.finish(over);
        }
        self.tell_of_missed(observed.as_ref());
        let Some((number, began)) = running else {
            let last = turns::number();
            if self.idle.is_none_or(|(number, _)| number != last) {
                self.idle = self.thread.usage().map(|used| (last, used));
            }
            return self.short_pause();
        };
        let observed = observed.get_or_insert_with(|| {
            let idle = self.idle.filter(|(last, _)| last + 1 == number);
            let idle = idle.map(|(_, used)| used);
            Observed::new(number, began, &self.thread, idle)
        });
        self.watch(observed)
    }

    /// Watches a turn.
    fn watch(&self, observed: &mut Observed) -> Duration {
        let (shared, passed) = (&self.shared, turns::now().saturating_sub(observed.began));
        // Stacks are taken from the middle on, so that there are some of a stall that is hardly one.
        let wait = (shared.threshold / 2).saturating_sub(passed);
        if wait > 0 {
            return self
                .short_pause()
                .min(Duration::from_nanos(wait))
                .max(SHORTEST);
        }
        if passed >= shared.threshold {
            NOTICED.store(observed.number, Relaxed);
        }
        observed.look(&self.thread);
        if !shared.asked.swap(true, Relaxed) {
            let _ = self.events.send(Event::Ask(observed.number, turns::now()));
        }
        // A long stall is looked at less often.
        let often = LOOKS_EVERY.min(self.short_pause());
        Duration::from_nanos(passed / 100).clamp(often, SELDOM)
    }

    /// How long to wait before a turn is looked for.
    fn short_pause(&self) -> Duration {
        Duration::from_nanos(self.shared.threshold / 4).max(SHORTEST)
    }

    /// Tells of a turn that is over, if it was a stall.
    fn finish(&mut self, mut observed: Observed) {
        let is_stall = NOTICED.swap(0, Relaxed) == observed.number;
        let (number, took) = turns::last_long();
        if number == observed.number {
            observed.last_look(&self.thread, observed.began + took);
            self.tell(observed.stall(took));
        } else if is_stall {
            // Another one has ended since.
            self.tell(observed.stall(observed.seen_for()));
        }
    }

    /// Tells of a stall that the watchdog has not seen: it had no processor itself.
    fn tell_of_missed(&mut self, observed: Option<&Observed>) {
        let (number, took) = turns::last_long();
        if number > self.told && observed.is_none_or(|it| it.number != number) {
            self.tell(Stall::unseen(number, took));
        }
    }

    fn tell(&mut self, stall: Stall) {
        self.told = stall.number;
        // Nobody listens when the program ends.
        let _ = self.events.send(Event::Over(Box::new(stall)));
    }

    /// Tells of the last turn, as the watchdog ends.
    fn end(&mut self) {
        self.step();
        NOTICED.store(0, Relaxed);
    }
}
