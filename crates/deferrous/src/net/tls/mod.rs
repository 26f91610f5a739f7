//! TLS on any connection, by [rustls](https://docs.rs/rustls).
//!
//! [`server`] and [`client`] make a [`Protocol`] that encrypts of one that does not know of it. So whatever takes a protocol
//! can have TLS: [`listen_tcp`](crate::Reactor::listen_tcp), [`connect_tcp`](crate::Reactor::connect_tcp), UNIX sockets,
//! [frames](super::FrameProtocol) and [coroutines](super::coroutine).
//!
//! What is trusted, and by which certificate a server is known, is in the configuration of rustls, which is here as
//! [`rustls`]. It needs a provider of cryptography, which a program picks by a feature of rustls: `ring`, for example.
//!
//! ```no_run
//! use std::sync::Arc;
//! use deferrous::{Failure, Reactor, net::{Protocol, Transport, tls::{self, rustls}}};
//! # struct Echo;
//! # impl Protocol for Echo {
//! #     fn data_received(&mut self, _: &Transport, _: &[u8]) -> Result<(), Failure> {
//! #         Ok(())
//! #     }
//! # }
//! # fn config() -> Arc<rustls::ServerConfig> { unimplemented!() }
//! let reactor = Reactor::new()?;
//! let config: Arc<rustls::ServerConfig> = config();
//! let port = reactor.listen_tcp("127.0.0.1:4433", move |_peer| tls::server(config.clone(), Echo))?;
//! # Ok::<(), Failure>(())
//! ```
//!
//! **The handshake** begins when the connection was made, and [`connection_made`](Protocol::connection_made) does not wait for
//! it, as in Twisted: what is written is sent after the handshake. [`handshake_completed`](Protocol::handshake_completed) tells of
//! its end. If it fails, the connection ends with a [`rustls::Error`].
//!
//! **The end.** A connection is closed by TLS first, so that the peer knows that nothing is missing. A peer that ends without that
//! is a [`ConnectionLost`](super::ConnectionLost).

mod channel;
mod session;

use std::sync::Arc;

pub use rustls;
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};

use self::session::{Start, Tls};
use super::{protocol::Protocol, transport::Transport};

/// What the session of TLS says: the certificates of the peer, the protocol that was agreed on, and more. `None` if the
/// transport does not encrypt.
///
/// ```no_run
/// # let transport: deferrous::net::Transport = unimplemented!();
/// use deferrous::net::tls;
/// let http2 = tls::session(&transport, |session| session.alpn_protocol() == Some(b"h2"));
/// ```
pub fn session<R>(transport: &Transport, f: impl FnOnce(&rustls::Connection) -> R) -> Option<R> {
    let (mut f, mut result) = (Some(f), None);
    transport.channel().with_session(&mut |session| {
        result = f.take().map(|f| f(session));
    });
    result
}

/// Encrypts the connection of a protocol, as the server; `tls.TLSMemoryBIOFactory` and `listenSSL` of Twisted.
pub fn server(config: Arc<ServerConfig>, protocol: impl Protocol) -> impl Protocol {
    Tls::new(Start::Server(config), protocol)
}

/// Encrypts the connection of a protocol, as the client of a server that has to prove this name; `wrapClientTLS` and
/// `connectSSL` of Twisted.
pub fn client(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    protocol: impl Protocol,
) -> impl Protocol {
    Tls::new(Start::Client(config, name), protocol)
}
