//! What programs say about connections.

use super::transport::Transport;
use crate::failure::Failure;

/// What a program does with one connection; Twisted's `Protocol`.
///
/// [`listen_tcp`](crate::Reactor::listen_tcp) has one made for each connection, and
/// [`connect_tcp`](crate::Reactor::connect_tcp) is given one. All methods are called on the reactor's thread, by the
/// reactor alone and never one inside another, so they may keep what they know in `self`.
///
/// A method that returns an error or panics ends this connection and no other: the failure is reported as
/// [unhandled](crate::set_unhandled_handler) and is the reason that [`connection_lost`](Self::connection_lost) gets.
///
/// ```
/// use deferrous::{Failure, Reactor, net::{Protocol, Transport}};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure> {
///         transport.write(data);
///         Ok(())
///     }
/// }
///
/// let reactor = Reactor::new()?;
/// let port = reactor.listen_tcp("127.0.0.1:0", |_peer| Echo)?;
/// println!("listening on {}", port.host());
/// # Ok::<(), Failure>(())
/// ```
pub trait Protocol: 'static {
    /// The connection was made, which is the first that happens; Twisted's `connectionMade`.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn connection_made(&mut self, transport: &Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// Bytes have come, in pieces of any size; Twisted's `dataReceived`.
    ///
    /// Each connection receives once in a turn of the reactor, at most 64 KiB.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure>;

    /// The transport receives again, after a pause. A protocol that has kept some of what it had received can go on with that;
    /// Twisted's `LineReceiver` does so in `resumeProducing`. Unless a protocol says otherwise, nothing happens.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn receiving_resumed(&mut self, transport: &Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The peer is known, and all is encrypted from here on: with TLS, as the module `net::tls` has it; `handshakeCompleted` of
    /// Twisted's `IHandshakeListener`. What was written before is sent now.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn handshake_completed(&mut self, transport: &Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The transport is about to send. Called only if it was asked for.
    #[doc(hidden)]
    fn flush(&mut self, transport: &Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The peer sends no more, but may still read; `readConnectionLost` of Twisted's `IHalfCloseableProtocol`.
    ///
    /// Unless a protocol says otherwise, this [hangs up](Transport::hang_up): the connection is closed once all that was
    /// written has been sent. One that goes on to write does nothing here.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn read_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        transport.hang_up();
        Ok(())
    }

    /// All was sent, and the peer was told that no more comes, as
    /// [`lose_write_connection`](Transport::lose_write_connection) has asked for; `writeConnectionLost` of Twisted's
    /// `IHalfCloseableProtocol`.
    ///
    /// # Errors
    ///
    /// What the program likes; the connection ends then.
    fn write_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The connection has ended, which is the last that happens, and happens once; Twisted's `connectionLost`.
    ///
    /// The reason is a [`ConnectionDone`](super::ConnectionDone), a [`ConnectionLost`](super::ConnectionLost), a
    /// [`ConnectionAborted`](super::ConnectionAborted), or the failure of another method. The protocol is dropped
    /// after that.
    ///
    /// # Errors
    ///
    /// What the program likes; it is reported.
    fn connection_lost(&mut self, transport: &Transport, reason: Failure) -> Result<(), Failure> {
        let _ = (transport, reason);
        Ok(())
    }
}

impl<P: Protocol + ?Sized> Protocol for Box<P> {
    fn connection_made(&mut self, transport: &Transport) -> Result<(), Failure> {
        (**self).connection_made(transport)
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure> {
        (**self).data_received(transport, data)
    }

    fn receiving_resumed(&mut self, transport: &Transport) -> Result<(), Failure> {
        (**self).receiving_resumed(transport)
    }

    fn handshake_completed(&mut self, transport: &Transport) -> Result<(), Failure> {
        (**self).handshake_completed(transport)
    }

    fn flush(&mut self, transport: &Transport) -> Result<(), Failure> {
        (**self).flush(transport)
    }

    fn read_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        (**self).read_connection_lost(transport)
    }

    fn write_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        (**self).write_connection_lost(transport)
    }

    fn connection_lost(&mut self, transport: &Transport, reason: Failure) -> Result<(), Failure> {
        (**self).connection_lost(transport, reason)
    }
}
