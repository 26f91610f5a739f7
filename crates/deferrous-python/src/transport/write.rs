//! `write` and `writeSequence` of a stream: what is written is kept until the reactor sends it.

use std::{cell::Cell, os::fd::RawFd};

use pyo3::{
    prelude::*,
    types::{PyBytes, PyList},
};

use super::{attribute::Attribute, plan::Part, stream::Stream};
use crate::interp::fallible;

/// How many bytes are much, so that they are sent while they are in the processor's cache.
const MUCH: usize = 16 * 1024;

thread_local! {
    /// Whether much was written since this was last asked.
    static MUCH_WRITTEN: Cell<bool> = const { Cell::new(false) };
}

/// Whether some stream of this thread has got much to send since this was last asked.
#[inline]
pub fn take_much_written() -> bool {
    MUCH_WRITTEN.take()
}

/// A stream that takes what is written.
pub struct Writing<'a, 'py> {
    stream: Stream<'a, 'py>,
    /// What waits to be sent.
    chunks: Bound<'py, PyList>,
    waiting: usize,
    /// Its reactor.
    pub reactor: Bound<'py, PyAny>,
}

/// What came of writing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wrote {
    /// Something that is to be sent.
    Something,
    /// Nothing, as there was nothing to write.
    Nothing,
    /// Nothing has been done: Twisted's method is to do it.
    ByMethod,
}

impl<'a, 'py> Writing<'a, 'py> {
    /// The object, if it is connected and nothing of it is in the way.
    #[inline]
    pub fn of(object: &'a Bound<'py, PyAny>, encrypts: bool) -> Option<Self> {
        let parts = Part::WRITE.with(Part::PLAIN.with(Part::BASE, true), encrypts);
        let stream = Stream::of(object, parts)?;
        if stream.has_descriptors() {
            return None;
        }
        let chunks = stream.get(Attribute::TempDataBuffer)?;
        Some(Writing {
            chunks: chunks.cast_into_exact().ok()?,
            waiting: stream.waiting()?,
            reactor: stream.get(Attribute::Reactor)?,
            stream,
        })
    }

    /// The stream's descriptor, if what was written may be sent without waiting until the system has room. Writing has
    /// changed nothing that decides it.
    #[inline]
    pub fn flushed_descriptor(&self) -> Option<RawFd> {
        let is_flushed = self.stream.facts.has(Part::FLUSH);
        is_flushed.then_some(self.stream.fd).flatten()
    }

    /// Writes `bytes`.
    #[inline]
    pub fn write(&self, data: &Bound<'py, PyAny>) -> PyResult<Wrote> {
        let Ok(bytes) = data.cast_exact::<PyBytes>() else {
            return Ok(Wrote::ByMethod);
        };
        let length = bytes.as_bytes().len();
        if length == 0 {
            return Ok(Wrote::Nothing);
        }
        if !self.has_room(length) {
            return Ok(Wrote::ByMethod);
        }
        self.chunks.append(data)?;
        self.count(length)
    }

    /// Writes a `list` of `bytes`.
    #[inline]
    pub fn write_all(&self, data: &Bound<'py, PyAny>) -> PyResult<Wrote> {
        let list = match data.cast_exact::<PyList>() {
            Ok(list) if !list.is(&self.chunks) => list,
            _ => return Ok(Wrote::ByMethod),
        };
        let mut length = 0;
        for chunk in list {
            let Ok(bytes) = chunk.cast_exact::<PyBytes>() else {
                return Ok(Wrote::ByMethod);
            };
            length += bytes.as_bytes().len();
        }
        if list.is_empty() {
            return Ok(Wrote::Nothing);
        }
        if !self.has_room(length) {
            return Ok(Wrote::ByMethod);
        }
        for chunk in list {
            self.chunks.append(chunk)?;
        }
        self.count(length)
    }

    /// Whether so many bytes can be added without a producer being paused.
    #[inline(always)]
    fn has_room(&self, length: usize) -> bool {
        let waiting = self.waiting.checked_add(length);
        waiting.is_some_and(|waiting| {
            waiting <= self.stream.facts.room && isize::try_from(waiting).is_ok()
        })
    }

    /// Counts what has been added, in bytes.
    #[inline]
    fn count(&self, length: usize) -> PyResult<Wrote> {
        let waiting = self.waiting + length;
        if waiting >= MUCH {
            MUCH_WRITTEN.set(true);
        }
        let waiting = fallible::int(self.reactor.py(), waiting)?;
        self.stream.set(Attribute::TempDataLen, &waiting)?;
        Ok(Wrote::Something)
    }
}
