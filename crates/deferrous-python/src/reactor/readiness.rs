//! Handling what happens to descriptors: `doRead`, `doWrite`, and the end of a connection.

use std::{collections::VecDeque, mem, os::fd::RawFd, ptr};

use deferrous::event_loop::Event;
use pyo3::ffi;

use super::{
    descriptors::{Descriptors, fileno},
    event_loop::Loop,
    support::{Occasion, report, support},
};
use crate::{
    interp::{Maybe, Obj, Raised, Raw, Signature, enter, reraise, take_raised},
    twisted::{names, none},
};

/// What is told of an event: the numbers that epoll has for them.
const IN: isize = 0x1;
const OUT: isize = 0x4;
const FAILED: isize = 0x8 | 0x10;

/// What has happened to a descriptor, in the numbers of epoll.
pub fn flags(event: Event) -> isize {
    let flag = |on: bool, number: isize| if on { number } else { 0 };
    flag(event.readable, IN) | flag(event.writable, OUT) | flag(event.failed, FAILED)
}

/// An event that has not been handled yet.
pub struct ReadyEvent {
    fd: RawFd,
    flags: isize,
    /// The selectable, if it is one that the system cannot poll and that is always ready.
    always: Option<Obj>,
}

impl ReadyEvent {
    fn is_same(&self, other: &ReadyEvent) -> bool {
        match (&self.always, &other.always) {
            (None, None) => self.fd == other.fd,
            (Some(own), Some(others)) => own.is(others.as_ptr()) && self.flags == other.flags,
            _ => false,
        }
    }
}

/// The events of the last wait that have not been handled yet.
///
/// An event stays here until it is handled, because the selectable that handles another one may run a turn of
/// the reactor, which handles the rest.
#[derive(Default)]
pub struct Ready {
    events: VecDeque<ReadyEvent>,
    /// How many registrations there had been when the wait began. An event is for a selectable that was there.
    registrations: u64,
}

impl Ready {
    /// Whether all events have been handled.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes over what a wait has told: numbers of descriptors, with flags.
    ///
    /// All descriptors are polled level-triggered. So an earlier event that is not told again has been handled, or
    /// comes again in a later wait. One that is told again keeps its place before the new ones.
    ///
    /// Returns what the caller drops when nothing is borrowed any more.
    pub fn refill(
        &mut self,
        told: impl Iterator<Item = (RawFd, isize)>,
        descriptors: &Descriptors,
        registrations: u64,
    ) -> VecDeque<ReadyEvent> {
        self.registrations = registrations;
        let earlier = mem::take(&mut self.events);
        self.events.extend(told.map(|(fd, flags)| ReadyEvent {
            fd,
            flags,
            always: None,
        }));
        for (fd, selectable, interest) in descriptors.always_ready() {
            for (waits, flags) in [(interest.readable, IN), (interest.writable, OUT)] {
                if waits {
                    self.events.push_back(ReadyEvent {
                        fd,
                        flags,
                        always: Some(selectable.clone()),
                    });
                }
            }
        }
        for event in earlier.iter().rev() {
            if let Some(at) = self.events.iter().position(|new| new.is_same(event))
                && let Some(again) = self.events.remove(at)
            {
                self.events.push_front(again);
            }
        }
        earlier
    }

    /// Shows every object that the events refer to.
    pub fn each(&self, see: &mut impl FnMut(&Obj)) {
        let always = self.events.iter().filter_map(|event| event.always.as_ref());
        always.for_each(see);
    }
}

/// Has the selectables read and write that events are for. One may be removed by another, or its descriptor be
/// used by a new one: the event is then passed over.
pub fn dispatch(reactor: &Obj, event_loop: &Loop) -> Maybe<()> {
    loop {
        let next = event_loop.with(|parts| {
            let event = parts.ready.events.pop_front()?;
            let registrations = parts.ready.registrations;
            let selectable = match &event.always {
                None => parts.descriptors.selectable(event.fd, registrations),
                Some(selectable) => {
                    let interest = parts.descriptors.always_ready_for(selectable);
                    let waits = match event.flags {
                        IN => interest.readable,
                        _ => interest.writable,
                    };
                    waits.then(|| selectable.clone())
                }
            };
            Some((event, selectable))
        })?;
        match next {
            None => return Ok(()),
            Some((event, Some(selectable))) => handle(reactor, &selectable, event.fd, event.flags)?,
            Some((_, None)) => {}
        }
    }
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
            let fd = ffi::PyLong_AsLong(fd);
            if fd == -1 && !ffi::PyErr_Occurred().is_null() {
                return Err(Raised);
            }
            let fd = RawFd::try_from(fd).unwrap_or(-1);
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
            reactor
                .call_method(&crate::twisted::names().disconnect_selectable, arguments)
                .map_err(|raised| support().frames.disconnect.through(raised))?;
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
        let (names, frames) = (names(), &support().frames);
        if fileno(selectable)? == -1 {
            return Ok(support().no_descriptor.clone());
        }
        let mut why = Obj::none();
        if event & IN != 0 {
            why = selectable
                .call_method(&names.do_read, [ptr::null_mut()])
                .map_err(|raised| frames.do_read.through(raised))?;
            in_read = true;
        }
        if event & OUT != 0 && (why.is(none()) || !why.is_true()?) {
            why = selectable
                .call_method(&names.do_write, [ptr::null_mut()])
                .map_err(|raised| frames.do_write.through(raised))?;
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
