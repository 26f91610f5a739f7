//! What a program holds of a connection.

use std::{fmt, io, rc::Rc};

use super::{address::Address, errors::HasProducer, socket::Socket};
use crate::{deferred::Deferred, failure::Failure, inspect};

/// What a transport does it with.
pub(super) trait Channel {
    fn write(&self, bytes: &[u8]);
    fn write_vec(&self, bytes: Vec<u8>);
    fn lose_connection(&self);
    fn hang_up(&self);
    /// Closes the connection as `lose_connection` does, for a reason of its own.
    #[cfg(feature = "tls")]
    fn close_for(&self, reason: Failure);
    /// Has the protocol called in the next flush, before it sends.
    #[cfg(feature = "tls")]
    fn flush_by_protocol(&self);
    /// Does something with the session of TLS, if there is one.
    #[cfg(feature = "tls")]
    fn with_session(&self, _f: &mut dyn FnMut(&rustls::Connection)) {}
    fn lose_write_connection(&self);
    fn abort_connection(&self);
    fn set_paused(&self, paused: bool);
    fn is_paused(&self) -> bool;
    fn is_receiving(&self) -> bool;
    fn register_producer(&self, producer: Box<dyn Producer>, pull: bool)
    -> Result<(), HasProducer>;
    fn unregister_producer(&self);
    fn writable(&self) -> Deferred<()>;
    fn queued(&self) -> usize;
    fn is_connected(&self) -> bool;
    fn peer(&self) -> &Address;
    fn host(&self) -> &Address;
    /// Does something with the socket, unless the connection has ended.
    fn with_socket(&self, f: &mut dyn FnMut(&Socket) -> io::Result<()>) -> io::Result<()>;
}

