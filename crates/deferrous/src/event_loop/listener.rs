//! A socket that accepts connections.

use std::{
    cell::{Cell, RefCell},
    fmt, io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::{
        fd::AsFd,
        unix::net::{self as unix, UnixListener, UnixStream},
    },
};

use rustix::io::Errno;

use super::{
    poller::{Event, Poller},
    watched::Watched,
};

/// The most connections that are accepted for one event, so that those there are get their turns, too. As
/// in Twisted.
const MOST: usize = 20;

/// What a [`Listener`] accepts from.
pub trait Accept: AsFd {
    /// A connection.
    type Stream;
    /// The address of its other end.
    type Peer;

    /// Accepts one connection. It is non-blocking, and closed in programs that this one starts.
    ///
    /// # Errors
    ///
    /// What the system says, [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none.
    fn accept_one(&self) -> io::Result<(Self::Stream, Self::Peer)>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    fn accept_one(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.accept()?;
        stream.set_nonblocking(true)?;
        Ok((stream, peer))
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;
    type Peer = unix::SocketAddr;

    fn accept_one(&self) -> io::Result<(UnixStream, unix::SocketAddr)> {
        let (stream, peer) = self.accept()?;
        stream.set_nonblocking(true)?;
        Ok((stream, peer))
    }
}

/// What happens to a [`Listener`] of `L`. Nothing is borrowed while these are called.
pub trait ListenerHandler<L: Accept> {
    /// Somebody has connected.
    fn accepted(&self, stream: L::Stream, peer: L::Peer);

    /// Nobody can be accepted for now: the system has no descriptor or no memory left. The one who waits is told of
    /// in the next turn again, so accepting is to be paused.
    fn exhausted(&self, error: io::Error);
}

/// A non-blocking listening socket that is used by one loop, which passes [events](Self::on_event) on and
/// [flushes](Self::flush) it as a [`Stream`](super::Stream).
pub struct Listener<L> {
    /// Absent when it was closed.
    socket: RefCell<Option<L>>,
    watched: Watched,
    /// How many are accepted for the next event. One for a lone client, since a call that finds nobody is one too
    /// many, and more while many come at once.
    accepts: Cell<usize>,
}

impl<L: Accept> Listener<L> {
    /// A listener that accepts nobody yet. `key` is as in [`Poller::add`].
    pub const fn new(socket: L, key: usize) -> Self {
        Listener {
            socket: RefCell::new(Some(socket)),
            watched: Watched::new(key),
            accepts: Cell::new(1),
        }
    }

    /// Whether it was not closed yet.
    pub fn is_open(&self) -> bool {
        self.socket.borrow().is_some()
    }

    /// Whether it accepts.
    pub const fn is_accepting(&self) -> bool {
        self.watched.wanted().readable
    }

    /// Begins to accept, or stops: whoever connects waits in the system. It has to be listed.
    pub fn set_accepting(&self, accepting: bool) {
        self.watched.set_readable(accepting);
    }

    /// Marks it as listed. Returns whether it has to be put on the list, on which it was not.
    #[must_use = "what is not put on the list is never flushed"]
    pub fn list(&self) -> bool {
        self.watched.list()
    }

    /// Accepts who has connected, a bounded number of them.
    pub fn on_event(&self, _event: Event, handler: &impl ListenerHandler<L>) {
        let most = self.accepts.get();
        for accepted in 0..most {
            if !self.is_accepting() {
                return;
            }
            let next = self.socket.borrow().as_ref().map(L::accept_one);
            match next {
                Some(Ok((stream, peer))) => handler.accepted(stream, peer),
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.accepts.set(accepted.max(1));
                }
                Some(Err(error)) if is_of_the_connection(&error) => {}
                Some(Err(error)) => return handler.exhausted(error),
                None => return,
            }
        }
        self.accepts.set((2 * most).min(MOST));
    }

    /// Tells the poller whether it accepts.
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
    pub fn close(&self, poller: Option<&Poller>) -> Option<L> {
        let socket = self.socket.take()?;
        self.watched.set_readable(false);
        if let Some(poller) = poller {
            // It may have been closed behind our back, with which the poller has forgotten it.
            let _ = self.watched.forget(poller, socket.as_fd());
        }
        Some(socket)
    }
}

/// Whether an error is that of a connection that has gone before it was accepted, so that the next one may
/// be accepted. Linux returns the network's errors there.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::INTR
                | Errno::CONNABORTED
                | Errno::PERM
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::TIMEDOUT
        )
    )
}

impl<L> fmt::Debug for Listener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("watched", &self.watched)
            .field("accepts", &self.accepts.get())
            .finish_non_exhaustive()
    }
}
