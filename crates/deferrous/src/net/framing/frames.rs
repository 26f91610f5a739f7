//! Taking a stream apart into frames.

use std::{fmt, mem};

use super::super::{protocol::Protocol, transport::Transport};
use crate::failure::Failure;

/// What a program does with the messages of one connection: [lines](super::Lines), or pieces with their
/// [length](super::LengthPrefix) before them. Twisted's `LineReceiver` and `Int32StringReceiver`.
///
/// All but what is said here is as for a [`Protocol`]: an error or a panic ends the connection, for example. After
/// [`pause_producing`](Transport::pause_producing) or the beginning of an end, no further frame is received, even if it has
/// arrived: it waits for [`resume_producing`](Transport::resume_producing), or is dropped.
///
/// ```
/// use deferrous::{Failure, Reactor, net::{FrameProtocol, Lines, Transport}};
///
/// struct Greeter(Lines);
///
/// impl FrameProtocol for Greeter {
///     fn frame_received(&mut self, transport: &Transport, line: &[u8]) -> Result<(), Failure> {
///         self.0.send(transport, format!("hello {}", std::str::from_utf8(line)?));
///         Ok(())
///     }
/// }
///
/// let reactor = Reactor::new()?;
/// let lines = Lines::new().max_length(1000);
/// let port = reactor.listen_tcp("127.0.0.1:0", move |_peer| lines.protocol(Greeter(lines)))?;
/// # let address = port.host().socket_addr().unwrap();
/// # let client = reactor.defer_to_thread(move || {
/// #     let mut stream = std::net::TcpStream::connect(address)?;
/// #     std::io::Write::write_all(&mut stream, b"you\r\nme\r\n")?;
/// #     stream.shutdown(std::net::Shutdown::Write)?;
/// #     Ok(std::io::read_to_string(stream)?)
/// # });
/// # assert_eq!(reactor.run_until(client)?, "hello you\r\nhello me\r\n");
/// # Ok::<(), Failure>(())
/// ```
pub trait FrameProtocol: 'static {
    /// The connection was made: [`Protocol::connection_made`].
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn connection_made(&mut self, transport: &Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The peer is known, and all is encrypted from here on: [`Protocol::handshake_completed`].
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn handshake_completed(&mut self, transport: &Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// A message has come, without its delimiter or length; Twisted's `lineReceived` and `stringReceived`.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn frame_received(&mut self, transport: &Transport, frame: &[u8]) -> Result<(), Failure>;

    /// How many of the next bytes are no frame: the body of a message whose head was received, for example. Asked before each
    /// frame. `usize::MAX` is all there is to come. Twisted's `setRawMode`.
    fn raw_bytes_wanted(&self) -> usize {
        0
    }

    /// Some of the bytes that [`raw_bytes_wanted`](Self::raw_bytes_wanted) has asked for, which is asked again after this;
    /// Twisted's `rawDataReceived`.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn raw_data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure> {
        let _ = (transport, data);
        Ok(())
    }

    /// The next message is longer than allowed; Twisted's `lineLengthExceeded` and `lengthLimitExceeded`. What has arrived is
    /// dropped. Unless a protocol says otherwise, the connection is [closed](Transport::lose_connection).
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn length_exceeded(&mut self, transport: &Transport) -> Result<(), Failure> {
        transport.lose_connection();
        Ok(())
    }

    /// The peer sends no more: [`Protocol::read_connection_lost`]. A frame that was begun is dropped.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn read_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        transport.hang_up();
        Ok(())
    }

    /// The peer was told that no more comes: [`Protocol::write_connection_lost`].
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn write_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The connection has ended: [`Protocol::connection_lost`].
    ///
    /// # Errors
    ///
    /// What the program likes; it is reported.
    fn connection_lost(&mut self, transport: &Transport, reason: Failure) -> Result<(), Failure> {
        let _ = (transport, reason);
        Ok(())
    }
}

/// What the beginning of some bytes is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A frame from `start` to `end`, after which the next one begins at `next`.
    Frame {
        start: usize,
        end: usize,
        next: usize,
    },
    /// A part of one. Of these bytes so many need not be looked at again.
    Part {
        searched: usize,
    },
    TooLong,
}

/// How frames are told from each other.
pub(super) trait Format: fmt::Debug + 'static {
    /// Finds the first frame, of which no end is in the first `searched` bytes.
    fn find(&self, bytes: &[u8], searched: usize) -> Found;
}

/// Takes the stream of a connection apart.
#[derive(Debug)]
pub(super) struct Frames<F, P> {
    format: F,
    protocol: P,
    /// What has arrived and was not received yet.
    buffer: Vec<u8>,
    searched: usize,
    /// The peer has sent all, and the protocol has not heard of it yet: it may have paused before the end.
    ended: bool,
}

impl<F: Format, P: FrameProtocol> Frames<F, P> {
    pub(super) const fn new(format: F, protocol: P) -> Self {
        Frames {
            format,
            protocol,
            buffer: Vec::new(),
            searched: 0,
            ended: false,
        }
    }

    /// Hands on all frames in `bytes`, until the protocol receives no more. Returns how many bytes are done with.
    fn hand_on(&mut self, transport: &Transport, bytes: &[u8]) -> Result<usize, Failure> {
        let mut done = 0;
        while transport.is_receiving() {
            let rest = &bytes[done..];
            let raw = self.protocol.raw_bytes_wanted().min(rest.len());
            if rest.is_empty() {
                break;
            }
            if raw > 0 {
                done += raw;
                self.searched = 0;
                self.protocol.raw_data_received(transport, &rest[..raw])?;
                continue;
            }
            match self.format.find(rest, self.searched) {
                Found::Frame { start, end, next } => {
                    done += next;
                    self.searched = 0;
                    self.protocol.frame_received(transport, &rest[start..end])?;
                }
                Found::Part { searched } => {
                    self.searched = searched;
                    break;
                }
                Found::TooLong => {
                    done = bytes.len();
                    self.searched = 0;
                    self.protocol.length_exceeded(transport)?;
                }
            }
        }
        Ok(done)
    }

    /// Hands on what has been kept.
    fn go_on(&mut self, transport: &Transport) -> Result<(), Failure> {
        let mut buffer = mem::take(&mut self.buffer);
        let done = self.hand_on(transport, &buffer)?;
        buffer.drain(..done);
        if !buffer.is_empty() {
            self.buffer = buffer;
        }
        Ok(())
    }
}

impl<F: Format, P: FrameProtocol> Protocol for Frames<F, P> {
    fn connection_made(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.protocol.connection_made(transport)
    }

    fn handshake_completed(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.protocol.handshake_completed(transport)
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure> {
        if self.buffer.is_empty() {
            let done = self.hand_on(transport, data)?;
            self.buffer.extend_from_slice(&data[done..]);
            return Ok(());
        }
        self.buffer.extend_from_slice(data);
        self.go_on(transport)
    }

    fn receiving_resumed(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.go_on(transport)?;
        if self.ended && !transport.is_paused() {
            self.ended = false;
            return self.protocol.read_connection_lost(transport);
        }
        Ok(())
    }

    fn read_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.ended = true;
        self.receiving_resumed(transport)
    }

    fn write_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.protocol.write_connection_lost(transport)
    }

    fn connection_lost(&mut self, transport: &Transport, reason: Failure) -> Result<(), Failure> {
        self.protocol.connection_lost(transport, reason)
    }
}
