//! `addReader`, `addWriter`, and what is watched of which descriptor.

use std::{
    collections::HashMap,
    io,
    os::fd::{BorrowedFd, RawFd},
    ptr,
};

use deferrous::event_loop::{Interest, Poller};
use pyo3::ffi;

use super::{event_loop::Loop, time::list};
use crate::{
    interp::{Maybe, Obj, Raised, Raw, Signature, enter, raise},
    twisted::names,
};

type Count = ffi::Py_ssize_t;

/// The numbers of two errors, which are the same on every system that has them.
const EPERM: i32 = 1;
const EBADF: i32 = 9;

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
    /// Which registration of the reactor this is: a later one has a greater number.
    registration: u64,
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
    /// How many selectables have been registered.
    registrations: u64,
}

/// The descriptor with this number, which may be closed: the system says so then.
pub const fn descriptor(fd: RawFd) -> BorrowedFd<'static> {
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
    pub fn add_all(&self, poller: &Poller) -> io::Result<()> {
        for (&fd, watched) in &self.polled {
            let added = poller.add(
                descriptor(fd),
                fd.unsigned_abs() as usize,
                watched.interest(),
            );
            match added {
                // Somebody closed it, and may have opened a file by the same number.
                Err(error) if matches!(error.raw_os_error(), Some(EBADF | EPERM)) => {}
                other => other?,
            }
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
        if !watched.selectable.is(selectable.as_ptr()) {
            self.registrations += 1;
            watched.registration = self.registrations;
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
        self.registrations += 1;
        let mut watched = Watched {
            selectable: selectable.clone(),
            reads: false,
            writes: false,
            registration: self.registrations,
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

    /// Takes a side off a selectable that is always ready. Returns the selectable, if it was one.
    fn remove_always_ready(&mut self, selectable: &Obj, direction: Direction) -> Option<Obj> {
        let at = self.always_ready.iter().position(|(_, watched)| {
            watched.selectable.is(selectable.as_ptr()) && watched.has(direction)
        })?;
        let (_, watched) = &mut self.always_ready[at];
        *watched.side(direction) = false;
        if watched.is_idle() {
            return Some(self.always_ready.swap_remove(at).1.selectable);
        }
        Some(selectable.clone())
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

    /// How many selectables have been registered up to now.
    pub const fn registrations(&self) -> u64 {
        self.registrations
    }

    /// Whose descriptor this is, and was when there had been so many registrations.
    pub fn selectable(&self, fd: RawFd, registrations: u64) -> Option<Obj> {
        let watched = self.polled.get(&fd)?;
        (watched.registration <= registrations).then(|| watched.selectable.clone())
    }

    /// The descriptors that the system polls, with their selectables.
    pub fn polled(&self) -> impl Iterator<Item = (RawFd, &Obj, Interest)> {
        let polled = self.polled.iter();
        polled.map(|(&fd, watched)| (fd, &watched.selectable, watched.interest()))
    }

    /// Whether somebody reads from the descriptor.
    pub fn is_reading(&self, fd: RawFd) -> bool {
        self.polled.get(&fd).is_some_and(|watched| watched.reads)
    }

    /// Those that are always ready, and what they wait for.
    pub fn always_ready(&self) -> impl Iterator<Item = (RawFd, &Obj, Interest)> {
        let ready = self.always_ready.iter();
        ready.map(|(fd, watched)| (*fd, &watched.selectable, watched.interest()))
    }

    /// The interest of a selectable that is always ready.
    pub fn always_ready_for(&self, selectable: &Obj) -> Interest {
        self.always_ready()
            .find(|(_, found, _)| found.is(selectable.as_ptr()))
            .map(|(_, _, interest)| interest)
            .unwrap_or_default()
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
        Ok(exception) => crate::interp::reraise(exception),
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
pub fn fileno(selectable: &Obj) -> Maybe<RawFd> {
    let fileno = selectable.call_method(&names().fileno, [ptr::null_mut()])?;
    // SAFETY: the object is alive.
    let number = unsafe { ffi::PyLong_AsLong(fileno.as_ptr()) };
    // SAFETY: the thread is attached.
    if number == -1 && unsafe { !ffi::PyErr_Occurred().is_null() } {
        return Err(Raised);
    }
    RawFd::try_from(number).map_err(|_| raise_io(&io::Error::from_raw_os_error(EBADF)))
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
        let inbox = parts.inbox()?;
        parts
            .descriptors
            .add(inbox.poller(), fd, &selectable, direction)
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
            match parts.descriptors.find(&selectable) {
                Some(fd) => fd,
                None => return Ok(None),
            }
        } else {
            fd
        };
        let inbox = parts.inbox()?;
        Ok(parts.descriptors.remove(inbox.poller(), fd, direction))
    })?;
    match gone {
        Ok(gone) => {
            drop(gone);
            Ok(Obj::none())
        }
        Err(error) => Err(raise_io(&error)),
    }
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
