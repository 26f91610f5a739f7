//! Connections: TCP, UNIX sockets and UDP, in Twisted's words.
//!
//! A program says in a [`Protocol`] what it does with a connection. The [`Reactor`](crate::Reactor) makes connections and
//! calls it:
//!
//! | for | there is |
//! |---|---|
//! | accepting connections | [`listen_tcp`](crate::Reactor::listen_tcp), [`listen_unix`](crate::Reactor::listen_unix), which return a [`ListeningPort`] |
//! | making one | [`connect_tcp`](crate::Reactor::connect_tcp), [`connect_unix`](crate::Reactor::connect_unix), with [`ConnectOptions`] |
//! | what happens to it | [`Protocol`] |
//! | writing and closing | [`Transport`], of which each method of a protocol gets one |
//! | writing no faster than is read | [`Transport::writable`], [`Producer`] |
//! | messages in a stream | [`Lines`], [`LengthPrefix`], and a [`FrameProtocol`] for either |
//! | coroutines that read and write | [`coroutine`], [`ByteStream`] |
//! | TLS | the module `tls`, with the feature of that name |
//! | datagrams | [`bind_udp`](crate::Reactor::bind_udp), [`DatagramProtocol`], [`DatagramTransport`] |
//!
//! All of it is on the reactor's thread, and nothing blocks. What is written in a turn of the reactor is sent at its end, in
//! one call of the system. Each connection receives once in a turn. A callback that fails ends its connection and no other.
//! When the reactor stops, ports are closed and connections end with [`ConnectionLost`]; a trigger in
//! [`Phase::Before`](crate::Phase::Before) may end them in order before that.
//!
//! ```
//! use deferrous::{Failure, Reactor, net::{Protocol, Transport}};
//!
//! /// Answers in capitals, and hangs up when told to.
//! struct Shout;
//!
//! impl Protocol for Shout {
//!     fn data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure> {
//!         transport.write_vec(std::str::from_utf8(data)?.to_uppercase().into_bytes());
//!         if data.ends_with(b"bye\n") {
//!             transport.lose_connection();
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let reactor = Reactor::new()?;
//! let port = reactor.listen_tcp("127.0.0.1:0", |_peer| Shout)?;
//! let address = port.host().socket_addr().unwrap();
//! let client = reactor.defer_to_thread(move || {
//!     let mut stream = std::net::TcpStream::connect(address)?;
//!     std::io::Write::write_all(&mut stream, b"good bye\n")?;
//!     Ok(std::io::read_to_string(stream)?)
//! });
//! assert_eq!(reactor.run_until(client)?, "GOOD BYE\n");
//! # Ok::<(), Failure>(())
//! ```

mod address;
mod byte_stream;
mod calls;
mod connecting;
mod connection;
mod datagrams;
mod errors;
mod framing;
mod listening;
mod producing;
mod protocol;
mod socket;
#[cfg(feature = "tls")]
pub mod tls;
mod transport;

pub use address::{Address, TcpTarget};
pub use byte_stream::{ByteStream, ConnectionBusy, UnexpectedEnd, coroutine};
pub use connecting::ConnectOptions;
pub use datagrams::{DatagramProtocol, DatagramTransport};
pub use errors::{
    CannotAccept, CannotListen, ConnectError, ConnectionAborted, ConnectionDone, ConnectionLost,
    HasProducer,
};
pub use framing::{FrameProtocol, LengthPrefix, Lines, TooLong};
pub use listening::ListeningPort;
pub use protocol::Protocol;
pub use transport::{Producer, Transport};
