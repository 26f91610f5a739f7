//! Connections for coroutines: bytes are awaited, and not received in callbacks.

use std::{cell::RefCell, error::Error, fmt, mem, rc::Rc};

use super::{
    errors::{ConnectionAborted, ConnectionDone, ConnectionLost},
    framing::TooLong,
    protocol::Protocol,
    transport::Transport,
};
use crate::{
    coroutine::spawn,
    deferred::{Deferred, Trigger, deferred, fail, succeed},
    failure::Failure,
};

/// With more than this nothing is received until some of it is read.
const FULL: usize = 64 * 1024;

/// The peer has ended in the middle of what was asked for; Python's `IncompleteReadError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnexpectedEnd;

impl fmt::Display for UnexpectedEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer has ended in the middle of what was to be read")
    }
}

impl Error for UnexpectedEnd {}

/// Somebody else waits for bytes of this connection already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionBusy;

impl fmt::Display for ConnectionBusy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("somebody else waits for bytes of this connection already")
    }
}

impl Error for ConnectionBusy {}

#[derive(Default)]
struct Incoming {
    bytes: Vec<u8>,
    /// No more comes, and why.
    end: Option<Failure>,
    /// Fires when there is more, or no more comes.
    waiting: Option<Trigger<()>>,
}

impl Incoming {
    /// A Deferred that fires when something has changed.
    fn wait(&mut self) -> Result<Deferred<()>, ConnectionBusy> {
        let waiting = self.waiting.as_ref();
        if waiting.is_some_and(|waiting| !waiting.is_unwanted()) {
            return Err(ConnectionBusy);
        }
        let (trigger, d) = deferred();
        d.inspected().named("ByteStream");
        self.waiting = Some(trigger);
        Ok(d)
    }
}

/// A connection that a coroutine reads and writes. [`coroutine`] makes one.
///
/// What has arrived and was not read is kept, up to about 64 KiB: then the peer has to wait. One coroutine at a time reads.
/// Dropping it closes the connection once all that was written has been sent.
pub struct ByteStream {
    transport: Transport,
    incoming: Rc<RefCell<Incoming>>,
}

impl ByteStream {
    /// The transport below: to close or abort, and for the addresses and options. It should not be paused by hand.
    pub const fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Waits until more than `known` bytes are there. Returns whether no more comes.
    async fn more_than(&self, known: usize) -> Result<bool, Failure> {
        loop {
            let waiting = {
                let mut incoming = self.incoming.borrow_mut();
                if incoming.bytes.len() > known {
                    return Ok(false);
                }
                match &incoming.end {
                    Some(end) if end.check::<ConnectionDone>() => return Ok(true),
                    Some(end) => return Err(end.clone()),
                    None => incoming.wait()?,
                }
            };
            // What is asked for may be longer than what is kept.
            self.transport.resume_producing();
            waiting.await?;
        }
    }

    /// Takes the first bytes out, for whose room more is received.
    fn take(&self, len: usize) -> Vec<u8> {
        let taken = {
            let mut incoming = self.incoming.borrow_mut();
            let rest = incoming.bytes.split_off(len);
            mem::replace(&mut incoming.bytes, rest)
        };
        if self.incoming.borrow().bytes.len() < FULL {
            self.transport.resume_producing();
        }
        taken
    }

    /// Reads what there is, at least one byte, and waits for that. `None` is the end: the peer sends no more, or this side has
    /// closed the connection.
    ///
    /// # Errors
    ///
    /// The reason why the connection was lost, after all that had arrived was read; [`ConnectionBusy`].
    pub async fn read(&self) -> Result<Option<Vec<u8>>, Failure> {
        match self.more_than(0).await? {
            true => Ok(None),
            false => {
                let len = self.incoming.borrow().bytes.len();
                Ok(Some(self.take(len)))
            }
        }
    }

    /// Reads so many bytes, and waits for them.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEnd`] if there are fewer, which are kept; otherwise as for [`read`](Self::read).
    pub async fn read_exact(&self, len: usize) -> Result<Vec<u8>, Failure> {
        loop {
            let known = self.incoming.borrow().bytes.len();
            if known >= len {
                return Ok(self.take(len));
            }
            if self.more_than(known).await? {
                return Err(UnexpectedEnd.into());
            }
        }
    }

    /// Reads up to a delimiter, which is the end of what it returns, and waits for that. `None` is the end, if nothing is left
    /// before it.
    ///
    /// # Errors
    ///
    /// [`TooLong`] if there are more than `max` bytes without a delimiter, which are kept; [`UnexpectedEnd`] if the peer has ended
    /// before the delimiter; otherwise as for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// If the delimiter is empty.
    pub async fn read_until(
        &self,
        delimiter: &[u8],
        max: usize,
    ) -> Result<Option<Vec<u8>>, Failure> {
        assert!(!delimiter.is_empty(), "a delimiter has at least one byte");
        let mut searched = 0_usize;
        loop {
            let known = {
                let incoming = self.incoming.borrow();
                let from = searched.saturating_sub(delimiter.len() - 1);
                let mut windows = incoming.bytes[from..].windows(delimiter.len());
                let found = windows.position(|window| window == delimiter);
                let known = incoming.bytes.len();
                let len = found.map_or(known, |at| from + at + delimiter.len());
                if len > max {
                    return Err(TooLong::new(len, max).into());
                }
                if found.is_some() {
                    drop(incoming);
                    return Ok(Some(self.take(len)));
                }
                known
            };
            searched = known;
            if self.more_than(known).await? {
                return match known {
                    0 => Ok(None),
                    _ => Err(UnexpectedEnd.into()),
                };
            }
        }
    }

