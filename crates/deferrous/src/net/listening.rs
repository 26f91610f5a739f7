//! Listening ports: `listen_tcp` and `listen_unix`.

use std::{
    cell::{Cell, RefCell},
    fmt, fs,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    os::unix::net::{self as unix, UnixListener},
    path::{Path, PathBuf},
    rc::{Rc, Weak},
    time::Duration,
};

use rustix::net::listen;

use super::{
    address::Address,
    calls::catch,
    connection::Connection,
    errors::{CannotAccept, CannotListen},
    protocol::Protocol,
    socket::Socket,
};
use crate::{
    deferred::{Deferred, succeed},
    event_loop::{Accept, Event, Listener, ListenerHandler, Poller},
    failure::Failure,
    inspect,
    reactor::{Reactor, Source, Sources, WeakReactor},
    unhandled::{Origin, drop_reporting, report},
};

/// How many may wait to be accepted, where the system allows so many.
const BACKLOG: i32 = 1024;

/// How long nobody is accepted after the system has refused.
const PAUSE: Duration = Duration::from_millis(250);

type Factory = Box<dyn FnMut(&Address) -> Box<dyn Protocol>>;
type OnError = Box<dyn FnMut(&CannotAccept)>;

/// A listening socket in a reactor.
struct Port<L> {
    this: Weak<Port<L>>,
    reactor: WeakReactor,
    /// A reactor keeps its ports, and they do not keep it.
    sources: Weak<Sources>,
    key: usize,
    listener: Listener<L>,
    host: Address,
    /// Absent while it is being called, and after the end.
    factory: RefCell<Option<Factory>>,
    on_error: RefCell<Option<OnError>>,
    /// Nobody could be accepted, which was told.
    exhausted: Cell<bool>,
    /// Until the end.
    entry: inspect::Entry,
    place: inspect::Place,
}

impl<L> Port<L>
where
    L: Accept + 'static,
    L::Stream: Into<Socket>,
    L::Peer: Into<Address>,
{
    #[cfg_attr(feature = "inspect", track_caller)]
    fn start(reactor: &Reactor, socket: L, host: Address, factory: Factory) -> Rc<Self> {
        let (entry, place) = (inspect::Entry::socket("port"), inspect::Place::caller());
        entry.detail(|| format!("at {host}"));
        let sources = reactor.sources();
        let port = sources.insert(|key| {
            Rc::new_cyclic(|this| Port {
                this: this.clone(),
                reactor: reactor.downgrade(),
                sources: Rc::downgrade(sources),
                key,
                listener: Listener::new(socket, key),
                host,
                factory: RefCell::new(Some(factory)),
                on_error: RefCell::new(None),
                exhausted: Cell::new(false),
                entry,
                place,
            })
        });
        port.set_accepting(true);
        port
    }

    fn set_accepting(&self, accepting: bool) {
        self.entry.paused(!accepting);
        self.listener.set_accepting(accepting);
        if self.listener.list()
            && let (Some(sources), Some(this)) = (self.sources.upgrade(), self.this.upgrade())
        {
            sources.flush_later(this);
        }
    }

    /// Accepts again after a while.
    fn resume_later(&self) {
        let this = self.this.clone();
        if let Some(reactor) = self.reactor.upgrade() {
            reactor.call_later(PAUSE, move || {
                if let Some(port) = this.upgrade().filter(|port| port.listener.is_open()) {
                    port.set_accepting(true);
                }
            });
        }
    }

    fn make_protocol(&self, peer: &Address) -> Option<Box<dyn Protocol>> {
        let mut factory = self.factory.take()?;
        let made = catch(|| Ok(factory(peer)));
        if self.listener.is_open() {
            self.factory.replace(Some(factory));
        } else {
            drop_reporting(Origin::Protocol, factory);
        }
        made.map_err(|failure| report(Origin::Protocol, failure))
            .ok()
    }

    /// Tells of an error, once until somebody could be accepted again.
    fn tell(&self, source: std::io::Error) {
        if self.exhausted.replace(true) {
            return;
        }
        let error = CannotAccept {
            address: self.host.clone(),
            source,
        };
        let Some(mut on_error) = self.on_error.take() else {
            return report(Origin::Accept, Failure::new(error));
        };
        let told = catch(|| {
            on_error(&error);
            Ok(())
        });
        if self.on_error.borrow().is_none() {
            self.on_error.replace(Some(on_error));
        }
        told.unwrap_or_else(|failure| report(Origin::Accept, failure));
    }
}

