//! Bytes that wait to be sent, in the pieces in which they came.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, IoSlice},
    os::fd::{AsFd, BorrowedFd},
};

use rustix::{
    io::Errno,
    net::{SendAncillaryBuffer, SendFlags, send, sendmsg},
};

/// The most bytes that one flush sends, as Twisted's `SEND_LIMIT`, so that one stream does not hold up the
/// others.
pub const SEND_LIMIT: usize = 128 * 1024;

/// How many chunks one call of the system is given.
const SLICES: usize = 64;

/// Small pieces are joined into chunks of up to this size.
const JOINED: usize = 16 * 1024;

/// What a process that ignores no SIGPIPE needs, where the system has it.
#[cfg(not(target_vendor = "apple"))]
const FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const FLAGS: SendFlags = SendFlags::empty();

/// How far a [`SendQueue`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sent {
    /// Nothing is left.
    All,
    /// The socket would have taken more, but it was sent [`SEND_LIMIT`] already.
    Limit,
    /// The socket has no room for the rest.
    Blocked,
}

/// Chunks of bytes in the order in which they are to be sent. A chunk is whatever refers to bytes.
///
/// Dropping a chunk must not use the queue.
pub struct SendQueue<C = Vec<u8>> {
    chunks: VecDeque<C>,
    /// How much of the first chunk was sent.
    offset: usize,
    len: usize,
}

impl<C: AsRef<[u8]>> SendQueue<C> {
    /// There is nothing to send.
    pub const fn new() -> Self {
        SendQueue {
            chunks: VecDeque::new(),
            offset: 0,
            len: 0,
        }
    }

    /// How many bytes wait.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a chunk at the end.
    pub fn push(&mut self, chunk: C) {
        let len = chunk.as_ref().len();
        if len > 0 {
            self.len += len;
            self.chunks.push_back(chunk);
        }
    }

    /// Drops all that waits.
    pub fn clear(&mut self) {
        *self = SendQueue::new();
    }

    /// Sends as much as the socket takes and [`SEND_LIMIT`] allows.
    ///
    /// That the socket, or the system, has no room for now is no error.
    ///
    /// # Errors
    ///
    /// What the system says. The stream is of no use any more then.
    pub fn send(&mut self, socket: impl AsFd) -> io::Result<Sent> {
        let mut allowed = SEND_LIMIT;
        while !self.is_empty() {
            if allowed == 0 {
                return Ok(Sent::Limit);
            }
            let (offered, sent) = self.send_some(socket.as_fd(), allowed);
            match sent {
                Ok(sent) => {
                    self.consume(sent);
                    if sent < offered {
                        return Ok(Sent::Blocked);
                    }
                    allowed -= sent;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN | Errno::NOBUFS) => return Ok(Sent::Blocked),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Sent::All)
    }

    /// Makes one call of the system. Returns how much it was offered, and how much it took.
    fn send_some(&self, socket: BorrowedFd<'_>, allowed: usize) -> (usize, Result<usize, Errno>) {
        let mut skipped = self.offset;
        let mut slices = self.chunks.iter().map(|chunk| {
            let bytes = &chunk.as_ref()[skipped..];
            skipped = 0;
            bytes
        });
        let first = slices.next().unwrap_or_default();
        let first = &first[..first.len().min(allowed)];
        if self.chunks.len() == 1 || first.len() == allowed {
            return (first.len(), send(socket, first, FLAGS));
        }
        let (mut list, mut used, mut offered) = ([IoSlice::new(&[]); SLICES], 1, first.len());
        list[0] = IoSlice::new(first);
        for bytes in slices {
            if used == SLICES || offered == allowed {
                break;
            }
            let bytes = &bytes[..bytes.len().min(allowed - offered)];
            list[used] = IoSlice::new(bytes);
            (used, offered) = (used + 1, offered + bytes.len());
        }
        let mut control = SendAncillaryBuffer::default();
        let sent = sendmsg(socket, &list[..used], &mut control, FLAGS);
        (offered, sent)
    }

    /// Drops the first `sent` bytes.
    fn consume(&mut self, sent: usize) {
        self.len -= sent;
        let mut gone = self.offset + sent;
        while let Some(first) = self.chunks.front() {
            let len = first.as_ref().len();
            if gone < len {
                break;
            }
            gone -= len;
            self.chunks.pop_front();
        }
        self.offset = gone;
    }
}

impl SendQueue<Vec<u8>> {
    /// Adds bytes at the end, joined with those before if both are short.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        match self.chunks.back_mut() {
            Some(last) if last.len() + bytes.len() <= JOINED => {
                last.extend_from_slice(bytes);
                self.len += bytes.len();
            }
            _ => self.push(bytes.to_vec()),
        }
    }
}

impl<C: AsRef<[u8]>> Default for SendQueue<C> {
    fn default() -> Self {
        SendQueue::new()
    }
}

impl<C> fmt::Debug for SendQueue<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendQueue")
            .field("len", &self.len)
            .field("chunks", &self.chunks.len())
            .finish_non_exhaustive()
    }
}
