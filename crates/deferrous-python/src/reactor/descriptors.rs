//! What is watched of which descriptor.

use std::{collections::VecDeque, io, mem, os::fd::RawFd};

use deferrous::event_loop::{Interest, Poller};
use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
};

use super::names::names;
pub use crate::interp::fallible::io_error;
use crate::waiting::{Table, rewatch, unwatch, watch};

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
    /// Whether it is to write before the poller is told that it waits for room.
    unsent: bool,
    /// What the poller was told to wait for, if it was.
    told: Option<Interest>,
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

    /// What it waits for.
    const fn interest(&self) -> Interest {
        Interest {
            readable: self.reads,
            writable: self.writes,
            urgent: false,
        }
    }

    /// What the poller is to wait for.
    const fn to_tell(&self) -> Interest {
        Interest {
            writable: self.writes && !self.unsent,
            ..self.interest()
        }
    }

    const fn is_idle(&self) -> bool {
        !self.reads && !self.writes
    }

    /// Has the poller wait for what is to be waited for.
    fn tell(&mut self, poller: &Poller, fd: RawFd) -> io::Result<()> {
        let interest = self.to_tell();
        match self.told {
            Some(told) if told == interest => return Ok(()),
            Some(_) => rewatch(poller, fd, interest)?,
            None => watch(poller, fd, interest)?,
        }
        self.told = Some(interest);
        Ok(())
    }
}

/// The selectables of a reactor.
#[derive(Default)]
pub struct Descriptors {
    polled: Table<Watched>,
    /// Those that the system cannot poll, as regular files: they are always ready.
    always_ready: Vec<(RawFd, Watched)>,
    /// The descriptors of those that have something to send. Some may have been sent or removed since.
    unsent: VecDeque<RawFd>,
    /// How many selectables have been registered.
    registrations: u64,
}

