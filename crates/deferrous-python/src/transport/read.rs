//! `doRead` of a stream: one `recv`, and what has come goes to the protocol.

use std::{cell::Cell, io, os::fd::RawFd};

use pyo3::{prelude::*, types::PyBytes};

use super::{facts::Own, names::names, plan::Part, stream::Stream, system};
use crate::interp::{call_method, fallible};

/// The largest `bufferSize`, in bytes, that is read here.
const MOST: usize = 1 << 20;

thread_local! {
    /// The room for what is read. Absent while something is read into it.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A stream that is about to be read.
pub struct Reading<'a, 'py> {
    pub stream: Stream<'a, 'py>,
    fd: RawFd,
    size: usize,
}

impl<'a, 'py> Reading<'a, 'py> {
    /// The object, if its `doRead` is Twisted's and its socket one of Python's.
    #[inline]
    pub fn of(object: &'a Bound<'py, PyAny>) -> Option<Self> {
        let stream = Stream::of(object, Part::READ)?;
        let size = stream.facts.size;
        let fd = stream.descriptor()?;
        (1..=MOST)
            .contains(&size)
            .then_some(Reading { stream, fd, size })
    }

    /// `doRead()`. Returns why the stream is to be disconnected, or `None`.
    ///
    /// # Errors
    ///
    /// What the protocol's `dataReceived` raises, with the frames of Twisted's functions.
    pub fn read(&self) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (stream, py) = (&self.stream, self.stream.object.py());
        let mut room = ROOM.take();
        if room.len() < self.size {
            room.resize(self.size, 0);
        }
        let received = system::receive(self.fd, &mut room[..self.size]);
        let data = match &received {
            Ok(length) => fallible::bytes(py, &room[..*length]),
            Err(_) => fallible::bytes(py, &[]),
        };
        ROOM.set(room);
        match received {
            Ok(0) => Ok(Some(stream.stock.connection_done.bind(py).clone())),
            Ok(_) => self.hand_over(&data?).map(|()| None),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(_) => Ok(Some(stream.stock.connection_lost.bind(py).clone())),
        }
    }

    /// `self.protocol.dataReceived(data)`.
    fn hand_over(&self, data: &Bound<'py, PyBytes>) -> PyResult<()> {
        let (stream, py) = (&self.stream, self.stream.object.py());
        let protocol = match stream.get(Own::Protocol) {
            Some(protocol) => protocol,
            None => stream.object.getattr(names(py).protocol.bind(py))?,
        };
        match call_method(&protocol, names(py).data_received.bind(py), data) {
            Ok(_) => Ok(()),
            Err(exception) => {
                let error = PyErr::from_value(exception.into_any());
                Err(stream.stock.frames.through(py, error))
            }
        }
    }
}
