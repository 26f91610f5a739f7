//! What is watched of which descriptor.

use std::{collections::HashMap, io, mem, os::fd::RawFd};

use deferrous::event_loop::{Interest, Poller};
use pyo3::{exceptions::PyOSError, gc::PyTraverseError, prelude::*};

use super::names::names;
use crate::interp::{fallible, with_descriptor};

/// The numbers of two errors, which are the same on every system that has them.
const EPERM: i32 = 1;
const EBADF: i32 = 9;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Read,
    Write,
}

/// A selectable, and what it waits for.
struct Watched {
    selectable: Py<PyAny>,
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

/// The number by which the poller names a descriptor.
const fn key(fd: RawFd) -> usize {
    fd.unsigned_abs() as usize
}

/// Has a poller wait for events of a descriptor.
pub fn watch(poller: &Poller, fd: RawFd, interest: Interest) -> io::Result<()> {
    with_descriptor(fd, |descriptor| poller.add(descriptor, key(fd), interest))
}

/// Has it wait for other events.
pub fn rewatch(poller: &Poller, fd: RawFd, interest: Interest) -> io::Result<()> {
    with_descriptor(fd, |descriptor| {
        poller.modify(descriptor, key(fd), interest)
    })
}

/// Has it wait for none any more.
pub fn unwatch(poller: &Poller, fd: RawFd) -> io::Result<()> {
    with_descriptor(fd, |descriptor| poller.delete(descriptor))
}

impl Descriptors {
    pub fn traverse(
        &self,
        mut see: impl FnMut(&Py<PyAny>) -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        self.all().try_for_each(|watched| see(&watched.selectable))
    }

    fn all(&self) -> impl Iterator<Item = &Watched> {
        let always_ready = self.always_ready.iter().map(|(_, watched)| watched);
        self.polled.values().chain(always_ready)
    }

    pub const fn some_always_ready(&self) -> bool {
        !self.always_ready.is_empty()
    }