    /// Writes, and waits for room if more than 64 KiB wait to be sent: [`Transport::write`] and [`Transport::writable`].
    ///
    /// The bytes are queued by the call, and the Deferred fails if the connection has ended. Who does not wait writes by the
    /// [transport](Self::transport).
    #[must_use = "dropping the Deferred leaves the end of the connection unhandled"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write(&self, data: impl AsRef<[u8]>) -> Deferred<()> {
        self.transport.write(data);
        if !self.transport.is_connected() {
            let end = self.incoming.borrow().end.clone();
            return fail(end.unwrap_or_else(|| Failure::without_backtrace(ConnectionDone)));
        }
        if self.transport.queued() < FULL {
            return succeed(());
        }
        self.transport.writable()
    }
}

impl Drop for ByteStream {
    fn drop(&mut self) {
        self.transport.lose_connection();
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unread = self
            .incoming
            .try_borrow()
            .map(|incoming| incoming.bytes.len());
        f.debug_struct("ByteStream")
            .field("transport", &self.transport)
            .field("unread", &unread.ok())
            .finish()
    }
}

/// That a connection ends is no news to whoever has seen to its end.
fn ignore_end(failure: Failure) -> Result<(), Failure> {
    let is_end = failure.check::<ConnectionDone>()
        || failure.check::<ConnectionLost>()
        || failure.check::<ConnectionAborted>();
    match is_end {
        true => Ok(()),
        false => Err(failure),
    }
}

/// Keeps what arrives for a [`ByteStream`].
struct Receiving<F> {
    start: Option<F>,
    incoming: Rc<RefCell<Incoming>>,
}

impl<F> Receiving<F> {
    /// Tells whoever waits.
    fn wake(&self) {
        let waiting = self.incoming.borrow_mut().waiting.take();
        waiting.map(|trigger| trigger.callback(()));
    }

    fn end(&self, reason: Failure) {
        self.incoming.borrow_mut().end.get_or_insert(reason);
        self.wake();
    }
}

impl<F, C> Protocol for Receiving<F>
where
    F: FnOnce(ByteStream) -> C + 'static,
    C: Future<Output = Result<(), Failure>> + 'static,
{
    fn connection_made(&mut self, transport: &Transport) -> Result<(), Failure> {
        if let Some(start) = self.start.take() {
            let stream = ByteStream {
                transport: transport.clone(),
                incoming: self.incoming.clone(),
            };
            // Any other failure is reported when the Deferred is dropped.
            drop(spawn(start(stream)).add_errback(ignore_end));
        }
        Ok(())
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure> {
        let (is_full, is_wanted) = {
            let mut incoming = self.incoming.borrow_mut();
            incoming.bytes.extend_from_slice(data);
            (incoming.bytes.len() >= FULL, incoming.waiting.is_some())
        };
        if is_full && !is_wanted {
            transport.pause_producing();
        }
        self.wake();
        Ok(())
    }

    /// The coroutine may still write.
    fn read_connection_lost(&mut self, _transport: &Transport) -> Result<(), Failure> {
        self.end(Failure::without_backtrace(ConnectionDone));
        Ok(())
    }

    fn connection_lost(&mut self, _transport: &Transport, reason: Failure) -> Result<(), Failure> {
        self.end(reason);
        Ok(())
    }
}

/// A protocol that runs a coroutine for its connection, which is given a [`ByteStream`].
///
/// The coroutine starts when the connection was made. When it ends, and has dropped the stream, the connection is closed once
/// all was sent. If the connection ends first, the coroutine is told by what it reads or writes, or never, if it does neither. A
/// coroutine that fails is reported as [unhandled](crate::set_unhandled_handler), unless it fails with the end of a connection.
///
/// ```
/// use deferrous::{Failure, Reactor, net::{ByteStream, coroutine}};
///
/// async fn echo(stream: ByteStream) -> Result<(), Failure> {
///     while let Some(bytes) = stream.read().await? {
///         stream.write(bytes).await?;
///     }
///     Ok(())
/// }
///
/// let reactor = Reactor::new()?;
/// let port = reactor.listen_tcp("127.0.0.1:0", |_peer| coroutine(echo))?;
/// let address = port.host().socket_addr().unwrap();
/// let (trigger, answer) = deferrous::deferred();
/// let client = coroutine(|stream| async move {
///     stream.write("hello").await?;
///     Ok(trigger.fire_with(stream.read_exact(5).await)?)
/// });
/// let _connecting = reactor.connect_tcp(address, client);
/// assert_eq!(reactor.run_until(answer)?, b"hello");
/// # Ok::<(), Failure>(())
/// ```
pub fn coroutine<C>(start: impl FnOnce(ByteStream) -> C + 'static) -> impl Protocol
where
    C: Future<Output = Result<(), Failure>> + 'static,
{
    Receiving {
        start: Some(start),
        incoming: Rc::default(),
    }
}
