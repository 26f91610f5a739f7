//! The descriptors that a loop watches, with the handles that are run when they are ready.

use std::{io, mem, os::fd::RawFd};

use deferrous::event_loop::{Interest, Poller};
use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
};

use crate::waiting::{Table, rewatch, unwatch, watch};

/// The numbers of two errors, which are the same on every system that has them.
const EPERM: i32 = 1;
const EBADF: i32 = 9;

/// One of the sides of a descriptor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Read,
    Write,
}

/// A watched descriptor: its handles, and the events that they wait for.
pub struct Watched {
    /// The number that the program has named it by, or the object that has that number.
    pub file: Py<PyAny>,
    pub reader: Option<Py<PyAny>>,
    pub writer: Option<Py<PyAny>>,
    pub interest: Interest,
}

impl Watched {
    /// A copy, which counts for the objects.
    pub fn copy(&self, py: Python<'_>) -> Self {
        let handle = |handle: &Option<Py<PyAny>>| handle.as_ref().map(|it| it.clone_ref(py));
        Watched {
            file: self.file.clone_ref(py),
            reader: handle(&self.reader),
            writer: handle(&self.writer),
            interest: self.interest,
        }
    }

    const fn handle(&mut self, direction: Direction) -> &mut Option<Py<PyAny>> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }
}

/// The descriptors of a loop.
#[derive(Default)]
pub struct Descriptors(Table<Watched>);

/// An interest with one side changed.
const fn with_side(mut interest: Interest, direction: Direction, on: bool) -> Interest {
    match direction {
        Direction::Read => interest.readable = on,
        Direction::Write => interest.writable = on,
    }
    interest
}

impl Descriptors {
    /// Shows the collector what they hold.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.iter().try_for_each(|(_, watched)| {
            visit.call(&watched.file)?;
            visit.call(&watched.reader)?;
            visit.call(&watched.writer)
        })
    }

    /// Adds all descriptors to a new poller.
    pub fn add_all(&self, poller: &Poller) -> io::Result<()> {
        for (fd, watched) in self.0.iter() {
            match watch(poller, fd, watched.interest) {
                // Somebody closed it, and may have opened a file by the same number.
                Err(error) if matches!(error.raw_os_error(), Some(EBADF | EPERM)) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Sets the handle of a side. Returns the one that was there.
    ///
    /// # Errors
    ///
    /// If the system cannot watch the descriptor. Then nothing has changed.
    pub fn set(
        &mut self,
        poller: &Poller,
        (fd, file): (RawFd, &Bound<'_, PyAny>),
        direction: Direction,
        handle: Py<PyAny>,
    ) -> io::Result<Option<Py<PyAny>>> {
        let before = self.0.get(fd).map(|watched| watched.interest);
        let interest = with_side(before.unwrap_or_default(), direction, true);
        tell(poller, fd, before, interest)?;
        if let Some(watched) = self.0.get_mut(fd) {
            watched.interest = interest;
            return Ok(watched.handle(direction).replace(handle));
        }
        let mut watched = Watched {
            file: file.clone().unbind(),
            reader: None,
            writer: None,
            interest,
        };
        *watched.handle(direction) = Some(handle);
        self.0.insert(fd, watched);
        Ok(None)
    }

    /// Takes a side off a descriptor. Returns the handle that was there, and the rest if nothing is left of it.
    pub fn remove(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        direction: Direction,
    ) -> io::Result<(Option<Py<PyAny>>, Option<Watched>)> {
        let Some(watched) = self.0.get_mut(fd) else {
            return Ok((None, None));
        };
        let interest = with_side(watched.interest, direction, false);
        if interest == Interest::default() {
            let handle = watched.handle(direction).take();
            return Ok((handle, self.unregister(poller, fd)));
        }
        tell(poller, fd, Some(watched.interest), interest)?;
        watched.interest = interest;
        Ok((mem::take(watched.handle(direction)), None))
    }

    /// Adds a descriptor that is not watched yet.
    pub fn register(&mut self, poller: &Poller, fd: RawFd, watched: Watched) -> io::Result<()> {
        watch(poller, fd, watched.interest)?;
        self.0.insert(fd, watched);
        Ok(())
    }

    /// Exchanges what is watched of a descriptor. Returns what was there.
    pub fn modify(
        &mut self,
        poller: &Poller,
        fd: RawFd,
        watched: Watched,
    ) -> io::Result<Option<Watched>> {
        let Some(place) = self.0.get_mut(fd) else {
            return Ok(None);
        };
        tell(poller, fd, Some(place.interest), watched.interest)?;
        Ok(Some(mem::replace(place, watched)))
    }

    /// Takes out a descriptor. If somebody closed it, the system has forgotten it, which is as well.
    pub fn unregister(&mut self, poller: &Poller, fd: RawFd) -> Option<Watched> {
        let removed = self.0.remove(fd)?;
        let _ = unwatch(poller, fd);
        Some(removed)
    }

    /// The handles and events of a descriptor, if it is watched.
    pub fn get(&self, fd: RawFd) -> Option<&Watched> {
        self.0.get(fd)
    }

    /// All descriptors, in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (RawFd, &Watched)> {
        self.0.iter()
    }

    /// The descriptor of a file object that was closed, if it is watched.
    pub fn find(&self, file: &Bound<'_, PyAny>) -> Option<RawFd> {
        let mut all = self.0.iter();
        all.find(|(_, watched)| watched.file.is(file))
            .map(|(fd, _)| fd)
    }
}

/// Has the poller wait for what is to be waited for.
fn tell(poller: &Poller, fd: RawFd, before: Option<Interest>, now: Interest) -> io::Result<()> {
    match before {
        Some(before) if before == now => Ok(()),
        Some(_) => match rewatch(poller, fd, now) {
            // Somebody closed the descriptor that had this number, and the system forgot it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => watch(poller, fd, now),
            other => other,
        },
        None => watch(poller, fd, now),
    }
}
