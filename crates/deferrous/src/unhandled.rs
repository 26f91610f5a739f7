//! Failures that nobody handled: where they go.
//!
//! A failure is never lost. A Deferred that ends with one, a panic in a timer or a thread, a
//! handler that fails at shutdown: all are reported here, once. The default writes them through
//! `tracing` at error level, and to standard error where no subscriber listens, or the feature
//! `tracing` is off.
//! [`set_unhandled_handler`] changes that for the program. [`capture_unhandled`] and [`deny_unhandled`]
//! change it for one thread, for tests.

use std::{
    cell::RefCell,
    fmt,
    io::{self, Write},
    mem,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    sync::{Arc, PoisonError, RwLock},
    thread,
};

use crate::failure::Failure;

/// What was running when a failure was left unhandled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A Deferred's last outcome, which nobody took.
    Deferred,
    /// A function passed to `call_later`, `call_when_running` or `call_from_thread`.
    ReactorCall,
    /// A callback of `add_reader`, `add_writer` or `add_signal_handler`.
    Source,
    /// A system event trigger.
    Trigger,
    /// A job of `call_in_thread`.
    Thread,
    /// A method of a protocol or producer, or a function that makes protocols.
    Protocol,
    /// A listening port, which accepts nobody for now.
    Accept,
    /// A coroutine that was woken where it could not be resumed, or a waker that panicked.
    Wake,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Deferred => "Unhandled error in Deferred",
            Origin::ReactorCall => "Unhandled error in a call made by the reactor",
            Origin::Source => "Unhandled error in a callback for a descriptor or signal",
            Origin::Trigger => "Unhandled error in a system event trigger",
            Origin::Thread => "Unhandled error in a thread pool job",
            Origin::Protocol => "Unhandled error in a protocol",
            Origin::Accept => "Unhandled error of a listening port",
            Origin::Wake => "Unhandled error in waking what awaits a Deferred",
        })
    }
}

/// A failure that nobody handled, and where it came from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unhandled {
    /// What was running.
    pub origin: Origin,
    /// What went wrong.
    pub failure: Failure,
}

impl fmt::Display for Unhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:#}", self.origin, self.failure)
    }
}

/// What [`set_unhandled_handler`] takes.
pub type UnhandledHandler = Arc<dyn Fn(Unhandled) + Send + Sync>;

static HANDLER: RwLock<Option<UnhandledHandler>> = RwLock::new(None);

thread_local! {
    /// What the living guards have captured, each under its number, innermost last.
    static CAPTURED: RefCell<Captured> = const {
        RefCell::new(Captured {
            next: 0,
            guards: Vec::new(),
        })
    };
}

/// Sends every unhandled failure of the program to `handler`, and returns the handler before it.
///
/// `None` restores the default. The handler is called on the thread on which the failure was found;
/// if it panics, the panic is written to standard error. It mirrors an observer of Twisted's log
/// that looks at `isError` events. Any thread may call this.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let log = seen.clone();
/// deferrous::set_unhandled_handler(Some(Arc::new(move |unhandled| {
///     log.lock().unwrap().push(unhandled.to_string());
/// })));
/// drop(deferrous::fail::<()>(std::fmt::Error));
/// assert!(seen.lock().unwrap()[0].starts_with("Unhandled error in Deferred"));
/// # deferrous::set_unhandled_handler(None);
/// ```
pub fn set_unhandled_handler(handler: Option<UnhandledHandler>) -> Option<UnhandledHandler> {
    let mut current = HANDLER.write().unwrap_or_else(PoisonError::into_inner);
    mem::replace(&mut current, handler)
}

struct Captured {
    next: u64,
    guards: Vec<(u64, Vec<Unhandled>)>,
}

/// Keeps this thread's unhandled failures from the handler until the guard is dropped.
///
/// The failures nobody took with [`take`](CapturedUnhandled::take) are passed on when the guard is
/// dropped. It mirrors `flushLoggedErrors` of Twisted's trial.
///
/// ```
/// let captured = deferrous::capture_unhandled();
/// drop(deferrous::fail::<()>(std::fmt::Error));
/// assert!(captured.take()[0].failure.check::<std::fmt::Error>());
/// ```
pub fn capture_unhandled() -> CapturedUnhandled {
    let number = CAPTURED.with_borrow_mut(|captured| {
        captured.next += 1;
        captured.guards.push((captured.next, Vec::new()));
        captured.next
    });
    CapturedUnhandled {
        number,
        _thread: std::marker::PhantomData,
    }
}

