//! A turn of the loop, and one after the other until it is stopped.

use std::time::Duration;

use deferrous::event_loop::Events;
use pyo3::prelude::*;

use super::{
    clock,
    descriptors::Direction,
    hooks::{self, EVENTS, RUN_ONCE},
    names::names,
    state::{Handle, LoopCore, TimerHandle},
    support::support,
    watching,
};
use crate::{
    interp::{EventRoom, fallible, fallible::io_error},
    waiting::{self, deadline, time_of},
};

/// The longest wait, in seconds.
const LONGEST: f64 = 24.0 * 3600.0;

/// `_run_once()`: waits for events, and runs the handles that are ready then.
pub fn run_once(event_loop: &Bound<'_, LoopCore>) -> PyResult<()> {
    let (py, core) = (event_loop.py(), event_loop.get());
    let delay = delay(event_loop)?;
    if core.has_own_selector(py) && hooks::replaced(event_loop) & EVENTS == 0 {
        wait(event_loop, delay)?;
    } else {
        wait_by_selector(event_loop, delay)?;
    }
    collect_due(event_loop)?;
    run_ready(event_loop)
}

/// Turns until the loop is stopped.
pub fn until_stopped(event_loop: &Bound<'_, LoopCore>) -> PyResult<()> {
    let (py, core) = (event_loop.py(), event_loop.get());
    loop {
        if hooks::replaced(event_loop) & RUN_ONCE == 0 {
            run_once(event_loop)?;
        } else {
            event_loop.call_method0(names(py).run_once.bind(py))?;
        }
        if core.stopping.get(py) {
            return Ok(());
        }
    }
}

/// How long to wait for events, in seconds; `None` is for ever.
fn delay(event_loop: &Bound<'_, LoopCore>) -> PyResult<Option<f64>> {
    let (py, core) = (event_loop.py(), event_loop.get());
    if core.stopping.get(py) || core.ready.get().len(py) > 0 {
        return Ok(Some(0.0));
    }
    let Some(first) = core.with(py, |parts| parts.timers.next_deadline())? else {
        return Ok(None);
    };
    let left = time_of(first) - clock::now(event_loop)?;
    // A timer whose time is not a number is due.
    Ok(Some(if left > 0.0 { left.min(LONGEST) } else { 0.0 }))
}

/// Waits, and adds the handles of what has happened to those that are ready.
fn wait(event_loop: &Bound<'_, LoopCore>, delay: Option<f64>) -> PyResult<()> {
    let mut events = poll(event_loop, delay)?;
    let dispatched = dispatch(event_loop, events.get_mut());
    let (py, core) = (event_loop.py(), event_loop.get());
    core.with(py, |parts| parts.events = Some(events))?;
    dispatched
}

/// Waits for events for up to `delay` seconds.
pub fn poll(event_loop: &Bound<'_, LoopCore>, delay: Option<f64>) -> PyResult<EventRoom> {
    let (py, core) = (event_loop.py(), event_loop.get());
    let (waiter, mut events) = core.with(py, |parts| {
        let waiter = core.waiter(parts);
        (waiter, parts.events.take().unwrap_or_else(EventRoom::new))
    })?;
    let waiter = waiter.map_err(|error| io_error(py, &error))?;
    let delay = delay.map(|delay| Duration::try_from_secs_f64(delay).unwrap_or_default());
    let waited_before = core.waits.replace(py, true);
    let waited = waiting::wait(py, delay, || waiter.wait(events.get_mut(), delay));
    core.waits.set(py, waited_before);
    waited?;
    Ok(events)
}

/// Adds the handles of events to those that are ready.
fn dispatch(event_loop: &Bound<'_, LoopCore>, events: &Events) -> PyResult<()> {
    let (py, core) = (event_loop.py(), event_loop.get());
    for event in events.iter() {
        let Ok(fd) = i32::try_from(event.key) else {
            continue;
        };
        let found = core.with(py, |parts| {
            let watched = parts.descriptors.get(fd)?;
            let reads = (event.readable || event.failed) && watched.interest.readable;
            let writes = (event.writable || event.failed) && watched.interest.writable;
            let handle = |wanted: bool, handle: &Option<Py<PyAny>>| {
                let handle = handle.as_ref().filter(|_| wanted);
                handle.map(|handle| handle.bind(py).clone())
            };
            Some((
                handle(reads, &watched.reader),
                handle(writes, &watched.writer),
            ))
        })?;
        let Some((reader, writer)) = found else {
            continue;
        };
        add_ready(event_loop, fd, reader, Direction::Read)?;
        add_ready(event_loop, fd, writer, Direction::Write)?;
    }
    Ok(())
}