impl Descriptors {
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.all()
            .try_for_each(|watched| visit.call(&watched.selectable))
    }

    fn all(&self) -> impl Iterator<Item = &Watched> {
        let always_ready = self.always_ready.iter().map(|(_, watched)| watched);
        self.polled
            .iter()
            .map(|(_, watched)| watched)
            .chain(always_ready)
    }

    pub const fn some_always_ready(&self) -> bool {
        !self.always_ready.is_empty()
    }

    /// Adds all descriptors to a new poller.
    pub fn add_all(&mut self, poller: &Poller) -> io::Result<()> {
        for (fd, watched) in self.polled.iter_mut() {
            watched.told = None;
            match watched.tell(poller, fd) {
                // Somebody closed it, and may have opened a file by the same number.
                Err(error) if matches!(error.raw_os_error(), Some(EBADF | EPERM)) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Adds a side of a selectable. Returns the one that had the descriptor before.
    ///
    /// `unsent` says that what it writes may be sent without asking the system for room. Then the poller is not told yet,
    /// and neither if it knows the descriptor already.
    pub fn add(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        selectable: &Bound<'_, PyAny>,
        direction: Direction,
        unsent: bool,
    ) -> io::Result<Option<Py<PyAny>>> {
        let Some(watched) = self.polled.get_mut(fd) else {
            return self
                .add_first(poller, fd, selectable, direction, unsent)
                .map(|()| None);
        };
        let had = mem::replace(watched.side(direction), true);
        let is_same = watched.selectable.is(selectable);
        if had && is_same {
            return Ok(None);
        }
        // Of a descriptor that the poller knows, it can be told later.
        let can_wait = unsent || direction == Direction::Write && watched.told.is_some();
        if can_wait && is_same {
            watched.unsent = true;
            self.unsent.push_back(fd);
            return Ok(None);
        }
        let was_unsent = watched.unsent;
        watched.unsent &= direction == Direction::Read;
        // It is told in any case, to see whether the system still has it.
        let interest = watched.to_tell();
        let told = match watched.told {
            Some(_) => rewatch(poller, fd, interest),
            None => watch(poller, fd, interest),
        };
        match told {
            // Somebody closed the descriptor that had this number, and the system forgot it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.replace_closed(poller, fd, selectable, direction, unsent);
            }
            Err(error) => {
                *watched.side(direction) = had;
                watched.unsent = was_unsent;
                return Err(error);
            }
            Ok(()) => watched.told = Some(interest),
        }
        if had {
            return Ok(None);
        }
        if !is_same {
            self.registrations += 1;
            watched.registration = self.registrations;
        }
        let before = mem::replace(&mut watched.selectable, selectable.clone().unbind());
        Ok(Some(before))
    }

    /// Adds a selectable in place of the one whose descriptor somebody closed. Returns that one. On an error it stays.
    fn replace_closed(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        selectable: &Bound<'_, PyAny>,
        direction: Direction,
        unsent: bool,
    ) -> io::Result<Option<Py<PyAny>>> {
        let closed = self.polled.remove(fd);
        let added = self.add_first(poller, fd, selectable, direction, unsent);
        match (added, closed) {
            (Err(error), Some(mut closed)) => {
                closed.told = None;
                self.polled.insert(fd, closed);
                Err(error)
            }
            (added, closed) => added.map(|()| closed.map(|closed| closed.selectable)),
        }
    }

    fn add_first(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        selectable: &Bound<'_, PyAny>,
        direction: Direction,
        unsent: bool,
    ) -> io::Result<()> {
        self.registrations += 1;
        let mut watched = Watched {
            selectable: selectable.clone().unbind(),
            reads: false,
            writes: false,
            unsent,
            told: None,
            registration: self.registrations,
        };
        *watched.side(direction) = true;
        if unsent {
            self.unsent.push_back(fd);
            self.polled.insert(fd, watched);
            return Ok(());
        }
        match watched.tell(poller, fd) {
            Ok(()) => self.polled.insert(fd, watched),
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
            all.find(|(_, watched)| watched.selectable.is(selectable))?
                .0
        } else {
            fd
        };
        let watched = self.polled.get_mut(fd)?;
        if !mem::replace(watched.side(direction), false) {
            return None;
        }
        watched.unsent &= direction == Direction::Read;
        // If somebody closed the descriptor, the system has forgotten it, which is as well.
        if watched.is_idle() {
            if watched.told.is_some() {
                let _ = unwatch(poller, fd);
            }
            return self.polled.remove(fd).map(|watched| watched.selectable);
        }
        let _ = watched.tell(poller, fd);
        None
    }

    /// How many descriptors may have something to send.
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Takes out the next one that may have something to send, and the selectable if it has. That counts as waiting
    /// for room from now on, of which the poller is told by [`wait_for_room`](Self::wait_for_room).
    pub fn pop_unsent<'py>(
        &mut self,
        py: Python<'py>,
    ) -> Option<(RawFd, Option<Bound<'py, PyAny>>)> {
        let fd = self.unsent.pop_front()?;
        let unsent = self.polled.get_mut(fd).and_then(|watched| {
            mem::take(&mut watched.unsent).then(|| watched.selectable.bind(py).clone())
        });
        Some((fd, unsent))
    }

    /// Has the poller tell when there is room for what a writer has, if it has the descriptor still.
    pub fn wait_for_room(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        writer: &Bound<'_, PyAny>,
    ) -> io::Result<()> {
        match self.polled.get_mut(fd) {
            Some(watched) if watched.selectable.is(writer) => {
                watched.unsent = false;
                watched.tell(poller, fd)
            }
            _ => Ok(()),
        }
    }

    /// Notes that a reader has something to send as well, of which the poller is not told. Returns whether it is one.
    pub fn begin_unsent(&mut self, fd: RawFd, reader: &Bound<'_, PyAny>) -> bool {
        match self.polled.get_mut(fd) {
            Some(watched) if watched.reads && watched.selectable.is(reader) => {
                if !mem::replace(&mut watched.writes, true) {
                    watched.unsent = true;
                    self.unsent.push_back(fd);
                }
                true
            }
            _ => false,
        }
    }

    /// Notes that a reader has nothing to send any more, if the poller was never told. Returns whether it is one.
    pub fn end_unsent(&mut self, fd: RawFd, reader: &Bound<'_, PyAny>) -> bool {
        match self.polled.get_mut(fd) {
            Some(watched)
                if watched.reads
                    && watched
                        .told
                        .is_some_and(|told| told.readable && !told.writable)
                    && watched.selectable.is(reader) =>
            {
                watched.writes = false;
                watched.unsent = false;
                true
            }
            _ => false,
        }
    }

    /// Whether a writer waits for room, or is to.
    pub fn is_writing(&self, fd: RawFd, writer: &Bound<'_, PyAny>) -> bool {
        let watched = self.polled.get(fd);
        watched.is_some_and(|watched| watched.writes && watched.selectable.is(writer))
    }

    /// Whether a writer has something to send.
    pub fn is_unsent(&self, fd: RawFd, writer: &Bound<'_, PyAny>) -> bool {
        let watched = self.polled.get(fd);
        watched.is_some_and(|watched| watched.unsent && watched.selectable.is(writer))
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
        let watched = self.polled.get(fd)?;
        (watched.registration <= registrations).then(|| watched.selectable.bind(py).clone())
    }

    /// The descriptors that the system polls, with their selectables.
    pub fn polled(&self) -> impl Iterator<Item = (RawFd, &Py<PyAny>, Interest)> {
        let polled = self.polled.iter();
        polled.map(|(fd, watched)| (fd, &watched.selectable, watched.interest()))
    }

    /// Whether the system polls the descriptor.
    pub fn has(&self, fd: RawFd) -> bool {
        self.polled.get(fd).is_some()
    }

    /// How many descriptors the system polls.
    pub const fn count(&self) -> usize {
        self.polled.len()
    }

    /// Whether somebody reads from the descriptor.
    pub fn is_reading(&self, fd: RawFd) -> bool {
        self.polled.get(fd).is_some_and(|watched| watched.reads)
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

    /// How many read and how many write.
    pub fn sizes(&self) -> [usize; 2] {
        [Direction::Read, Direction::Write]
            .map(|direction| self.all().filter(|watched| watched.has(direction)).count())
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

/// The descriptor of a selectable.
pub fn fileno(selectable: &Bound<'_, PyAny>) -> PyResult<RawFd> {
    let py = selectable.py();
    let fileno = selectable.call_method0(names(py).fileno.bind(py))?;
    let number: i64 = fileno.extract()?;
    RawFd::try_from(number).map_err(|_| io_error(py, &io::Error::from_raw_os_error(EBADF)))
}