    /// Adds all descriptors to a new poller.
    pub fn add_all(&self, poller: &Poller) -> io::Result<()> {
        for (&fd, watched) in &self.polled {
            match watch(poller, fd, watched.interest()) {
                // Somebody closed it, and may have opened a file by the same number.
                Err(error) if matches!(error.raw_os_error(), Some(EBADF | EPERM)) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Adds a side of a selectable. Returns the one that had the descriptor before.
    pub fn add(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        selectable: &Bound<'_, PyAny>,
        direction: Direction,
    ) -> io::Result<Option<Py<PyAny>>> {
        let Some(watched) = self.polled.get_mut(&fd) else {
            return self
                .add_first(poller, fd, selectable, direction)
                .map(|()| None);
        };
        let had = mem::replace(watched.side(direction), true);
        if had && watched.selectable.is(selectable) {
            return Ok(None);
        }
        match rewatch(poller, fd, watched.interest()) {
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
        if !watched.selectable.is(selectable) {
            self.registrations += 1;
            watched.registration = self.registrations;
        }
        let before = mem::replace(&mut watched.selectable, selectable.clone().unbind());
        Ok(Some(before))
    }

    fn add_first(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        selectable: &Bound<'_, PyAny>,
        direction: Direction,
    ) -> io::Result<()> {
        self.registrations += 1;
        let mut watched = Watched {
            selectable: selectable.clone().unbind(),
            reads: false,
            writes: false,
            registration: self.registrations,
        };
        *watched.side(direction) = true;
        match watch(poller, fd, watched.interest()) {
            Ok(()) => {
                self.polled.insert(fd, watched);
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let mut all = self.always_ready.iter_mut();
                match all.find(|(_, watched)| watched.selectable.is(selectable)) {
                    Some((_, watched)) => *watched.side(direction) = true,
                    None => self.always_ready.push((fd, watched)),
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Takes a side off a selectable that is always ready. Returns the selectable, if it was one.
    pub fn remove_always_ready(
        &mut self,
        selectable: &Bound<'_, PyAny>,
        direction: Direction,
    ) -> Option<Py<PyAny>> {
        let mut all = self.always_ready.iter();
        let at = all
            .position(|(_, watched)| watched.selectable.is(selectable) && watched.has(direction))?;
        let (_, watched) = &mut self.always_ready[at];
        *watched.side(direction) = false;
        if watched.is_idle() {
            return Some(self.always_ready.swap_remove(at).1.selectable);
        }
        Some(selectable.clone().unbind())
    }

    /// Takes a side off the selectable that has a descriptor; if that is closed, off this one. Returns the selectable
    /// if nothing is left of it.
    pub fn remove(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        selectable: &Bound<'_, PyAny>,
        direction: Direction,
    ) -> Option<Py<PyAny>> {
        let fd = if fd < 0 {
            let mut all = self.polled.iter();
            *all.find(|(_, watched)| watched.selectable.is(selectable))?
                .0
        } else {
            fd
        };
        let watched = self.polled.get_mut(&fd)?;
        if !mem::replace(watched.side(direction), false) {
            return None;
        }
        // If somebody closed the descriptor, the system has forgotten it, which is as well.
        if watched.is_idle() {
            let _ = unwatch(poller, fd);
            return self.polled.remove(&fd).map(|watched| watched.selectable);
        }
        let _ = rewatch(poller, fd, watched.interest());
        None
    }

    /// How many selectables have been registered up to now.
    pub const fn registrations(&self) -> u64 {
        self.registrations
    }

    /// Whose descriptor this is, and was when there had been so many registrations.
    pub fn selectable<'py>(
        &self,
        py: Python<'py>,
        fd: RawFd,
        registrations: u64,
    ) -> Option<Bound<'py, PyAny>> {
        let watched = self.polled.get(&fd)?;
        (watched.registration <= registrations).then(|| watched.selectable.bind(py).clone())
    }

    /// The descriptors that the system polls, with their selectables.
    pub fn polled(&self) -> impl ExactSizeIterator<Item = (RawFd, &Py<PyAny>, Interest)> {
        let polled = self.polled.iter();
        polled.map(|(&fd, watched)| (fd, &watched.selectable, watched.interest()))
    }

    /// Whether somebody reads from the descriptor.
    pub fn is_reading(&self, fd: RawFd) -> bool {
        self.polled.get(&fd).is_some_and(|watched| watched.reads)
    }

    /// Those that are always ready, and what they wait for.
    pub fn always_ready(&self) -> impl Iterator<Item = (RawFd, &Py<PyAny>, Interest)> {
        let ready = self.always_ready.iter();
        ready.map(|(fd, watched)| (*fd, &watched.selectable, watched.interest()))
    }

    /// The interest of a selectable that is always ready.
    pub fn always_ready_for(&self, selectable: &Py<PyAny>) -> Interest {
        self.always_ready()
            .find(|(_, found, _)| found.is(selectable))
            .map(|(_, _, interest)| interest)
            .unwrap_or_default()
    }

    /// The selectables that have a side.
    pub fn selectables<'py>(
        &self,
        py: Python<'py>,
        direction: Direction,
    ) -> Vec<Bound<'py, PyAny>> {
        self.all()
            .filter(|watched| watched.has(direction))
            .map(|watched| watched.selectable.bind(py).clone())
            .collect()
    }
}

/// An `OSError`.
#[cold]
pub fn io_error(py: Python<'_>, error: &io::Error) -> PyErr {
    // Rust adds the number to what the system calls the error.
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let number = error.raw_os_error().unwrap_or(0) as isize;
    let arguments = || {
        let text = fallible::text(py, text)?.into_any();
        fallible::tuple(py, [fallible::int(py, number)?, text])
    };
    fallible::error_with::<PyOSError, _>(py, arguments())
}

/// The descriptor of a selectable.
pub fn fileno(selectable: &Bound<'_, PyAny>) -> PyResult<RawFd> {
    let py = selectable.py();
    let fileno = selectable.call_method0(names(py).fileno.bind(py))?;
    let number: i64 = fileno.extract()?;
    RawFd::try_from(number).map_err(|_| io_error(py, &io::Error::from_raw_os_error(EBADF)))
}
