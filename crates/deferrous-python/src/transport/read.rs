//! `doRead` of a stream: one `recv` or `recvmsg`, and what has come goes to the protocol.

use std::{cell::Cell, io, mem::MaybeUninit, os::fd::RawFd};

use pyo3::{prelude::*, types::PyBytes};

use super::{attribute::Attribute, names::names, plan::Part, stream::Stream, system};
use crate::{
    failure::Trail,
    interp::{Ancillary, fallible, receive_message},
};

/// The largest `bufferSize`, in bytes, that is read here.
const MOST: usize = 1 << 20;

/// How many bytes are much, so that the next ones are read where they stay and not copied.
const LARGE: usize = 16 * 1024;

thread_local! {
    /// The room for what is read: the capacity of an empty list. Absent while something is read into it.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// How many bytes came last.
    static LAST: Cell<usize> = const { Cell::new(0) };
}

/// Receives, again if a signal interrupts that.
#[inline(always)]
pub(super) fn unless_interrupted<T>(
    mut receive: impl FnMut() -> PyResult<io::Result<T>>,
) -> PyResult<io::Result<T>> {
    loop {
        match receive()? {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            received => return Ok(received),
        }
    }
}

/// A stream that is about to be read.
pub struct Reading<'a, 'py> {
    pub stream: Stream<'a, 'py>,
    pub(super) fd: RawFd,
    pub(super) size: usize,
}

impl<'a, 'py> Reading<'a, 'py> {
    /// The object, if its `doRead` is Twisted's and its socket one of Python's.
    #[inline]
    pub fn of(object: &'a Bound<'py, PyAny>) -> Option<Self> {
        let stream = Stream::of(object, Part::READ)?;
        let size = stream.facts.size;
        let fd = stream.fd?;
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
        let (stock, py) = (self.stream.stock, self.stream.object.py());
        if self.stream.descriptor() != Some(self.fd) {
            // Entering the context of its log lines has ended an object, whose finalizer has closed the socket.
            let do_read = names(py).do_read.bind(py);
            return self.stream.object.call_method0(do_read).map(Some);
        }
        if self.stream.facts.has(Part::DATAGRAMS) {
            return self.read_datagrams();
        }
        let mut ancillary = None;
        let received = unless_interrupted(|| self.receive(&mut ancillary))?;
        if let (Ok(data), Some(ancillary)) = (&received, ancillary) {
            return self.read_message(data, ancillary).map(Some);
        }
        match received {
            Ok(data) if data.as_bytes().is_empty() => {
                Ok(Some(stock.connection_done.bind(py).clone()))
            }
            Ok(data) => self.hand_over(&data).map(|()| None),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(_) => Ok(Some(stock.connection_lost.bind(py).clone())),
        }
    }

    /// What has come; nothing at the end.
    fn receive(
        &self,
        ancillary: &mut Option<Ancillary>,
    ) -> PyResult<io::Result<Bound<'py, PyBytes>>> {
        let py = self.stream.object.py();
        let received = if LAST.get() >= LARGE {
            fallible::bytes_filled(py, self.size, |room| self.fill(room, ancillary))?
        } else {
            self.in_room(|room| match self.fill(room, ancillary) {
                Ok(received) => fallible::bytes(py, received).map(Ok),
                Err(error) => Ok(Err(error)),
            })?
        };
        if let Ok(data) = &received {
            LAST.set(data.as_bytes().len());
        }
        Ok(received)
    }

    #[inline(always)]
    fn fill<'room>(
        &self,
        room: &'room mut [MaybeUninit<u8>],
        ancillary: &mut Option<Ancillary>,
    ) -> io::Result<&'room mut [u8]> {
        if self.takes_descriptors() {
            receive_message(self.fd, room, ancillary)
        } else {
            system::receive(self.fd, room)
        }
    }

    /// Runs `fill` with as much room as is to be read at most. It must run no code of the program.
    #[inline(always)]
    pub(super) fn in_room<R>(&self, fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> R) -> R {
        let mut room = ROOM.take();
        room.reserve(self.size);
        let filled = fill(&mut room.spare_capacity_mut()[..self.size]);
        ROOM.set(room);
        filled
    }

    #[inline(always)]
    const fn takes_descriptors(&self) -> bool {
        self.stream.facts.has(Part::DESCRIPTORS)
    }

    /// Twisted's own `doRead`, with a message that has ancillary data.
    #[cold]
    fn read_message(
        &self,
        data: &Bound<'py, PyBytes>,
        ancillary: Ancillary,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (stream, py) = (&self.stream, self.stream.object.py());
        let (items, flags) = ancillary.into_python(py)?;
        let arguments = [data.clone().into_any(), items.into_any(), flags];
        let reader = stream.stock.message_reader.bind(py);
        let do_read = reader.call1(fallible::tuple(py, arguments)?)?;
        do_read.call1(fallible::tuple(py, [stream.object.clone()])?)
    }

    /// `self.protocol.dataReceived(data)`.
    fn hand_over(&self, data: &Bound<'py, PyBytes>) -> PyResult<()> {
        let (stream, py) = (&self.stream, self.stream.object.py());
        let protocol = match stream.get(Attribute::Protocol) {
            Some(protocol) => protocol,
            None => stream.object.getattr(names(py).protocol.bind(py))?,
        };
        match protocol.call_method1(names(py).data_received.bind(py), (data,)) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.frames().through(py, error)),
        }
    }

    /// Where errors of `dataReceived` pass through.
    const fn frames(&self) -> &'static Trail {
        if self.takes_descriptors() {
            &self.stream.stock.unix.frames
        } else {
            &self.stream.stock.tcp.frames
        }
    }
}
