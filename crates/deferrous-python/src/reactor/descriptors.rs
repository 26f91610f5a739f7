//! `addReader`, `addWriter`, and handling what happens to descriptors.

use std::{
    collections::HashMap,
    io,
    os::fd::{BorrowedFd, RawFd},
    ptr,
};

use deferrous::event_loop::{Events, Interest, Poller};
use pyo3::ffi;

use super::{
    event_loop::Loop,
    support::{Occasion, report, support},
    time::list,
};
use crate::{
    python::{Maybe, Obj, Raised, Raw, Signature, enter, raise, take_raised},
    twisted::{names, none},
};

type Count = ffi::Py_ssize_t;

/// What is told of an event: the numbers that epoll has for them.
const IN: isize = 0x1;
const OUT: isize = 0x4;
const FAILED: isize = 0x8 | 0x10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

/// A selectable, and what it waits for.
struct Watched {
    selectable: Obj,
    reads: bool,
    writes: bool,
}

impl Watched {
    const fn side(&mut self, direction: Direction) -> &mut bool {
        match direction {
            Direction::Read => &mut self.reads,
            Direction::Write => &mut self.writes,
        }
    }

    const fn has(&self, direction: Direction) -> bool {
        match direction {
            Direction::Read => self.reads,
            Direction::Write => self.writes,
        }
    }

    const fn interest(&self) -> Interest {
        Interest {
            readable: self.reads,
            writable: self.writes,
            urgent: false,
        }
    }

    const fn is_idle(&self) -> bool {
        !self.reads && !self.writes
    }
}

/// The selectables of a reactor.
#[derive(Default)]
pub struct Descriptors {
    polled: HashMap<RawFd, Watched>,
    /// Those that the system cannot poll, as regular files: they are always ready.
    always_ready: Vec<(RawFd, Watched)>,
}

