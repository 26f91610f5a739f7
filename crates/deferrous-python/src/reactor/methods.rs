//! The methods of a reactor, which its class inherits.

use std::os::fd::RawFd;

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyDict, PyList, PyTuple},
};

use super::{
    class::{Reactor, own_event_loop},
    descriptors::{Direction, fileno, io_error},
    readiness,
    state::EventLoop,
    thread_calls, time, turn,
};
use crate::{
    interp::fallible,
    transport::{flushed_descriptor, forget},
};

/// What of a reactor is in Rust. Its event loop is the attribute _loop.
#[pyclass(frozen, subclass, module = "deferrous._core")]
pub struct ReactorMethods;

#[pymethods]
impl ReactorMethods {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    const fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        ReactorMethods
    }

    /// Make the calls that other threads have asked for, and those that are due.
    #[pyo3(name = "runUntilCurrent")]
    fn run_until_current(slf: &Bound<'_, Self>) -> PyResult<()> {
        turn::run_until_current(slf)
    }

    /// Wait for events for up to delay seconds (None: for as long as it takes), and handle them.
    #[pyo3(name = "doIteration")]
    fn do_iteration(slf: &Bound<'_, Self>, delay: &Bound<'_, PyAny>) -> PyResult<()> {
        turn::do_iteration(slf, delay.extract()?)
    }

    /// The main loop.
    #[pyo3(name = "_turnUntilStopped")]
    fn turn_until_stopped(slf: &Bound<'_, Self>) -> PyResult<()> {
        turn::until_stopped(slf)
    }

    /// The delayed calls that are still to be made, as a list in no order.
    #[pyo3(name = "getDelayedCalls")]
    fn get_delayed_calls<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        time::delayed_calls(slf)
    }

    /// How long the reactor may sleep, in seconds; None if nothing is to be called later.
    fn timeout<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        time::timeout(slf)
    }

    /// Have the reactor return from its wait. Any thread may call it.
    #[pyo3(name = "wakeUp")]
    fn wake_up(slf: &Bound<'_, Self>) -> PyResult<()> {
        thread_calls::wake_up(slf)
    }

    /// Have a selectable read or write, and disconnect it if that fails.
    #[pyo3(name = "_doReadOrWrite")]
    fn do_read_or_write(
        slf: &Bound<'_, Self>,
        selectable: &Bound<'_, PyAny>,
        fd: &Bound<'_, PyAny>,
        event: isize,
    ) -> PyResult<()> {
        readiness::do_read_or_write(slf, selectable, fd, event)
    }

    /// Call the reader's doRead whenever there is something to read.
    #[pyo3(name = "addReader")]
    fn add_reader(slf: &Bound<'_, Self>, reader: &Bound<'_, PyAny>) -> PyResult<()> {
        add(slf, reader, Direction::Read)
    }

    /// Call the writer's doWrite whenever there is room to write.
    #[pyo3(name = "addWriter")]
    fn add_writer(slf: &Bound<'_, Self>, writer: &Bound<'_, PyAny>) -> PyResult<()> {
        add(slf, writer, Direction::Write)
    }

    /// Do not call the reader's doRead any more.
    #[pyo3(name = "removeReader")]
    fn remove_reader(slf: &Bound<'_, Self>, reader: &Bound<'_, PyAny>) -> PyResult<()> {
        remove(slf, reader, Direction::Read)
    }

    /// Do not call the writer's doWrite any more.
    #[pyo3(name = "removeWriter")]
    fn remove_writer(slf: &Bound<'_, Self>, writer: &Bound<'_, PyAny>) -> PyResult<()> {
        remove(slf, writer, Direction::Write)
    }

    /// The readers, as a list.
    #[pyo3(name = "getReaders")]
    fn get_readers<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        selectables(slf, Direction::Read)
    }

    /// The writers, as a list.
    #[pyo3(name = "getWriters")]
    fn get_writers<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        selectables(slf, Direction::Write)
    }
}

fn event_loop<'py>(reactor: &Bound<'py, PyAny>) -> PyResult<Bound<'py, EventLoop>> {
    Reactor::of(reactor)?.event_loop()
}

