//! Handling what happens to descriptors: `doRead`, `doWrite`, and the end of a connection.

use std::{os::fd::RawFd, ptr};

use deferrous::event_loop::Events;
use pyo3::ffi;

use super::{
    descriptors::fileno,
    event_loop::Loop,
    support::{Occasion, report, support},
};
use crate::{
    python::{Maybe, Obj, Raised, Raw, Signature, enter, reraise, take_raised},
    twisted::{names, none},
};

/// What is told of an event: the numbers that epoll has for them.
const IN: isize = 0x1;
const OUT: isize = 0x4;
const FAILED: isize = 0x8 | 0x10;

/// Has the selectables read and write that the events are for. One may be removed by another, whose event
/// is then passed over.
pub fn dispatch(reactor: &Obj, event_loop: &Loop, events: &Events) -> Maybe<()> {
    for event in events.iter() {
        let Ok(fd) = RawFd::try_from(event.key) else {
            continue;
        };
        let found = event_loop.with(|parts| parts.descriptors.selectable(fd))?;
        let Some(selectable) = found else { continue };
        let flag = |on: bool, number: isize| if on { number } else { 0 };
        let flags =
            flag(event.readable, IN) | flag(event.writable, OUT) | flag(event.failed, FAILED);
        handle(reactor, &selectable, fd, flags)?;
    }
    let ready = event_loop.with(|parts| parts.descriptors.always_ready())?;
    for (fd, selectable, interest) in ready {
        if interest.readable {
            handle(reactor, &selectable, fd, IN)?;
        }
        // Reading may have been the end of it.
        if interest.writable
            && event_loop.with(|parts| parts.descriptors.is_always_writing(&selectable))?
        {
            handle(reactor, &selectable, fd, OUT)?;
        }
    }
    Ok(())
}

/// Handles one event, with the selectable's prefix on all that is logged.
fn handle(reactor: &Obj, selectable: &Obj, fd: RawFd, flags: isize) -> Maybe<()> {
    let names = names();
    let logged = support().log.getattr(&names.call_with_logger)?;
    let method = reactor.getattr(&names.do_read_or_write)?;
    let (fd, flags) = (Obj::int(fd as isize)?, Obj::int(flags)?);
    logged.call(&[
        selectable.as_ptr(),
        method.as_ptr(),
        selectable.as_ptr(),
        fd.as_ptr(),
        flags.as_ptr(),
    ])?;
    Ok(())
}

const DO_READ_OR_WRITE: Signature<3> = Signature {
    function: "_doReadOrWrite",
    names: ["selectable", "fd", "event"],
    required: 3,
};

/// `_doReadOrWrite(selectable, fd, event)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn do_read_or_write(
    raw: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let [selectable, fd, event] = DO_READ_OR_WRITE.bind(arguments, count, names)?;
        let (reactor, selectable) = (Obj::borrowed(raw), Obj::borrowed(selectable));
        let event = ffi::PyLong_AsSsize_t(event);
        if event == -1 && !ffi::PyErr_Occurred().is_null() {
            return Err(Raised);
        }
        let (why, in_read) = if event & FAILED != 0 && event & IN == 0 {
            // Whoever reads has read all there was, and sees a clean end.
            let fd = RawFd::try_from(ffi::PyLong_AsLong(fd)).unwrap_or(-1);
            let event_loop = Loop::of(&reactor)?;
            let reads = event_loop.with(|parts| parts.descriptors.is_reading(fd))?;
            let support = support();
            if reads {
                (support.connection_done.clone(), true)
            } else {
                (support.connection_lost.clone(), false)
            }
        } else {
            read_and_write(&selectable, event)
        };
        if why.is_true()? {
            let in_read = Obj::bool(in_read);
            let arguments = [
                ptr::null_mut(),
                selectable.as_ptr(),
                why.as_ptr(),
                in_read.as_ptr(),
            ];
            reactor.call_method(&crate::twisted::names().disconnect_selectable, arguments)?;
        }
        Ok(Obj::none())
    })
}

/// Has the selectable do what the event is for.
///
/// Returns why it is to be disconnected, or something that is not true, and whether that came of reading.
fn read_and_write(selectable: &Obj, event: isize) -> (Obj, bool) {
    let mut in_read = false;
    let mut attempt = || {
        let names = names();
        if fileno(selectable)? == -1 {
            return Ok(support().no_descriptor.clone());
        }
        let mut why = Obj::none();
        if event & IN != 0 {
            why = selectable.call_method(&names.do_read, [ptr::null_mut()])?;
            in_read = true;
        }
        if event & OUT != 0 && (why.is(none()) || !why.is_true()?) {
            why = selectable.call_method(&names.do_write, [ptr::null_mut()])?;
            in_read = false;
        }
        Ok(why)
    };
    let done: Maybe = attempt();
    let why = done.unwrap_or_else(|raised| {
        let exception = take_raised(raised);
        let again = reraise(exception.clone());
        report(again, Occasion::Elsewhere, None);
        exception
    });
    (why, in_read)
}