/// Adds a handle to those that are ready; if it was cancelled, it is taken off its descriptor.
fn add_ready<'py>(
    event_loop: &Bound<'py, LoopCore>,
    fd: i32,
    handle: Option<Bound<'py, PyAny>>,
    direction: Direction,
) -> PyResult<()> {
    let py = event_loop.py();
    let Some(handle) = handle else { return Ok(()) };
    if is_cancelled(&handle)? {
        let fd = fallible::int(py, fd.unsigned_abs() as usize)?;
        return watching::remove(event_loop, &fd, direction).map(drop);
    }
    event_loop.get().ready.get().push(py, handle);
    Ok(())
}

/// Waits with what a program has put in the place of the selector, or of what handles its events.
#[cold]
fn wait_by_selector(event_loop: &Bound<'_, LoopCore>, delay: Option<f64>) -> PyResult<()> {
    let (py, core) = (event_loop.py(), event_loop.get());
    let selector = core.selector(py);
    let selector = selector.unwrap_or_else(|| py.None().into_bound(py));
    let delay = match delay {
        Some(delay) => fallible::float(py, delay)?,
        None => py.None().into_bound(py),
    };
    let events = selector.call_method1(names(py).select.bind(py), (delay,))?;
    event_loop.call_method1(names(py).process_events.bind(py), (events,))?;
    Ok(())
}

/// Adds the timers that are due to the handles that are ready.
fn collect_due(event_loop: &Bound<'_, LoopCore>) -> PyResult<()> {
    let (py, core) = (event_loop.py(), event_loop.get());
    if core.with(py, |parts| parts.timers.is_empty())? {
        return Ok(());
    }
    let end = clock::now(event_loop)? + core.resolution.get(py);
    // A timer is due if its time is before the end.
    let last = deadline(end).saturating_sub(1);
    while let Some(timer) = core.with(py, |parts| parts.timers.pop(last))? {
        let timer = timer.into_bound(py);
        timer.get().end_wait(py);
        core.ready.get().push(py, timer.into_any());
    }
    Ok(())
}

/// Runs the handles that are ready now. Those that they add wait for the next turn.
fn run_ready(event_loop: &Bound<'_, LoopCore>) -> PyResult<()> {
    let (py, core) = (event_loop.py(), event_loop.get());
    let ready = core.ready.get();
    for _ in 0..ready.len(py) {
        let Some(handle) = ready.pop(py) else {
            break;
        };
        if core.debug.get(py) {
            run_debugging(event_loop, &handle)?;
        } else {
            run(&handle)?;
        }
    }
    Ok(())
}

/// Runs a handle of any kind, unless it was cancelled.
#[inline(always)]
fn run(handle: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(own) = handle.cast_exact::<Handle>() {
        return own.get().call.run(handle);
    }
    if let Ok(own) = handle.cast_exact::<TimerHandle>() {
        return own.get().call.run(handle);
    }
    if is_cancelled(handle)? {
        return Ok(());
    }
    let py = handle.py();
    handle.call_method0(names(py).run_handle.bind(py)).map(drop)
}

fn is_cancelled(handle: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = handle.py();
    if let Ok(own) = handle.cast_exact::<Handle>() {
        return Ok(own.get().call.is_cancelled(py));
    }
    handle.getattr(names(py).cancelled.bind(py))?.is_truthy()
}

/// Runs a handle, and has it logged if that took long. It is the loop's current handle meanwhile.
#[cold]
fn run_debugging(event_loop: &Bound<'_, LoopCore>, handle: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, core) = (event_loop.py(), event_loop.get());
    if is_cancelled(handle)? {
        return Ok(());
    }
    core.current_handle.set(py, Some(handle.clone().unbind()));
    let timed = || {
        let began = clock::now(event_loop)?;
        run(handle)?;
        let took = fallible::float(py, clock::now(event_loop)? - began)?;
        let was_slow = support(py)?.was_slow.bind(py);
        was_slow.call1((event_loop, handle, took)).map(drop)
    };
    let result = timed();
    drop(core.current_handle.take(py));
    result
}