impl<L> ListenerHandler<L> for Port<L>
where
    L: Accept + 'static,
    L::Stream: Into<Socket>,
    L::Peer: Into<Address>,
{
    fn accepted(&self, stream: L::Stream, peer: L::Peer) {
        self.exhausted.set(false);
        let (socket, peer) = (stream.into(), peer.into());
        if let Some(sources) = self.sources.upgrade()
            && let Some(protocol) = self.make_protocol(&peer)
        {
            // It fails if the connection was lost already.
            let _ = Connection::start(&sources, socket, peer, protocol, self.place);
        }
    }

    fn exhausted(&self, error: std::io::Error) {
        self.set_accepting(false);
        self.resume_later();
        self.tell(error);
    }
}

impl<L> Source for Port<L>
where
    L: Accept + 'static,
    L::Stream: Into<Socket>,
    L::Peer: Into<Address>,
{
    fn on_event(self: Rc<Self>, event: Event, _buffer: &mut [u8]) {
        self.listener.on_event(event, &*self);
    }

    fn flush(self: Rc<Self>, poller: &Poller) {
        if let Err(error) = self.listener.flush(poller) {
            self.resume_later();
            self.tell(error);
        }
    }

    fn disconnect(self: Rc<Self>) {
        self.stop();
    }
}

/// What a [`ListeningPort`] does it with.
trait AnyPort {
    fn stop(&self);
    fn is_open(&self) -> bool;
    fn host(&self) -> &Address;
    fn set_on_error(&self, on_error: OnError);
}

impl<L> AnyPort for Port<L>
where
    L: Accept + 'static,
    L::Stream: Into<Socket>,
    L::Peer: Into<Address>,
{
    fn stop(&self) {
        let sources = self.sources.upgrade();
        let waiter = sources.as_ref().and_then(|sources| sources.waiter());
        let socket = self
            .listener
            .close(waiter.as_ref().map(|waiter| waiter.poller()));
        if socket.is_none() {
            return;
        }
        self.entry.forget();
        if let Some(path) = self.host.path() {
            // Somebody may have removed it already.
            let _ = fs::remove_file(path);
        }
        drop(socket);
        if let Some(sources) = sources {
            sources.remove(self.key);
        }
        drop_reporting(Origin::Protocol, self.factory.take());
        drop_reporting(Origin::Accept, self.on_error.take());
    }

    fn is_open(&self) -> bool {
        self.listener.is_open()
    }

    fn host(&self) -> &Address {
        &self.host
    }

    fn set_on_error(&self, on_error: OnError) {
        if self.is_open() {
            drop_reporting(Origin::Accept, self.on_error.replace(Some(on_error)));
        }
    }
}

/// A socket on which a reactor accepts connections; Twisted's `IListeningPort`.
///
/// Clones are the same port. Dropping them stops nothing: it listens until [`stop_listening`](Self::stop_listening), or
/// until the reactor stops.
///
/// **Fairness.** At most 20 connections are accepted in a turn of the reactor.
///
/// **Too many connections.** When the system has no descriptor or no memory left for another connection, the port
/// accepts nobody for a quarter of a second and then tries again: those who connect wait. That it could accept nobody
/// is told once, until it could again: to the function of [`on_accept_error`](Self::on_accept_error), and without one
/// as an [unhandled](crate::set_unhandled_handler) [`CannotAccept`].
#[derive(Clone)]
pub struct ListeningPort(Rc<dyn AnyPort>);

impl ListeningPort {
    /// The address at which it listens; Twisted's `getHost`. If port 0 was asked for, this is the one that the system has
    /// picked.
    pub fn host(&self) -> &Address {
        self.0.host()
    }

    /// Whether it listens.
    pub fn is_listening(&self) -> bool {
        self.0.is_open()
    }

    /// Closes the socket, and removes the file of a UNIX socket; Twisted's `stopListening`. Connections that were accepted
    /// go on.
    ///
    /// That is done when this returns. The Deferred has fired, and is for code that waits for ports as in Twisted.
    pub fn stop_listening(&self) -> Deferred<()> {
        self.0.stop();
        succeed(())
    }

