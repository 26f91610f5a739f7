//! Handling what happens to descriptors: `doRead`, `doWrite`, and the end of a connection.

use std::os::fd::RawFd;

use pyo3::{exceptions::PyKeyboardInterrupt, prelude::*};

use super::{
    class::Reactor,
    descriptors::fileno,
    early_send::send_early,
    names::names,
    ready::{FAILED, IN, OUT},
    state::EventLoop,
    support::{Occasion, report_error, support},
};
use crate::{
    failure,
    interp::fallible,
    stalls,
    transport::{Logging, Reading},
};

/// Has the selectables read and write that events are for. One may be removed by another, or its descriptor be
/// used by a new one: the event is then passed over.
pub fn dispatch(reactor: &Bound<'_, PyAny>, event_loop: &Bound<'_, EventLoop>) -> PyResult<()> {
    let py = reactor.py();
    let reads_streams = Reactor::of(reactor)?.handles_events_by_itself();
    let next = || {
        event_loop
            .get()
            .with(py, |parts| parts.ready.pop(py, &parts.descriptors))
    };
    while let Some((event, selectable)) = next()? {
        let Some(selectable) = selectable else {
            continue;
        };
        let only_reads = event.flags & (IN | OUT) == IN;
        if !(reads_streams
            && only_reads
            && read_stream(reactor, event_loop, &selectable, event.fd)?)
        {
            handle(reactor, &selectable, event.fd, event.flags)?;
        }
        stalls::called(&selectable);
    }
    Ok(())
}

/// Reads a stream, if that can be done without its methods. Returns whether it could.
fn read_stream(
    reactor: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, EventLoop>,
    selectable: &Bound<'_, PyAny>,
    fd: RawFd,
) -> PyResult<bool> {
    let (py, parts) = (reactor.py(), event_loop.get());
    let Some(reading) = Reading::of(selectable) else {
        return Ok(false);
    };
    let Some(mut logging) = Logging::of_thread(py, parts.logging.take(py)) else {
        return Ok(false);
    };
    let Some(prefix) = logging.enter(&reading.stream) else {
        parts.logging.set(py, Some(logging));
        return Ok(false);
    };
    let ended = match reading.read() {
        Ok(None) => send_early(reactor, event_loop, fd, selectable),
        Ok(Some(why)) => end(reactor, selectable, Ok(why), true),
        Err(error) => {
            let error = support().frames.do_read.through(py, error);
            end(reactor, selectable, Err(error), false)
        }
    };
    let left = logging.leave(py);
    parts.logging.set(py, Some(logging));
    left?;
    match ended {
        Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => Err(error),
        Err(error) => {
            report_error(py, error, Occasion::Selectable, Some(&prefix));
            Ok(true)
        }
        Ok(()) => Ok(true),
    }
}

/// Handles one event, with the selectable's prefix on all that is logged.
pub fn handle(
    reactor: &Bound<'_, PyAny>,
    selectable: &Bound<'_, PyAny>,
    fd: RawFd,
    flags: isize,
) -> PyResult<()> {
    let py = reactor.py();
    let logged = support()
        .log
        .bind(py)
        .getattr(names(py).call_with_logger.bind(py))?;
    let method = reactor.getattr(names(py).do_read_or_write.bind(py))?;
    let fd = fallible::int(py, fd.unsigned_abs() as usize)?;
    let flags = fallible::int(py, flags.cast_unsigned())?;
    logged.call1((selectable, method, selectable, fd, flags))?;
    Ok(())
}

/// `_doReadOrWrite(selectable, fd, event)`.
pub fn do_read_or_write(
    reactor: &Bound<'_, PyAny>,
    selectable: &Bound<'_, PyAny>,
    fd: &Bound<'_, PyAny>,
    event: isize,
) -> PyResult<()> {
    let (py, support) = (reactor.py(), support());
    if event & FAILED != 0 && event & IN == 0 {
        // Whoever reads has read all there was, and sees a clean end.
        let fd = RawFd::try_from(fd.extract::<i64>()?).unwrap_or(-1);
        let event_loop = Reactor::of(reactor)?.event_loop()?;
        let reads = event_loop
            .get()
            .with(py, |parts| parts.descriptors.is_reading(fd))?;
        let why = if reads {
            &support.connection_done
        } else {
            &support.connection_lost
        };
        return end(reactor, selectable, Ok(why.bind(py).clone()), reads);
    }
    let mut in_read = false;
    let why = read_and_write(selectable, event, &mut in_read);
    end(reactor, selectable, why, in_read)
}

/// Disconnects a selectable if `why`, which its method has returned, says so; or logs what its method has raised, and
/// disconnects it.
fn end<'py>(
    reactor: &Bound<'py, PyAny>,
    selectable: &Bound<'py, PyAny>,
    why: PyResult<Bound<'py, PyAny>>,
    in_read: bool,
) -> PyResult<()> {
    let (py, support) = (reactor.py(), support());
    let why = why.unwrap_or_else(|error| {
        let exception = failure::exception_of(py, error).into_any();
        let error = PyErr::from_value(exception.clone());
        report_error(py, error, Occasion::Elsewhere, None);
        exception
    });
    if why.is_truthy()? {
        reactor
            .call_method1(
                names(py).disconnect_selectable.bind(py),
                (selectable, why, in_read),
            )
            .map_err(|error| support.frames.disconnect.through(py, error))?;
    }
    Ok(())
}

/// Has the selectable do what the event is for, and notes whether it reads.
///
/// Returns why it is to be disconnected, or something that is not true.
fn read_and_write<'py>(
    selectable: &Bound<'py, PyAny>,
    event: isize,
    in_read: &mut bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, support) = (selectable.py(), support());
    if fileno(selectable)? == -1 {
        return Ok(support.no_descriptor.bind(py).clone());
    }
    let mut why = py.None().into_bound(py);
    if event & IN != 0 {
        why = selectable
            .call_method0(names(py).do_read.bind(py))
            .map_err(|error| support.frames.do_read.through(py, error))?;
        *in_read = true;
    }
    if event & OUT != 0 && (why.is_none() || !why.is_truthy()?) {
        why = selectable
            .call_method0(names(py).do_write.bind(py))
            .map_err(|error| support.frames.do_write.through(py, error))?;
        *in_read = false;
    }
    Ok(why)
}