/// The descriptor with this number, which may be closed: the system says so then.
const fn descriptor(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: it is not -1, and is handed to the poller only, which refuses one that is closed.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

impl Descriptors {
    pub fn each(&self, see: &mut impl FnMut(&Obj)) {
        let polled = self.polled.values();
        let all = polled.chain(self.always_ready.iter().map(|(_, watched)| watched));
        all.for_each(|watched| see(&watched.selectable));
    }

    pub const fn some_always_ready(&self) -> bool {
        !self.always_ready.is_empty()
    }

    /// Adds all descriptors to a new poller.
    pub fn add_all_again(&self, poller: &Poller) -> io::Result<()> {
        for (&fd, watched) in &self.polled {
            poller.add(
                descriptor(fd),
                fd.unsigned_abs() as usize,
                watched.interest(),
            )?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        selectable: &Obj,
        direction: Direction,
    ) -> io::Result<Option<Obj>> {
        let Some(watched) = self.polled.get_mut(&fd) else {
            return self
                .add_first(poller, fd, selectable, direction)
                .map(|()| None);
        };
        let had = std::mem::replace(watched.side(direction), true);
        if had && watched.selectable.is(selectable.as_ptr()) {
            return Ok(None);
        }
        let key = fd.unsigned_abs() as usize;
        match poller.modify(descriptor(fd), key, watched.interest()) {
            // Somebody closed the descriptor that had this number, and the system forgot it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let before = self.polled.remove(&fd);
                self.add_first(poller, fd, selectable, direction)?;
                return Ok(before.map(|watched| watched.selectable));
            }
            Err(error) => {
                *watched.side(direction) = had;
                return Err(error);
            }
            Ok(()) if had => return Ok(None),
            Ok(()) => {}
        }
        let before = std::mem::replace(&mut watched.selectable, selectable.clone());
        Ok(Some(before))
    }

    fn add_first(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        selectable: &Obj,
        direction: Direction,
    ) -> io::Result<()> {
        let mut watched = Watched {
            selectable: selectable.clone(),
            reads: false,
            writes: false,
        };
        *watched.side(direction) = true;
        match poller.add(
            descriptor(fd),
            fd.unsigned_abs() as usize,
            watched.interest(),
        ) {
            Ok(()) => {
                self.polled.insert(fd, watched);
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let known = self
                    .always_ready
                    .iter_mut()
                    .find(|(_, watched)| watched.selectable.is(selectable.as_ptr()));
                match known {
                    Some((_, watched)) => *watched.side(direction) = true,
                    None => self.always_ready.push((fd, watched)),
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Removes a selectable from those that are always ready, and says whether it was one.
    fn remove_always_ready(&mut self, selectable: &Obj, direction: Direction) -> Option<Watched> {
        let at = self.always_ready.iter().position(|(_, watched)| {
            watched.selectable.is(selectable.as_ptr()) && watched.has(direction)
        })?;
        let (_, watched) = &mut self.always_ready[at];
        *watched.side(direction) = false;
        if watched.is_idle() {
            return Some(self.always_ready.swap_remove(at).1);
        }
        Some(Watched {
            selectable: selectable.clone(),
            reads: false,
            writes: false,
        })
    }

    /// The descriptor that a selectable was added with.
    fn find(&self, selectable: &Obj) -> Option<RawFd> {
        let mut all = self.polled.iter();
        all.find(|(_, watched)| watched.selectable.is(selectable.as_ptr()))
            .map(|(&fd, _)| fd)
    }

    fn remove(&mut self, poller: &Poller, fd: RawFd, direction: Direction) -> Option<Watched> {
        let watched = self.polled.get_mut(&fd)?;
        if !std::mem::replace(watched.side(direction), false) {
            return None;
        }
        let told = if watched.is_idle() {
            poller.delete(descriptor(fd))
        } else {
            poller.modify(
                descriptor(fd),
                fd.unsigned_abs() as usize,
                watched.interest(),
            )
        };
        let gone = if watched.is_idle() {
            self.polled.remove(&fd)
        } else {
            None
        };
        // If somebody closed the descriptor, the system has forgotten it, which is as well.
        drop(told);
        gone
    }

    fn selectables(&self, direction: Direction) -> Vec<Obj> {
        let polled = self.polled.values();
        let all = polled.chain(self.always_ready.iter().map(|(_, watched)| watched));
        all.filter(|watched| watched.has(direction))
            .map(|watched| watched.selectable.clone())
            .collect()
    }
}

/// Raises an `OSError`.
#[cold]
pub fn raise_io(error: &io::Error) -> Raised {
    let number = error.raw_os_error().unwrap_or(0);
    let arguments = [Obj::int(number as isize), Obj::text(&system_text(error))];
    let [Ok(number), Ok(text)] = arguments else {
        return Raised;
    };
    // SAFETY: reading a static of the interpreter; the class is alive for ever.
    let class = unsafe { Obj::borrowed(ffi::PyExc_OSError) };
    match class.call(&[number.as_ptr(), text.as_ptr()]) {
        Ok(exception) => crate::python::reraise(exception),
        Err(raised) => raised,
    }
}

/// What the system calls an error, without the number that Rust adds.
fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The descriptor of a selectable.
fn fileno(selectable: &Obj) -> Maybe<RawFd> {
    let fileno = selectable.call_method(&names().fileno, [ptr::null_mut()])?;
    // SAFETY: the object is alive.
    let number = unsafe { ffi::PyLong_AsLong(fileno.as_ptr()) };
    // SAFETY: the thread is attached.
    if number == -1 && unsafe { !ffi::PyErr_Occurred().is_null() } {
        return Err(Raised);
    }
    RawFd::try_from(number).map_err(|_| raise_io(&io::Error::from_raw_os_error(9)))
}

fn add(reactor: Raw, selectable: Raw, direction: Direction) -> Maybe {
    // SAFETY: both are alive during the call.
    let (reactor, selectable) = unsafe { (Obj::borrowed(reactor), Obj::borrowed(selectable)) };
    let event_loop = Loop::of(&reactor)?;
    let fd = fileno(&selectable)?;
    if fd < 0 {
        // SAFETY: reading a static of the interpreter.
        let class = unsafe { ffi::PyExc_ValueError };
        let text = format!("file descriptor cannot be a negative integer ({fd})");
        return Err(raise(class, &text));
    }
    let added = event_loop.with(|parts| {
        let poller = parts.mailbox.poller();
        parts.descriptors.add(poller, fd, &selectable, direction)
    })?;
    match added {
        Ok(before) => {
            drop(before);
            Ok(Obj::none())
        }
        Err(error) => Err(raise_io(&error)),
    }
}

fn remove(reactor: Raw, selectable: Raw, direction: Direction) -> Maybe {
    // SAFETY: both are alive during the call.
    let (reactor, selectable) = unsafe { (Obj::borrowed(reactor), Obj::borrowed(selectable)) };
    let event_loop = Loop::of(&reactor)?;
    let always = event_loop.with(|parts| {
        parts
            .descriptors
            .remove_always_ready(&selectable, direction)
    })?;
    if always.is_some() {
        return Ok(Obj::none());
    }
    let fd = fileno(&selectable)?;
    let gone = event_loop.with(|parts| {
        let fd = if fd < 0 {
            parts.descriptors.find(&selectable)?
        } else {
            fd
        };
        let poller = parts.mailbox.poller();
        parts.descriptors.remove(poller, fd, direction)
    })?;
    drop(gone);
    Ok(Obj::none())
}

/// A method that takes one selectable.
macro_rules! of_selectable {
    ($name:ident, $function:literal, $parameter:literal, $body:expr) => {
        /// The method of this name.
        ///
        /// # Safety
        ///
        /// Called by the interpreter.
        pub unsafe extern "C" fn $name(
            raw: Raw,
            arguments: *const Raw,
            count: Count,
            names: Raw,
        ) -> Raw {
            const SIGNATURE: Signature<1> = Signature {
                function: $function,
                names: [$parameter],
                required: 1,
            };
            let body: fn(Raw, Raw) -> Maybe = $body;
            // SAFETY: as the caller says.
            enter(|| unsafe {
                let [selectable] = SIGNATURE.bind(arguments, count, names)?;
                body(raw, selectable)
            })
        }
    };
}

of_selectable!(add_reader, "addReader", "reader", |reactor, reader| {
    add(reactor, reader, Direction::Read)
});
of_selectable!(add_writer, "addWriter", "writer", |reactor, writer| {
    add(reactor, writer, Direction::Write)
});
of_selectable!(
    remove_reader,
    "removeReader",
    "reader",
    |reactor, reader| { remove(reactor, reader, Direction::Read) }
);
of_selectable!(
    remove_writer,
    "removeWriter",
    "writer",
    |reactor, writer| { remove(reactor, writer, Direction::Write) }
);

fn selectables(reactor: Raw, direction: Direction) -> Maybe {
    // SAFETY: it is alive during the call.
    let event_loop = Loop::of(&unsafe { Obj::borrowed(reactor) })?;
    let found = event_loop.with(|parts| parts.descriptors.selectables(direction))?;
    list(found.into_iter())
}

/// `getReaders()`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn get_readers(raw: Raw, _: Raw) -> Raw {
    enter(|| selectables(raw, Direction::Read))
}

/// `getWriters()`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn get_writers(raw: Raw, _: Raw) -> Raw {
    enter(|| selectables(raw, Direction::Write))
}

/// Has the selectables read and write that the events are for. One may be removed by another, whose event
/// is then passed over.
pub fn dispatch(reactor: &Obj, event_loop: &Loop, events: &Events) -> Maybe<()> {
    for event in events.iter() {
        let Ok(fd) = RawFd::try_from(event.key) else {
            continue;
        };
        let found = event_loop.with(|parts| {
            let watched = parts.descriptors.polled.get(&fd);
            watched.map(|watched| watched.selectable.clone())
        })?;
        let Some(selectable) = found else { continue };
        let flag = |on: bool, number: isize| if on { number } else { 0 };
        let flags =
            flag(event.readable, IN) | flag(event.writable, OUT) | flag(event.failed, FAILED);
        handle(reactor, &selectable, fd, flags)?;
    }
    let ready = event_loop.with(|parts| {
        let ready = parts.descriptors.always_ready.iter();
        ready
            .map(|(fd, watched)| (*fd, watched.selectable.clone(), watched.interest()))
            .collect::<Vec<_>>()
    })?;
    for (fd, selectable, interest) in ready {
        if interest.readable {
            handle(reactor, &selectable, fd, IN)?;
        }
        let still = event_loop.with(|parts| {
            let mut writers = parts.descriptors.always_ready.iter();
            writers.any(|(_, w)| w.writes && w.selectable.is(selectable.as_ptr()))
        })?;
        if interest.writable && still {
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
    count: Count,
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
            let reads = event_loop.with(|parts| {
                let watched = parts.descriptors.polled.get(&fd);
                watched.is_some_and(|watched| watched.reads)
            })?;
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
        let again = crate::python::reraise(exception.clone());
        report(again, Occasion::Elsewhere, None);
        exception
    });
    (why, in_read)
}
