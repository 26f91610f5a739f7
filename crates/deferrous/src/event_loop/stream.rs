//! A connected socket: what it waits for, what it has to send, and when.

use std::{
    cell::{Cell, RefCell},
    fmt, io,
    os::fd::AsFd,
};

use rustix::{
    io::Errno,
    net::{RecvFlags, Shutdown, recv, shutdown, sockopt},
};

use super::{
    poller::{Event, Poller},
    send_queue::{SendQueue, Sent},
    watched::Watched,
};

/// From here on, what an event has had written is sent at once: it is still in the processor's cache. Less
/// waits for the end of the turn, to be joined with what else is written.
const SENT_EARLY: usize = 16 * 1024;

/// What happens to a [`Stream`]. Nothing is borrowed while these are called, so each may do with the stream
/// whatever it likes.
pub trait StreamHandler {
    /// Bytes have arrived. The buffer is used again for the next ones.
    fn received(&self, bytes: &[u8]);

    /// The peer sends no more. It is told again until nobody reads.
    fn read_ended(&self);

    /// In a flush, nothing is left to be sent.
    fn drained(&self);

    /// The connection was lost. It is to be closed.
    fn failed(&self, error: io::Error);
}

/// A connected, non-blocking socket that is used by one loop.
///
/// `S` is what has the descriptor, and `C` what the chunks to be sent are. Its loop does three things with
/// it:
///
/// - It passes [events](Self::on_event) on, of which each receives once, so that all streams get their turn.
/// - It keeps a [`FlushList`](super::FlushList). After each call that says so, it puts the stream there if
///   [`list`](Self::list) agrees.
/// - Before it waits, it [flushes](Self::flush) what is on the list.
///
/// Nothing is sent where it is written, and the poller learns what has changed in a turn from its end. So
/// pausing and resuming in one turn costs nothing, and the poller is asked for room to write only when the
/// socket has had none.
pub struct Stream<S, C = Vec<u8>> {
    /// Absent when it was closed.
    socket: RefCell<Option<S>>,
    watched: Watched,
    queue: RefCell<SendQueue<C>>,
    /// Both directions have ended, without an error, and nobody reads what may be left.
    hung_up: Cell<bool>,
}