fn add(
    reactor: &Bound<'_, PyAny>,
    selectable: &Bound<'_, PyAny>,
    direction: Direction,
) -> PyResult<()> {
    let event_loop = event_loop(reactor)?;
    let flushed = match direction {
        Direction::Read => None,
        Direction::Write => flushed_descriptor(selectable),
    };
    let fd = match flushed {
        Some(fd) => fd,
        None => fileno(selectable)?,
    };
    if fd < 0 {
        let text = format!("file descriptor cannot be a negative integer ({fd})");
        return Err(fallible::error::<PyValueError>(reactor.py(), &text));
    }
    add_descriptor(&event_loop, fd, selectable, direction, flushed.is_some())
}

fn add_descriptor(
    event_loop: &Bound<'_, EventLoop>,
    fd: RawFd,
    selectable: &Bound<'_, PyAny>,
    direction: Direction,
    unsent: bool,
) -> PyResult<()> {
    let py = event_loop.py();
    // Another thread adds it while the reactor waits. Twisted's reactors learn of it at once.
    let at_once = event_loop.get().waits.get(py);
    let added = event_loop.get().with(py, |parts| {
        if unsent && !at_once && parts.descriptors.begin_unsent(fd, selectable) {
            return Ok((Ok(None), Ok(())));
        }
        let waiter = parts.waiter(&event_loop.get().queue)?;
        let descriptors = &mut parts.descriptors;
        let added = descriptors.add(waiter.poller(), fd, selectable, direction, unsent);
        let told = match at_once && direction == Direction::Write {
            true => descriptors.wait_for_room(waiter.poller(), fd, selectable),
            false => Ok(()),
        };
        // What is taken out may end by code of the program, and so not in here.
        Ok((added, told))
    })?;
    let result = added.and_then(|(added, told)| added.map(drop).and(told));
    result.map_err(|error| io_error(py, &error))
}

/// `reactor.addWriter(stream)`, if nobody has replaced that. What the stream writes to its descriptor `fd` can be sent at
/// once.
#[inline]
pub fn add_writer(
    reactor: &Bound<'_, PyAny>,
    stream: &Bound<'_, PyAny>,
    fd: RawFd,
) -> Option<PyResult<()>> {
    let event_loop = match own_event_loop(reactor) {
        Some(event_loop) => event_loop,
        None => {
            let reactor = Reactor::of(reactor).ok()?;
            let adds_by_itself = reactor.adds_writers_by_itself();
            adds_by_itself.then(|| reactor.event_loop().ok())??
        }
    };
    Some(add_descriptor(
        &event_loop,
        fd,
        stream,
        Direction::Write,
        true,
    ))
}

fn remove(
    reactor: &Bound<'_, PyAny>,
    selectable: &Bound<'_, PyAny>,
    direction: Direction,
) -> PyResult<()> {
    let (py, event_loop) = (reactor.py(), event_loop(reactor)?);
    let always = event_loop.get().with(py, |parts| {
        parts.descriptors.remove_always_ready(selectable, direction)
    })?;
    if always.is_some() {
        return Ok(());
    }
    let fd = fileno(selectable)?;
    let removed = event_loop.get().with(py, |parts| {
        let waiter = parts.waiter(&event_loop.get().queue)?;
        let descriptors = &mut parts.descriptors;
        let removed = descriptors.remove(waiter.poller(), fd, selectable, direction);
        Ok((removed, descriptors.has(fd)))
    })?;
    let (removed, is_left) = removed.map_err(|error| io_error(py, &error))?;
    drop(removed);
    if !is_left {
        forget(selectable);
    }
    Ok(())
}

fn selectables<'py>(
    reactor: &Bound<'py, PyAny>,
    direction: Direction,
) -> PyResult<Bound<'py, PyList>> {
    let (py, event_loop) = (reactor.py(), event_loop(reactor)?);
    let found = event_loop
        .get()
        .with(py, |parts| parts.descriptors.selectables(py, direction))?;
    fallible::list_of(py, found)
}
