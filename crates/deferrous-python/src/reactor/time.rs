//! `callLater` and what is due.

use std::ffi::CStr;

use pyo3::{
    exceptions::PyAssertionError,
    prelude::*,
    types::{PyFloat, PyInt, PyList},
};

use super::{
    class::Reactor,
    clock::read,
    delayed::debugging,
    names::names,
    state::{DelayedCall, EventLoop},
    support::{Occasion, report_error, support},
};
use crate::{
    interp::{Arguments, FastMethod, Task, bind_leading, fallible, forget},
    metrics::{LAG, nanos, turns},
    stalls,
    waiting::{deadline, time_of},
};

/// The longest that a reactor sleeps, in seconds: as many milliseconds as an `int` of C holds, which is
/// what programs may see from `timeout()` of Twisted's reactors.
const LONGEST: f64 = 2_147_483.0;

/// `callLater(delay, callable, *args, **kw)`.
pub struct CallLater;

impl FastMethod for CallLater {
    type Class = PyAny;
    const NAME: &'static CStr = c"callLater";
    const DOC: &'static CStr = c"callLater($self, delay, callable, /, *args, **kw)
--

Call a function later.

Args:
    delay: after how many seconds, at least 0.
    callable: the function.
    args, kw: what it is called with. An error that it raises is logged, and the reactor goes on.

Returns:
    the DelayedCall, by which the call can be cancelled, reset or delayed.

Raises:
    AssertionError: the delay is negative.

Only the thread that runs the reactor may call it; others use `callFromThread`.";

    fn call<'py>(
        owner: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = owner.py();
        let reactor = Reactor::of(owner)?;
        let event_loop = reactor.event_loop()?;
        let parameters = ["delay", "callable"];
        let ([delay, callable], rest) =
            bind_leading(py, "ReactorBase.callLater", parameters, arguments)?;
        let delay = check_delay(&delay)?;
        let seconds = reactor.seconds()?;
        let time = read(&seconds)? + delay;
        let task = Task::new(callable, rest);
        let call = DelayedCall::new(py, time, task, &event_loop, seconds)?;
        call.get().record.note(py);
        if debugging(py)? {
            let creator = support().format_creator.bind(py).call0()?;
            call.setattr(names(py).creator.bind(py), creator)?;
        }
        let waiting = call.clone().unbind();
        event_loop
            .get()
            .with(py, |parts| parts.new_timed.push(waiting))?;
        Ok(call.into_any())
    }
}

/// The delay, in seconds, which has to be at least 0.
fn check_delay(delay: &Bound<'_, PyAny>) -> PyResult<f64> {
    if let Ok(delay) = delay.cast_exact::<PyFloat>() {
        if delay.value() >= 0.0 {
            return Ok(delay.value());
        }
    } else if let Some(delay) = small_int(delay) {
        return Ok(delay);
    } else if delay.ge(0)? {
        return delay.extract();
    }
    let after = " is not greater than or equal to 0 seconds";
    Err(fallible::error_around::<PyAssertionError>(
        "",
        &delay.str()?,
        after,
    ))
}

/// The value of a small `int` that is at least 0, for which Python need not compare anything.
fn small_int(object: &Bound<'_, PyAny>) -> Option<f64> {
    if !object.is_exact_instance_of::<PyInt>() {
        return None;
    }
    match object.extract::<u32>() {
        Ok(value) => Some(value.into()),
        Err(error) => {
            forget(object.py(), error);
            None
        }
    }
}

/// `getDelayedCalls()`.
pub fn delayed_calls<'py>(reactor: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = reactor.py();
    let event_loop = Reactor::of(reactor)?.event_loop()?;
    let calls: Vec<_> = event_loop.get().with(py, |parts| {
        let all = parts.timed.iter().chain(&parts.new_timed);
        all.filter(|call| !call.get().is_cancelled(py))
            .map(|call| call.bind(py).clone())
            .collect()
    })?;
    fallible::list_of(py, calls)
}

/// Puts the calls that were set since the last time among those that wait.
fn insert_new(py: Python<'_>, event_loop: &EventLoop) -> PyResult<()> {
    let cancelled: Vec<_> = event_loop.with(py, |parts| {
        let mut cancelled = Vec::new();
        if parts.new_timed.is_empty() {
            return cancelled;
        }
        for call in parts.new_timed.drain(..) {
            if call.get().is_cancelled(py) {
                cancelled.push(call.into_bound(py));
            } else {
                DelayedCall::insert(call, py, &mut parts.timed);
            }
        }
        // There may have been a great many.
        parts.new_timed.shrink_to(KEPT);
        cancelled
    })?;
    drop(cancelled);
    Ok(())
}

/// The room that is kept for new calls.
const KEPT: usize = 1024;

/// How long until the first call is due, in seconds.
pub fn next(reactor: &Reactor<'_, '_>, event_loop: &EventLoop) -> PyResult<Option<f64>> {
    let py = reactor.object.py();
    insert_new(py, event_loop)?;
    let first = event_loop.with(py, |parts| parts.timed.next_deadline())?;
    let Some(first) = first else {
        return Ok(None);
    };
    let left = time_of(first) - read(&reactor.seconds()?)?;
    // If it is no number, the first call is never due.
    let left = if left.is_nan() { LONGEST } else { left };
    Ok(Some(left.clamp(0.0, LONGEST)))
}

/// `timeout()`.
pub fn timeout<'py>(reactor: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = reactor.py();
    let reactor = Reactor::of(reactor)?;
    match next(&reactor, reactor.event_loop()?.get())? {
        Some(seconds) => fallible::float(py, seconds),
        None => Ok(py.None().into_bound(py)),
    }
}

/// Counts how late a call is made.
#[cold]
fn count_lag(call: &Bound<'_, DelayedCall>, now: f64) {
    let lag = now - time_of(call.get().deadline(call.py()));
    if !call.get().was_delayed(call.py()) && !call.get().is_cancelled(call.py()) {
        LAG.count(nanos(lag));
    }
}

/// Makes the calls that are due.
pub fn run_due(reactor: &Reactor<'_, '_>, event_loop: &EventLoop) -> PyResult<()> {
    let py = reactor.object.py();
    insert_new(py, event_loop)?;
    if event_loop.with(py, |parts| parts.timed.is_empty())? {
        return Ok(());
    }
    let now = read(&reactor.seconds()?)?;
    if now.is_nan() {
        return Ok(());
    }
    while let Some(call) = event_loop.with(py, |parts| parts.timed.pop(deadline(now)))? {
        let call = call.into_bound(py);
        if turns::are_timed() {
            count_lag(&call, now);
        }
        if call.get().was_delayed(py) {
            let call = call.unbind();
            event_loop.with(py, |parts| DelayedCall::insert(call, py, &mut parts.timed))?;
            continue;
        }
        if let Err(error) = call.get().run(py) {
            let creator = call.getattr(names(py).creator.bind(py)).ok();
            report_error(py, error, Occasion::TimedCall, creator.as_ref());
        }
        stalls::called(&call);
    }
    Ok(())
}