    /// Has `on_error` called when nobody can be accepted for now, in place of an unhandled failure. A function that was set
    /// before is dropped.
    ///
    /// ```
    /// # struct Echo;
    /// # impl deferrous::net::Protocol for Echo {
    /// #     fn data_received(&mut self, _: &deferrous::net::Transport, _: &[u8]) -> Result<(), deferrous::Failure> {
    /// #         Ok(())
    /// #     }
    /// # }
    /// let reactor = deferrous::Reactor::new()?;
    /// let port = reactor.listen_tcp("127.0.0.1:0", |_peer| Echo)?;
    /// port.on_accept_error(|error| eprintln!("{error}: {}", error.source));
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn on_accept_error(&self, on_error: impl FnMut(&CannotAccept) + 'static) {
        self.0.set_on_error(Box::new(on_error));
    }
}

impl fmt::Debug for ListeningPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListeningPort")
            .field("host", self.host())
            .field("is_listening", &self.is_listening())
            .finish()
    }
}

fn boxed<P: Protocol>(mut factory: impl FnMut(&Address) -> P + 'static) -> Factory {
    Box::new(move |peer| Box::new(factory(peer)))
}

fn bind_tcp(addresses: &[SocketAddr]) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addresses)?;
    listener.set_nonblocking(true)?;
    // That of the standard library is short for a burst of clients.
    listen(&listener, BACKLOG)?;
    let host = listener.local_addr()?;
    Ok((listener, host))
}

fn bind_unix(path: &Path) -> std::io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    listen(&listener, BACKLOG)?;
    Ok(listener)
}

impl Reactor {
    /// Accepts TCP connections at an address, and has `factory` make a [`Protocol`] for each, given the address of the
    /// other end; Twisted's `listenTCP`.
    ///
    /// The address is an IP address and a port. Port 0 has the system pick one, and [`ListeningPort::host`] says which. A
    /// name is looked up here, which blocks, so it should be one that this machine knows. Connections are accepted while
    /// the reactor runs; those that come earlier wait. A factory that panics is reported, and its connection closed.
    ///
    /// # Errors
    ///
    /// [`CannotListen`], for example because the address is in use, the reactor has ended, or is a memory reactor.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn listen_tcp<P: Protocol>(
        &self,
        address: impl ToSocketAddrs + fmt::Debug,
        factory: impl FnMut(&Address) -> P + 'static,
    ) -> Result<ListeningPort, CannotListen> {
        let bound = self
            .check_watchable()
            .and_then(|()| address.to_socket_addrs())
            .and_then(|addresses| bind_tcp(&addresses.collect::<Vec<_>>()));
        let (listener, host) = bound.map_err(|source| CannotListen {
            address: format!("{address:?}").trim_matches('"').to_owned(),
            source,
        })?;
        let port = Port::start(self, listener, host.into(), boxed(factory));
        Ok(ListeningPort(port))
    }

    /// Accepts connections of a UNIX socket at a path, as [`listen_tcp`](Self::listen_tcp); Twisted's `listenUNIX`.
    ///
    /// The file must not be there, and is removed when the port stops. A file that a process has left which was killed has
    /// to be removed first.
    ///
    /// # Errors
    ///
    /// As for [`listen_tcp`](Self::listen_tcp).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn listen_unix<P: Protocol>(
        &self,
        path: impl AsRef<Path>,
        factory: impl FnMut(&Address) -> P + 'static,
    ) -> Result<ListeningPort, CannotListen> {
        let path: PathBuf = path.as_ref().to_owned();
        let bound = self.check_watchable().and_then(|()| bind_unix(&path));
        let listener = bound.map_err(|source| CannotListen {
            address: path.display().to_string(),
            source,
        })?;
        let port = Port::start(self, listener, Address::Unix(Some(path)), boxed(factory));
        Ok(ListeningPort(port))
    }
}

impl From<unix::UnixStream> for Socket {
    fn from(stream: unix::UnixStream) -> Self {
        Socket::Unix(stream)
    }
}

impl From<std::net::TcpStream> for Socket {
    fn from(stream: std::net::TcpStream) -> Self {
        Socket::Tcp(stream)
    }
}
