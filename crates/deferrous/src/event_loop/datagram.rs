//! A socket for datagrams.

use std::{
    cell::RefCell,
    fmt, io,
    net::{SocketAddr, UdpSocket},
    os::{
        fd::AsFd,
        unix::net::{self as unix, UnixDatagram},
    },
};

use super::{
    poller::{Event, Poller},
    watched::Watched,
};

/// The most bytes that are received for one event, as Twisted's `maxThroughput`, so that a flood does not hold
/// up the rest of the program.
pub const RECEIVE_LIMIT: usize = 256 * 1024;

/// A datagram without content counts as so many bytes.
const LEAST: usize = 64;

/// What a [`DatagramSocket`] receives from.
pub trait ReceiveFrom: AsFd {
    /// The address of a sender.
    type Peer;

    /// Receives one datagram. What does not fit into `buffer` is lost.
    ///
    /// # Errors
    ///
    /// What the system says, [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none.
    fn receive_from(&self, buffer: &mut [u8]) -> io::Result<(usize, Self::Peer)>;
}

impl ReceiveFrom for UdpSocket {
    type Peer = SocketAddr;

    fn receive_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(buffer)
    }
}

impl ReceiveFrom for UnixDatagram {
    type Peer = unix::SocketAddr;

    fn receive_from(&self, buffer: &mut [u8]) -> io::Result<(usize, unix::SocketAddr)> {
        self.recv_from(buffer)
    }
}

/// What happens to a [`DatagramSocket`] of `S`. Nothing is borrowed while these are called.
pub trait DatagramHandler<S: ReceiveFrom> {
    /// A datagram has arrived. The buffer is used again for the next one.
    fn received(&self, datagram: &[u8], from: S::Peer);

    /// Receiving has failed, often because somebody to whom a datagram was sent was not there. The socket can go on.
    fn failed(&self, error: io::Error);
}

/// A non-blocking socket for datagrams that is used by one loop, which passes [events](Self::on_event) on and
/// [flushes](Self::flush) it as a [`Stream`](super::Stream). Datagrams are sent at once, by its owner.
pub struct DatagramSocket<S> {
    /// Absent when it was closed.
    socket: RefCell<Option<S>>,
    watched: Watched,
}

impl<S: ReceiveFrom> DatagramSocket<S> {
    /// A socket that receives nothing yet. `key` is as in [`Poller::add`].
    pub const fn new(socket: S, key: usize) -> Self {
        DatagramSocket {
            socket: RefCell::new(Some(socket)),
            watched: Watched::new(key),
        }
    }

    /// Whether it was not closed yet.
    pub fn is_open(&self) -> bool {
        self.socket.borrow().is_some()
    }

    /// Does something with the socket, unless it was closed. `f` must not close it.
    pub fn with_socket<R>(&self, f: impl FnOnce(&S) -> R) -> Option<R> {
        self.socket.borrow().as_ref().map(f)
    }

    /// Begins to receive, or stops. It has to be listed.
    pub fn set_reading(&self, reading: bool) {
        self.watched.set_readable(reading);
    }

    /// Marks it as listed. Returns whether it has to be put on the list, on which it was not.
    #[must_use = "what is not put on the list is never flushed"]
    pub fn list(&self) -> bool {
        self.watched.list()
    }

    /// Receives what there is, up to [`RECEIVE_LIMIT`], each datagram into `buffer`.
    pub fn on_event(&self, _event: Event, buffer: &mut [u8], handler: &impl DatagramHandler<S>) {
        let mut received = 0;
        while received < RECEIVE_LIMIT && self.watched.wanted().readable {
            match self.with_socket(|socket| socket.receive_from(buffer)) {
                Some(Ok((len, from))) => {
                    received += len.max(LEAST);
                    handler.received(&buffer[..len], from);
                }
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                // It is told of once: reading it has cleared it. What has arrived is left for the next turn.
                Some(Err(error)) => return handler.failed(error),
                None => return,
            }
        }
    }

    /// Tells the poller whether it receives.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn flush(&self, poller: &Poller) -> io::Result<()> {
        self.watched.unlist();
        match &*self.socket.borrow() {
            Some(socket) => self.watched.tell(poller, socket.as_fd()),
            None => Ok(()),
        }
    }

    /// Has the poller forget the socket, if there is one, and returns it for its owner to close.
    pub fn close(&self, poller: Option<&Poller>) -> Option<S> {
        let socket = self.socket.take()?;
        self.watched.set_readable(false);
        if let Some(poller) = poller {
            // It may have been closed behind our back, with which the poller has forgotten it.
            let _ = self.watched.forget(poller, socket.as_fd());
        }
        Some(socket)
    }
}

impl<S> fmt::Debug for DatagramSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramSocket")
            .field("watched", &self.watched)
            .finish_non_exhaustive()
    }
}
