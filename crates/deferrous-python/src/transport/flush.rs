//! `doWrite` of a stream from which a send usually takes everything.

use std::os::fd::RawFd;

use pyo3::{
    prelude::*,
    types::{PyBytes, PyList},
};

use super::{attribute::Attribute, plan::Part, stream::Stream, system};
use crate::interp::{fallible, forget, references};

/// What came of sending what was written.
pub enum Flushed {
    /// Nothing is left, so there is nothing to wait for.
    Done,
    /// The system has taken a part or nothing. The rest waits until it takes more, or says what is wrong: what has come by
    /// then is read first.
    Waits,
    /// The connection is lost, for this reason.
    Lost(Py<PyAny>),
    /// The method `doWrite` is to do it: nothing has been done.
    ByMethod,
}

/// The descriptor of an object that is a stream whose writes may be sent by [`flush`], without waiting until the system
/// has room.
#[inline]
pub fn flushed_descriptor(object: &Bound<'_, PyAny>) -> Option<RawFd> {
    Stream::of(object, Part::FLUSH)?.fd
}

/// `doWrite()`, for a stream that stays open, whose producer is not to be resumed, and of which nothing was left by an
/// earlier send. `reactor` is the one that sends.
///
/// # Errors
///
/// A `MemoryError`, if there is no memory even for a number. Where there is none to put together what was written, the
/// method does it, and raises it.
pub fn flush(object: &Bound<'_, PyAny>, reactor: &Bound<'_, PyAny>) -> PyResult<Flushed> {
    match Sending::of(object, reactor) {
        Some(sending) => sending.send(),
        None => Ok(Flushed::ByMethod),
    }
}

/// A stream that is about to send.
struct Sending<'a, 'py> {
    stream: Stream<'a, 'py>,
    fd: RawFd,
    /// What was written, which are objects of `bytes`.
    chunks: Bound<'py, PyList>,
}

impl<'a, 'py> Sending<'a, 'py> {
    #[inline]
    fn of(object: &'a Bound<'py, PyAny>, reactor: &Bound<'_, PyAny>) -> Option<Self> {
        let stream = Stream::of(object, Part::SEND.with(Part::PREFIX, true))?;
        if !stream.get(Attribute::Reactor)?.is(reactor) {
            return None;
        }
        if stream.has_descriptors() {
            return None;
        }
        let chunks = stream.get(Attribute::TempDataBuffer)?;
        let chunks = chunks.cast_into_exact::<PyList>().ok()?;
        // Twisted makes another list and leaves this one as it is, which somebody may have.
        if references(&chunks) > 2 {
            return None;
        }
        if total(&chunks)? > stream.facts.limit {
            return None;
        }
        let fd = stream.fd?;
        Some(Sending { stream, fd, chunks })
    }

    fn send(&self) -> PyResult<Flushed> {
        let py = self.stream.object.py();
        let Some(joined) = self.joined()? else {
            return Ok(Flushed::ByMethod);
        };
        if !self.stream.facts.has_buffer {
            self.make_buffer()?;
        }
        let data = joined.as_bytes();
        match system::transmit(self.fd, data) {
            Ok(sent) => {
                let rest = sent < data.len();
                if rest {
                    let sent = fallible::int(py, sent)?;
                    self.stream.set(Attribute::DataBuffer, joined.as_any())?;
                    self.stream.set(Attribute::Offset, &sent)?;
                }
                self.forget_chunks()?;
                Ok(if rest { Flushed::Waits } else { Flushed::Done })
            }
            // What has come is read first, as by Twisted, and the poller tells of both.
            Err(error)
                if system::is_without_room(&error) || system::is_to_be_read(self.fd, &error) =>
            {
                Ok(Flushed::Waits)
            }
            Err(_) => {
                self.stream.set(Attribute::DataBuffer, joined.as_any())?;
                self.forget_chunks()?;
                let lost = self.stream.stock.connection_lost.clone_ref(py);
                Ok(Flushed::Lost(lost))
            }
        }
    }

    /// All that was written. `None` if that is nothing, or if there is no memory for it.
    fn joined(&self) -> PyResult<Option<Bound<'py, PyBytes>>> {
        match self.chunks.len() {
            0 => Ok(None),
            1 => Ok(Some(self.chunks.get_item(0)?.cast_into()?)),
            _ => Ok(fallible::joined(&self.chunks)
                .map_err(|error| forget(self.chunks.py(), error))
                .ok()),
        }
    }

    /// Gives the object the attributes that Twisted sets when it sends, which are empty.
    #[cold]
    fn make_buffer(&self) -> PyResult<()> {
        let py = self.stream.object.py();
        let (empty, none) = (fallible::bytes(py, b"")?, fallible::int(py, 0)?);
        self.stream.set(Attribute::DataBuffer, &empty)?;
        self.stream.set(Attribute::Offset, &none)
    }

    /// Notes that nothing is waiting any more.
    fn forget_chunks(&self) -> PyResult<()> {
        match self.chunks.len() {
            // A slice takes seven times as long.
            1 => self.chunks.del_item(0)?,
            length => self.chunks.del_slice(0, length)?,
        }
        let none = fallible::int(self.stream.object.py(), 0)?;
        self.stream.set(Attribute::TempDataLen, &none)
    }
}

/// How many bytes these are together, if all are `bytes`.
fn total(chunks: &Bound<'_, PyList>) -> Option<usize> {
    let length = |chunk: Bound<'_, PyAny>| {
        let bytes = chunk.cast_exact::<PyBytes>().ok()?;
        Some(bytes.as_bytes().len())
    };
    chunks.iter().map(length).sum()
}