/// One end of a connection: writes, and closes; Twisted's transport.
///
/// The methods of a [`Protocol`](super::Protocol) are given one. Clones are the same end, and may be kept for as long
/// as one likes: after the end of the connection they do nothing. Dropping them all closes nothing.
///
/// **Writing** only queues. The reactor sends what was written in one of its turns together, before it waits for
/// what comes next. There is no limit on what is queued, so that a protocol can always answer. Whoever writes much
/// has to ask: by [`writable`](Self::writable), or as a [producer](Self::register_producer).
///
/// ```
/// use deferrous::{Failure, Reactor, deferred, net::{Protocol, Transport}};
/// # use deferrous::Trigger;
/// struct Hello(Trigger<Vec<u8>>);
///
/// impl Protocol for Hello {
///     fn connection_made(&mut self, transport: &Transport) -> Result<(), Failure> {
///         transport.write("hello ");
///         transport.write("world");
///         Ok(())
///     }
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure> {
///         let _ = self.0.callback(data.to_vec());
///         transport.lose_connection();
///         Ok(())
///     }
/// }
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure> {
/// #         transport.write(data);
/// #         Ok(())
/// #     }
/// # }
///
/// let reactor = Reactor::new()?;
/// let echo = reactor.listen_tcp("127.0.0.1:0", |_peer| Echo)?;
/// let (trigger, answer) = deferred();
/// let address = echo.host().socket_addr().unwrap();
/// let _connecting = reactor.connect_tcp(address, Hello(trigger));
/// assert_eq!(reactor.run_until(answer)?, b"hello world");
/// # Ok::<(), Failure>(())
/// ```
#[derive(Clone)]
pub struct Transport(Rc<dyn Channel>);

impl Transport {
    pub(super) fn new(channel: Rc<dyn Channel>) -> Self {
        Transport(channel)
    }

    #[cfg(feature = "tls")]
    pub(super) fn channel(&self) -> &dyn Channel {
        &*self.0
    }

    /// Queues bytes to be sent; Twisted's `write`. If the connection has ended, or this direction of it, they are
    /// dropped. While it closes they are still sent.
    pub fn write(&self, data: impl AsRef<[u8]>) {
        self.0.write(data.as_ref());
    }

    /// As [`write`](Self::write), without copying the bytes.
    pub fn write_vec(&self, data: Vec<u8>) {
        self.0.write_vec(data);
    }

    /// As [`write`](Self::write), for each of some pieces; Twisted's `writeSequence`.
    ///
    /// ```no_run
    /// # let transport: deferrous::net::Transport = unimplemented!();
    /// transport.write_sequence(["HTTP/1.1 204 No Content\r\n", "\r\n"]);
    /// ```
    pub fn write_sequence<D: AsRef<[u8]>>(&self, data: impl IntoIterator<Item = D>) {
        for piece in data {
            self.write(piece);
        }
    }

    /// Closes the connection once all that was written has been sent and no producer is registered; Twisted's
    /// `loseConnection`. From now on nothing is received.
    ///
    /// The protocol's [`connection_lost`](super::Protocol::connection_lost) is called in the end of a turn, and never
    /// from here. A peer that does not read keeps the connection open; a program that does not wait for it
    /// [aborts](Self::abort_connection).
    pub fn lose_connection(&self) {
        self.0.lose_connection();
    }

    /// As [`lose_connection`](Self::lose_connection), without waiting for a producer, which is stopped: what Twisted does when
    /// the peer sends no more.
    pub fn hang_up(&self) {
        self.0.hang_up();
    }

    /// Ends this direction once all that was written has been sent and no producer is registered: the peer reads to the
    /// end, and may go on to write; Twisted's `loseWriteConnection`. When the other direction ends too, the
    /// connection does.
    pub fn lose_write_connection(&self) {
        self.0.lose_write_connection();
    }

    /// Ends the connection at the end of this turn, and drops what was written and not sent; Twisted's
    /// `abortConnection`. The peer of a TCP connection gets a reset.
    pub fn abort_connection(&self) {
        self.0.abort_connection();
    }

    /// Receives nothing until [`resume_producing`](Self::resume_producing); Twisted's `pauseProducing`. What the peer
    /// sends waits in the system, so one that is too fast is held up in the end.
    ///
    /// Pauses do not count. A connection that is lost meanwhile ends at once if the system says so with an error, and
    /// otherwise when it is resumed, since something may be left to be received.
    pub fn pause_producing(&self) {
        self.0.set_paused(true);
    }

    /// Receives again; Twisted's `resumeProducing`. Nothing happens while it closes, or if it was not paused.
    pub fn resume_producing(&self) {
        self.0.set_paused(false);
    }

    /// Whether it was [paused](Self::pause_producing).
    pub fn is_paused(&self) -> bool {
        self.0.is_paused()
    }

    /// Whether the program still wants to receive: it has neither paused nor begun to close the connection, which has not
    /// ended. A protocol that takes what it receives apart asks this before each part.
    pub fn is_receiving(&self) -> bool {
        self.0.is_receiving()
    }

    /// A Deferred that fires when there is room to write: when less than 64 KiB wait to be sent, so now or after all of
    /// it was sent.
    ///
    /// If the connection ends first, it fails with the reason. Twisted has producers alone.
    ///
    /// ```no_run
    /// use deferrous::{Failure, net::Transport};
    /// async fn zeroes(transport: Transport) -> Result<(), Failure> {
    ///     for _ in 0..1_000_000 {
    ///         transport.write([0; 1000]);
    ///         transport.writable().await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use = "who does not wait need not ask"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn writable(&self) -> Deferred<()> {
        inspect::Place::caller().of(|| self.0.writable())
    }

    /// Has a push producer follow the speed of the connection; Twisted's `registerProducer(producer, True)`.
    ///
    /// It begins to write by itself. It is paused when more than 64 KiB wait to be sent, and resumed when all of it was
    /// sent. The call that pauses it comes from inside the `write` that was too much, or after that if the producer
    /// itself is being called. A connection that closes waits for the producer to be
    /// [unregistered](Self::unregister_producer). If the connection has ended, the producer is stopped here.
    ///
    /// # Errors
    ///
    /// [`HasProducer`], and the producer is dropped.
    pub fn register_producer(&self, producer: impl Producer) -> Result<(), HasProducer> {
        self.0.register_producer(Box::new(producer), false)
    }

    /// Has a pull producer called when there is nothing left to be sent: soon, and then each time that what it has
    /// written was sent; Twisted's `registerProducer(producer, False)`. Otherwise as
    /// [`register_producer`](Self::register_producer).
    ///
    /// # Errors
    ///
    /// [`HasProducer`], and the producer is dropped.
    ///
    /// ```no_run
    /// use deferrous::{Failure, net::{Producer, Transport}};
    /// struct Countdown(u32);
    /// impl Producer for Countdown {
    ///     fn resume_producing(&mut self, transport: &Transport) -> Result<(), Failure> {
    ///         transport.write(format!("{}\n", self.0));
    ///         match self.0 {
    ///             0 => transport.unregister_producer(),
    ///             _ => self.0 -= 1,
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// # let transport: Transport = unimplemented!();
    /// transport.register_pull_producer(Countdown(10))?;
    /// transport.lose_connection(); // after the 0
    /// # Ok::<(), Failure>(())
    /// ```
    pub fn register_pull_producer(&self, producer: impl Producer) -> Result<(), HasProducer> {
        self.0.register_producer(Box::new(producer), true)
    }

    /// Drops the producer, which has written all; Twisted's `unregisterProducer`. A connection that waited for that
    /// closes.
    pub fn unregister_producer(&self) {
        self.0.unregister_producer();
    }

    /// How many bytes were written and not yet taken by the system.
    pub fn queued(&self) -> usize {
        self.0.queued()
    }

    /// Whether the connection has not ended; Twisted's `connected`.
    pub fn is_connected(&self) -> bool {
        self.0.is_connected()
    }

    /// The address of the other end; Twisted's `getPeer`.
    pub fn peer(&self) -> &Address {
        self.0.peer()
    }

    /// The address of this end; Twisted's `getHost`.
    pub fn host(&self) -> &Address {
        self.0.host()
    }

    fn get<R>(&self, mut f: impl FnMut(&Socket) -> io::Result<R>) -> io::Result<R> {
        let mut got = None;
        self.0.with_socket(&mut |socket| {
            got = Some(f(socket)?);
            Ok(())
        })?;
        got.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Whether TCP sends small pieces at once, instead of waiting for the peer to confirm those before; Twisted's
    /// `setTcpNoDelay`. As in Twisted, it does not unless a program says so.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) after the end, [`Unsupported`](io::ErrorKind::Unsupported) for a
    /// UNIX socket, and what the system says.
    pub fn set_tcp_no_delay(&self, on: bool) -> io::Result<()> {
        self.get(|socket| socket.set_no_delay(on))
    }

    /// What [`set_tcp_no_delay`](Self::set_tcp_no_delay) has set; Twisted's `getTcpNoDelay`.
    ///
    /// # Errors
    ///
    /// As for setting it.
    pub fn tcp_no_delay(&self) -> io::Result<bool> {
        self.get(Socket::no_delay)
    }

    /// Whether TCP looks from time to time if the peer is still there; Twisted's `setTcpKeepAlive`. It does not unless a
    /// program says so.
    ///
    /// # Errors
    ///
    /// As for [`set_tcp_no_delay`](Self::set_tcp_no_delay).
    pub fn set_tcp_keep_alive(&self, on: bool) -> io::Result<()> {
        self.get(|socket| socket.set_keep_alive(on))
    }

    /// What [`set_tcp_keep_alive`](Self::set_tcp_keep_alive) has set; Twisted's `getTcpKeepAlive`.
    ///
    /// # Errors
    ///
    /// As for setting it.
    pub fn tcp_keep_alive(&self) -> io::Result<bool> {
        self.get(Socket::keep_alive)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("host", self.host())
            .field("peer", self.peer())
            .field("is_connected", &self.is_connected())
            .field("queued", &self.queued())
            .finish()
    }
}

/// What makes the bytes that a transport sends, at the speed at which they are sent; Twisted's `IPushProducer` and
/// `IPullProducer`.
///
/// [`Transport::register_producer`] says when these are called. A method that returns an error or panics ends the
/// connection, as those of a [`Protocol`](super::Protocol) do.
///
/// A [`Transport`] is a producer for another one: it is read from as fast as the other one sends.
pub trait Producer: 'static {
    /// May write, from now on or, if it is a pull producer, once; Twisted's `resumeProducing`.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn resume_producing(&mut self, transport: &Transport) -> Result<(), Failure>;

    /// Is to write no more for now; Twisted's `pauseProducing`. Pull producers are not called.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn pause_producing(&mut self, transport: &Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The connection has ended, and nobody needs it any more; Twisted's `stopProducing`. It is dropped after that.
    ///
    /// # Errors
    ///
    /// What the program likes; it is reported.
    fn stop_producing(&mut self, transport: &Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }
}

impl Producer for Transport {
    fn resume_producing(&mut self, _to: &Transport) -> Result<(), Failure> {
        Transport::resume_producing(self);
        Ok(())
    }

    fn pause_producing(&mut self, _to: &Transport) -> Result<(), Failure> {
        Transport::pause_producing(self);
        Ok(())
    }

    /// Nobody needs what this one receives: it is closed.
    fn stop_producing(&mut self, _to: &Transport) -> Result<(), Failure> {
        self.lose_connection();
        Ok(())
    }
}