/// What [`capture_unhandled`] returns: collects unhandled failures while it lives.
#[must_use = "failures are captured only while this guard lives"]
#[derive(Debug)]
pub struct CapturedUnhandled {
    number: u64,
    _thread: std::marker::PhantomData<*mut ()>,
}

impl CapturedUnhandled {
    /// The failures since the last call, oldest first.
    pub fn take(&self) -> Vec<Unhandled> {
        CAPTURED.with_borrow_mut(|captured| {
            let mut guards = captured.guards.iter_mut();
            let own = guards.find(|(number, _)| *number == self.number);
            own.map(|(_, failures)| mem::take(failures))
                .unwrap_or_default()
        })
    }
}

impl Drop for CapturedUnhandled {
    fn drop(&mut self) {
        let left = self.take();
        CAPTURED.with_borrow_mut(|captured| {
            captured.guards.retain(|(number, _)| *number != self.number);
        });
        for unhandled in left {
            report(unhandled.origin, unhandled.failure);
        }
    }
}

/// Has a test fail if a failure of this thread stays unhandled: the guard panics with all that nobody
/// [took](DenyUnhandled::take) when it is dropped.
///
/// It collects as [`capture_unhandled`] does, and mirrors Twisted's trial, which fails a test that logs
/// an error. If the test panics anyway, the failures are passed on, as is done without the guard. Failures
/// of other threads are not seen: in a test with a `MemoryReactor` there are none, because its jobs run
/// on the test's thread.
///
/// A failure is unhandled when the last that leads to its Deferred is dropped. So make the guard first:
/// what is made after it is dropped before it.
///
/// ```should_panic
/// let _unhandled = deferrous::deny_unhandled();
/// drop(deferrous::fail::<()>(std::fmt::Error));
/// ```
#[track_caller]
pub fn deny_unhandled() -> DenyUnhandled {
    DenyUnhandled {
        captured: capture_unhandled(),
        made_at: Location::caller(),
    }
}

/// What [`deny_unhandled`] returns: panics when it is dropped if failures were left unhandled.
#[must_use = "failures are denied only while this guard lives"]
#[derive(Debug)]
pub struct DenyUnhandled {
    captured: CapturedUnhandled,
    made_at: &'static Location<'static>,
}

impl DenyUnhandled {
    /// The failures since the last call, oldest first, which the test has expected; Twisted's
    /// `flushLoggedErrors`.
    ///
    /// ```
    /// let unhandled = deferrous::deny_unhandled();
    /// drop(deferrous::fail::<()>(std::fmt::Error));
    /// assert!(unhandled.take()[0].failure.check::<std::fmt::Error>());
    /// ```
    pub fn take(&self) -> Vec<Unhandled> {
        self.captured.take()
    }
}

impl Drop for DenyUnhandled {
    fn drop(&mut self) {
        // A second panic would end the process, and hide the first.
        if thread::panicking() {
            return;
        }
        let left = self.take();
        if !left.is_empty() {
            let lines: String = left.iter().map(|each| format!("\n  {each}")).collect();
            panic!("unhandled failures, denied at {}:{lines}", self.made_at);
        }
    }
}

/// Reports a failure that nobody handled.
#[cold]
pub(crate) fn report(origin: Origin, failure: Failure) {
    let mut unhandled = Some(Unhandled { origin, failure });
    // A thread that is ending may have lost its capture already; then the handler gets the failure.
    let _ = CAPTURED.try_with(|captured| {
        if let Some((_, innermost)) = captured.borrow_mut().guards.last_mut() {
            innermost.extend(unhandled.take());
        }
    });
    let Some(unhandled) = unhandled else { return };
    let handler = HANDLER
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let reported = catch_unwind(AssertUnwindSafe(|| match handler {
        Some(handler) => handler(unhandled),
        None => write(&unhandled),
    }));
    if let Err(panic) = reported {
        let failure = Failure::from_panic(panic);
        write_to_stderr(&format!("{origin}, and reporting it panicked: {failure}"));
    }
}

/// Drops what belongs to the program, and reports a destructor that panics as a failure of
/// `origin`.
pub(crate) fn drop_reporting<T>(origin: Origin, value: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        report(origin, Failure::from_panic(panic));
    }
}

fn write(unhandled: &Unhandled) {
    #[cfg(feature = "tracing")]
    if !tracing::dispatcher::get_default(|d| d.is::<tracing::subscriber::NoSubscriber>()) {
        tracing::error!(
            origin = ?unhandled.origin,
            failure = ?unhandled.failure,
            "{unhandled}"
        );
        return;
    }
    write_to_stderr(&format!("{}\n{:?}", unhandled.origin, unhandled.failure));
}

/// Does not panic where standard error is closed, since this may be called from a destructor.
fn write_to_stderr(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
