//! The loop: one turn after the other, from the start of the reactor to its end.

use std::{collections::VecDeque, time::Duration};

use pyo3::prelude::*;

use super::{
    class::Reactor,
    descriptors::io_error,
    names::names,
    polling, readiness,
    ready::ReadyEvent,
    state::EventLoop,
    support::{Occasion, report_error, support},
    thread_calls, time, unsent,
    wait::Wait,
};
use crate::{
    metrics::turns,
    stalls::{self, Kind},
};

/// `runUntilCurrent()`.
pub fn run_until_current(reactor: &Bound<'_, PyAny>) -> PyResult<()> {
    let reactor = Reactor::of(reactor)?;
    make_calls(&reactor, &reactor.event_loop()?)
}

/// Makes the calls that other threads have asked for, and those that are due.
fn make_calls(reactor: &Reactor<'_, '_>, event_loop: &Bound<'_, EventLoop>) -> PyResult<()> {
    let py = event_loop.py();
    stalls::turn_to(Kind::ThreadCalls);
    thread_calls::handle_all(py, event_loop.get());
    if !event_loop.get().queue.is_empty() && !reactor.wakes_by_itself(event_loop.get()) {
        // The next turn is to come soon, which is not known to whatever is in our waker's place.
        reactor.object.call_method0(names(py).wake_up.bind(py))?;
    }
    stalls::turn_to(Kind::Timers);
    time::run_due(reactor, event_loop.get())?;
    let just_stopped = names(py).just_stopped.bind(py);
    if reactor.get(just_stopped)?.is_truthy()? {
        reactor.object.setattr(just_stopped, false)?;
        let shutdown = names(py).shutdown.bind(py);
        reactor
            .object
            .call_method1(names(py).fire_system_event.bind(py), (shutdown,))?;
    }
    Ok(())
}

/// `doIteration(delay)`.
pub fn do_iteration(reactor: &Bound<'_, PyAny>, delay: Option<f64>) -> PyResult<()> {
    let event_loop = Reactor::of(reactor)?.event_loop()?;
    iterate(reactor, &event_loop, polling::delay(delay))
}

/// Sends what was written, waits for events for up to `delay`, and handles them.
fn iterate(
    reactor: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, EventLoop>,
    delay: Option<Duration>,
) -> PyResult<()> {
    let (py, parts) = (reactor.py(), event_loop.get());
    stalls::turn_to(Kind::Sending);
    let delay = match unsent::send_all(reactor, event_loop)? {
        // It may have set a call that is due before.
        true => Some(Duration::ZERO),
        false => delay,
    };
    let waited = parts.waits.replace(py, true);
    let earlier = wait(event_loop, delay);
    parts.waits.set(py, waited);
    let earlier = earlier?;
    if earlier.is_some() {
        drop(earlier);
        stalls::turn_to(Kind::Descriptors);
        readiness::dispatch(reactor, event_loop)?;
    }
    Ok(())
}

/// Waits for events for up to `delay`. Returns what is left of earlier ones, to be dropped when everything is in order, if
/// there are events to handle.
fn wait(
    event_loop: &Bound<'_, EventLoop>,
    delay: Option<Duration>,
) -> PyResult<Option<VecDeque<ReadyEvent>>> {
    let (py, parts) = (event_loop.py(), event_loop.get());
    match parts.replaced_poller(py) {
        None => {
            let (wait, registrations) = parts.with(py, |parts| {
                (
                    Wait::prepare(py, event_loop.get(), parts),
                    parts.descriptors.registrations(),
                )
            })?;
            let mut wait = wait.map_err(|error| io_error(py, &error))?;
            wait.wait(py, delay)?;
            parts.with(py, |parts| {
                let mut told = polling::told(wait.events.get()).peekable();
                let idle = told.peek().is_none() && parts.has_no_events();
                let earlier = (!idle).then(|| {
                    let ready = &mut parts.ready;
                    ready.refill(py, told, &parts.descriptors, registrations)
                });
                parts.events = Some(wait.events);
                earlier
            })
        }
        Some(poller) => {
            let registrations = parts.with(py, |parts| parts.descriptors.registrations())?;
            let told = turns::between(|| polling::poll_by_name(parts, &poller, delay))?.into_iter();
            parts
                .with(py, |parts| {
                    let ready = &mut parts.ready;
                    ready.refill(py, told, &parts.descriptors, registrations)
                })
                .map(Some)
        }
    }
}

/// `_turnUntilStopped()`.
pub fn until_stopped(object: &Bound<'_, PyAny>) -> PyResult<()> {
    stalls::begin_loop(object.py())?;
    turns::of_loop(|| turn_until_stopped(object))
}

fn turn_until_stopped(object: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = object.py();
    loop {
        let reactor = Reactor::of(object)?;
        if !reactor.get(names(py).started.bind(py))?.is_truthy()? {
            return Ok(());
        }
        let turned = if reactor.turns_are_ours() {
            turn(&reactor)
        } else {
            turn_by_methods(object)
        };
        if let Err(error) = turned {
            report_error(py, error, Occasion::MainLoop, None);
        }
    }
}

/// One turn.
fn turn(reactor: &Reactor<'_, '_>) -> PyResult<()> {
    let event_loop = reactor.event_loop()?;
    let (py, frames) = (event_loop.py(), &support().frames);
    make_calls(reactor, &event_loop)
        .map_err(|error| frames.run_until_current.through(py, error))?;
    let next =
        time::next(reactor, event_loop.get()).map_err(|error| frames.timeout.through(py, error))?;
    // A reactor that was stopped does not wait any more.
    let delay = if reactor.get(names(py).running.bind(py))?.is_truthy()? {
        // A clock that says nothing sensible keeps nobody waiting.
        next.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default())
    } else {
        Some(Duration::ZERO)
    };
    iterate(reactor.object, &event_loop, delay)
        .map_err(|error| frames.do_iteration.through(py, error))
}

/// One turn, where a class or a program has replaced a part of it.
#[cold]
fn turn_by_methods(reactor: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, frames) = (reactor.py(), &support().frames);
    reactor
        .call_method0(names(py).run_until_current.bind(py))
        .map_err(|error| frames.run_until_current.through(py, error))?;
    let timeout = reactor
        .call_method0(names(py).timeout.bind(py))
        .map_err(|error| frames.timeout.through(py, error))?;
    let running = reactor.getattr(names(py).running.bind(py))?;
    let delay = if running.is_truthy()? {
        timeout
    } else {
        running
    };
    reactor
        .call_method1(names(py).do_iteration.bind(py), (delay,))
        .map_err(|error| frames.do_iteration.through(py, error))?;
    Ok(())
}