impl<S: AsFd, C: AsRef<[u8]>> Stream<S, C> {
    /// A stream that waits for nothing yet. `key` is as in [`Poller::add`].
    pub const fn new(socket: S, key: usize) -> Self {
        Stream {
            socket: RefCell::new(Some(socket)),
            watched: Watched::new(key),
            queue: RefCell::new(SendQueue::new()),
            hung_up: Cell::new(false),
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

    /// Marks it as listed. Returns whether it has to be put on the list, on which it was not.
    #[must_use = "what is not put on the list is never flushed"]
    pub fn list(&self) -> bool {
        self.watched.list()
    }

    /// Whether it receives.
    pub const fn is_reading(&self) -> bool {
        self.watched.wanted().readable
    }

    /// Begins to receive, or stops. Nothing is received any more after a stop, even if an event has been seen.
    /// It has to be listed.
    pub fn set_reading(&self, reading: bool) {
        self.watched.set_readable(reading);
        self.hung_up.set(self.hung_up.get() && !reading);
    }

    /// How many bytes wait to be sent.
    pub fn queued(&self) -> usize {
        self.queue.borrow().len()
    }

    /// Has a chunk sent in the next flush, or is dropped if the stream was closed. It has to be listed.
    pub fn write(&self, chunk: C) {
        if self.is_open() {
            self.queue.borrow_mut().push(chunk);
        }
    }

    /// Handles an event: receives once, into `buffer`. Returns whether the stream has to be listed, because
    /// there is room for what had none before.
    #[must_use = "what waits for room is sent in a flush"]
    pub fn on_event(&self, event: Event, buffer: &mut [u8], handler: &impl StreamHandler) -> bool {
        if event.readable || event.failed {
            if self.is_reading() {
                self.receive(buffer, handler);
            } else if event.failed {
                self.on_hang_up(handler);
            }
        }
        let may_send = (event.writable || event.failed) && self.watched.wanted().writable;
        if may_send {
            self.watched.set_writable(false);
        }
        may_send || self.hung_up.get()
    }

    fn receive(&self, buffer: &mut [u8], handler: &impl StreamHandler) {
        let received = self.with_socket(|socket| recv(socket, &mut *buffer, RecvFlags::empty()));
        match received {
            Some(Ok((0, _))) => handler.read_ended(),
            Some(Ok((len, _))) => {
                handler.received(&buffer[..len]);
                if self.queued() >= SENT_EARLY {
                    self.send_early();
                }
            }
            Some(Err(Errno::AGAIN | Errno::INTR)) | None => {}
            Some(Err(error)) => handler.failed(error.into()),
        }
    }

    /// Sends what is queued, as far as there is room, and does nothing else: what comes of it is found in the flush, for
    /// which it is listed.
    pub fn send_early(&self) {
        let mut queue = self.queue.borrow_mut();
        if self.watched.wanted().writable {
            return;
        }
        let sent = self.with_socket(|socket| queue.send(socket));
        if let Some(Ok(Sent::Blocked)) = sent {
            self.watched.set_writable(true);
        }
    }

    /// Nobody reads, so the end of the stream would be found only by those who resume. An error is told now.
    /// Otherwise there may be bytes left for them, but no more events, which would come again and again.
    fn on_hang_up(&self, handler: &impl StreamHandler) {
        match self.with_socket(|socket| sockopt::socket_error(socket)) {
            Some(Ok(Err(error)) | Err(error)) => handler.failed(error.into()),
            Some(Ok(Ok(()))) => self.hung_up.set(true),
            None => {}
        }
    }

    /// Sends what is queued, unless there was no room before. Tells of errors itself.
    fn send_queued(&self, handler: &impl StreamHandler) -> Option<Sent> {
        let sent = {
            let mut queue = self.queue.borrow_mut();
            if self.watched.wanted().writable {
                return Some(Sent::Blocked);
            }
            self.with_socket(|socket| queue.send(socket))?
        };
        match sent {
            Ok(sent) => {
                self.watched.set_writable(sent == Sent::Blocked);
                Some(sent)
            }
            Err(error) => {
                handler.failed(error);
                None
            }
        }
    }

    /// Sends what is queued, up to [`SEND_LIMIT`](super::SEND_LIMIT), and tells the poller what is wanted.
    /// Returns whether it has to be listed for another flush.
    #[must_use = "what is left is sent in another flush"]
    pub fn flush(&self, poller: &Poller, handler: &impl StreamHandler) -> bool {
        self.watched.unlist();
        let sent = self.send_queued(handler);
        if sent == Some(Sent::All) {
            handler.drained();
        }
        if let Some(Err(error)) = self.with_socket(|socket| self.tell(socket, poller)) {
            handler.failed(error);
        }
        sent == Some(Sent::Limit)
    }

    fn tell(&self, socket: &S, poller: &Poller) -> io::Result<()> {
        let (fd, wanted) = (socket.as_fd(), self.watched.wanted());
        if self.hung_up.get() && !wanted.readable && !wanted.writable {
            return self.watched.forget(poller, fd);
        }
        self.watched.tell(poller, fd)
    }

    /// Ends this direction: the peer reads to the end. What is queued has to be sent before.
    ///
    /// # Errors
    ///
    /// What the system says, for example that the connection was lost.
    pub fn shut_down_write(&self) -> io::Result<()> {
        match self.with_socket(|socket| shutdown(socket, Shutdown::Write)) {
            Some(result) => Ok(result?),
            None => Ok(()),
        }
    }

    /// Has [`close`](Self::close) reset the connection, so that the peer gets an error and not the end. Sockets
    /// that know no reset are closed as usual.
    pub fn reset_on_close(&self) {
        let linger = Some(std::time::Duration::ZERO);
        let _ = self.with_socket(|socket| sockopt::set_socket_linger(socket, linger));
    }

    /// Has the poller, if there is one, forget the socket, drops what is queued, and returns the socket for its owner to close.
    /// Nothing happens to the stream any more.
    pub fn close(&self, poller: Option<&Poller>) -> Option<S> {
        let socket = self.socket.take()?;
        self.watched.set_readable(false);
        self.watched.set_writable(false);
        if let Some(poller) = poller {
            // It may have been closed behind our back, with which the poller has forgotten it.
            let _ = self.watched.forget(poller, socket.as_fd());
        }
        self.queue.borrow_mut().clear();
        Some(socket)
    }
}

impl<S: AsFd> Stream<S, Vec<u8>> {
    /// As [`write`](Self::write), of bytes that are copied, and joined with those before if both are short.
    pub fn write_slice(&self, bytes: &[u8]) {
        if self.is_open() {
            self.queue.borrow_mut().extend_from_slice(bytes);
        }
    }
}

impl<S, C> fmt::Debug for Stream<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("watched", &self.watched)
            .field("queue", &*self.queue.borrow())
            .finish_non_exhaustive()
    }
}
