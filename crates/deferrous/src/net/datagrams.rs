//! Datagrams: `bind_udp`.

use std::{
    cell::{Cell, RefCell},
    fmt, io,
    net::{SocketAddr, ToSocketAddrs, UdpSocket},
    rc::{Rc, Weak},
};

use super::{calls::catch, errors::CannotListen};
use crate::{
    deferred::{Deferred, succeed},
    event_loop::{DatagramHandler, DatagramSocket, Event, Poller},
    failure::Failure,
    reactor::{Reactor, Source, Sources},
    unhandled::{Origin, drop_reporting, report},
};

/// What a program does with datagrams; Twisted's `DatagramProtocol`.
///
/// A method that returns an error or panics is reported as [unhandled](crate::set_unhandled_handler), and the socket goes
/// on, since the next datagram may come from somebody else.
pub trait DatagramProtocol: 'static {
    /// The socket is there, which is the first that happens; Twisted's `startProtocol`.
    ///
    /// # Errors
    ///
    /// What the program likes; it is reported.
    fn start_protocol(&mut self, transport: &DatagramTransport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// A datagram has come; Twisted's `datagramReceived`.
    ///
    /// # Errors
    ///
    /// What the program likes; it is reported.
    fn datagram_received(
        &mut self,
        transport: &DatagramTransport,
        datagram: &[u8],
        from: SocketAddr,
    ) -> Result<(), Failure>;

    /// Nobody was there to whom a datagram was sent, which a [connected](DatagramTransport::connect) socket is told of;
    /// Twisted's `connectionRefused`. Unless a protocol says otherwise, nothing happens.
    ///
    /// # Errors
    ///
    /// What the program likes; it is reported.
    fn connection_refused(&mut self, transport: &DatagramTransport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The socket was closed, which is the last that happens, and happens once; Twisted's `stopProtocol`. The protocol is
    /// dropped after that.
    ///
    /// # Errors
    ///
    /// What the program likes; it is reported.
    fn stop_protocol(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// A socket for datagrams in a reactor.
struct DatagramPort {
    this: Weak<DatagramPort>,
    /// A reactor keeps its sockets, and they do not keep it.
    sources: Weak<Sources>,
    key: usize,
    socket: DatagramSocket<UdpSocket>,
    host: SocketAddr,
    /// Absent while it is being called, and after the end.
    protocol: RefCell<Option<Box<dyn DatagramProtocol>>>,
    /// It was stopped, and the protocol has not heard of it yet.
    stopping: Cell<bool>,
}

impl DatagramPort {
    fn set_reading(&self, reading: bool) {
        self.socket.set_reading(reading);
        self.flush_later();
    }

    fn flush_later(&self) {
        if self.socket.list()
            && let (Some(sources), Some(this)) = (self.sources.upgrade(), self.this.upgrade())
        {
            sources.flush_later(this);
        }
    }

    fn call(
        &self,
        call: impl FnOnce(&mut dyn DatagramProtocol, &DatagramTransport) -> Result<(), Failure>,
    ) {
        let (Some(mut protocol), Some(this)) = (self.protocol.take(), self.this.upgrade()) else {
            return;
        };
        let transport = DatagramTransport(this);
        if let Err(failure) = catch(|| call(&mut *protocol, &transport)) {
            report(Origin::Protocol, failure);
        }
        self.protocol.replace(Some(protocol));
    }

    /// Closes the socket. The protocol hears of it in a flush, since it may be what stops it.
    fn stop(&self) {
        let sources = self.sources.upgrade();
        let waiter = sources.as_ref().and_then(|sources| sources.waiter());
        let socket = self
            .socket
            .close(waiter.as_ref().map(|waiter| waiter.poller()));
        if socket.is_some() {
            self.stopping.set(true);
            self.flush_later();
        }
    }

    /// Tells the protocol that the socket was closed.
    fn finish(&self) {
        if !self.stopping.replace(false) {
            return;
        }
        if let Some(sources) = self.sources.upgrade() {
            sources.remove(self.key);
        }
        if let Some(mut protocol) = self.protocol.take() {
            if let Err(failure) = catch(|| protocol.stop_protocol()) {
                report(Origin::Protocol, failure);
            }
            drop_reporting(Origin::Protocol, protocol);
        }
    }

    fn with_socket<R>(&self, f: impl FnOnce(&UdpSocket) -> io::Result<R>) -> io::Result<R> {
        let done = self.socket.with_socket(f);
        done.unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))
    }
}

impl DatagramHandler<UdpSocket> for DatagramPort {
    fn received(&self, datagram: &[u8], from: SocketAddr) {
        self.call(|protocol, transport| protocol.datagram_received(transport, datagram, from));
    }

    fn failed(&self, error: io::Error) {
        if error.kind() == io::ErrorKind::ConnectionRefused {
            self.call(|protocol, transport| protocol.connection_refused(transport));
        } else {
            report(Origin::Protocol, Failure::new(error));
        }
    }
}

impl Source for DatagramPort {
    fn on_event(self: Rc<Self>, event: Event, buffer: &mut [u8]) {
        self.socket.on_event(event, buffer, &*self);
    }

    fn flush(self: Rc<Self>, poller: &Poller) {
        if let Err(error) = self.socket.flush(poller) {
            report(Origin::Protocol, Failure::new(error));
            self.stop();
        }
        self.finish();
    }

    fn disconnect(self: Rc<Self>) {
        self.stop();
        // If a callback is what lets the reactor stop, the flush tells.
        if self.protocol.borrow().is_some() {
            self.finish();
        }
    }
}

/// A socket for datagrams: sends them, and is closed; Twisted's `IUDPTransport`.
///
/// Clones are the same socket. Dropping them closes nothing: it receives until [`stop_listening`](Self::stop_listening), or
/// until the reactor stops.
#[derive(Clone)]
pub struct DatagramTransport(Rc<DatagramPort>);

impl DatagramTransport {
    /// Sends a datagram to an address, at once; Twisted's `write(datagram, addr)`.
    ///
    /// # Errors
    ///
    /// What the system says: that the datagram is too long, for example, or that there is no room for it now
    /// ([`WouldBlock`](io::ErrorKind::WouldBlock)). It is lost then, as any datagram may be.
    /// [`NotConnected`](io::ErrorKind::NotConnected) after the end.
    pub fn write_to(&self, datagram: impl AsRef<[u8]>, to: SocketAddr) -> io::Result<()> {
        let send = |socket: &UdpSocket| socket.send_to(datagram.as_ref(), to);
        self.0.with_socket(send).map(drop)
    }

    /// Sends a datagram to whom the socket is [connected](Self::connect); Twisted's `write(datagram)`.
    ///
    /// # Errors
    ///
    /// As for [`write_to`](Self::write_to); [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) if nobody was there for
    /// an earlier one.
    pub fn write(&self, datagram: impl AsRef<[u8]>) -> io::Result<()> {
        let send = |socket: &UdpSocket| socket.send(datagram.as_ref());
        self.0.with_socket(send).map(drop)
    }

    /// Receives from this address alone from now on, sends there, and is told if nobody is there; Twisted's `connect`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn connect(&self, to: SocketAddr) -> io::Result<()> {
        self.0.with_socket(|socket| socket.connect(to))
    }

    /// Whether it may send to all in a network at once; Twisted's `setBroadcastAllowed`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_broadcast_allowed(&self, allowed: bool) -> io::Result<()> {
        self.0.with_socket(|socket| socket.set_broadcast(allowed))
    }

    /// The address of the socket; Twisted's `getHost`.
    pub fn host(&self) -> SocketAddr {
        self.0.host
    }

    /// Whether it was not closed.
    pub fn is_listening(&self) -> bool {
        self.0.socket.is_open()
    }

    /// Closes the socket; Twisted's `stopListening`. [`stop_protocol`](DatagramProtocol::stop_protocol) is called at the end
    /// of the turn.
    ///
    /// The Deferred has fired, and is for code that waits for ports as in Twisted.
    pub fn stop_listening(&self) -> Deferred<()> {
        self.0.stop();
        succeed(())
    }
}

impl fmt::Debug for DatagramTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramTransport")
            .field("host", &self.host())
            .field("is_listening", &self.is_listening())
            .finish()
    }
}

impl Reactor {
    /// Receives datagrams at an address; Twisted's `listenUDP`. Port 0 has the system pick one.
    ///
    /// # Errors
    ///
    /// As for [`listen_tcp`](Self::listen_tcp).
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// use deferrous::{Failure, Reactor, net::{DatagramProtocol, DatagramTransport}};
    ///
    /// struct Echo(Reactor);
    ///
    /// impl DatagramProtocol for Echo {
    ///     fn datagram_received(
    ///         &mut self,
    ///         transport: &DatagramTransport,
    ///         datagram: &[u8],
    ///         from: SocketAddr,
    ///     ) -> Result<(), Failure> {
    ///         transport.write_to(datagram, from)?;
    ///         Ok(self.0.stop()?)
    ///     }
    /// }
    ///
    /// let reactor = Reactor::new()?;
    /// let echo = reactor.bind_udp("127.0.0.1:0", Echo(reactor.clone()))?;
    /// let client = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// client.send_to(b"hello", echo.host())?;
    /// reactor.run()?;
    /// let mut answer = [0; 5];
    /// client.recv_from(&mut answer)?;
    /// assert_eq!(&answer, b"hello");
    /// # Ok::<(), Failure>(())
    /// ```
    pub fn bind_udp(
        &self,
        address: impl ToSocketAddrs + fmt::Debug,
        protocol: impl DatagramProtocol,
    ) -> Result<DatagramTransport, CannotListen> {
        let bound = self.check_watchable().and_then(|()| {
            let socket = UdpSocket::bind(&address)?;
            socket.set_nonblocking(true)?;
            let host = socket.local_addr()?;
            Ok((socket, host))
        });
        let (socket, host) = bound.map_err(|source| CannotListen {
            address: format!("{address:?}").trim_matches('"').to_owned(),
            source,
        })?;
        let sources = self.sources();
        let port = sources.insert(|key| {
            Rc::new_cyclic(|this| DatagramPort {
                this: this.clone(),
                sources: Rc::downgrade(sources),
                key,
                socket: DatagramSocket::new(socket, key),
                host,
                protocol: RefCell::new(Some(Box::new(protocol))),
                stopping: Cell::new(false),
            })
        });
        port.set_reading(true);
        port.call(|protocol, transport| protocol.start_protocol(transport));
        Ok(DatagramTransport(port))
    }
}
