//! Making connections: `connect_tcp` and `connect_unix`.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    net::{SocketAddr, ToSocketAddrs},
    path::Path,
    rc::Rc,
    time::Duration,
};

use super::{
    address::{Address, Target, TcpTarget},
    connection::Connection,
    errors::ConnectError,
    protocol::Protocol,
    socket::{Begun, Socket, begin_tcp, begin_unix, finish},
    transport::Transport,
};
use crate::{
    deferred::{
        Abandoned, CancelHandle, Deferred, Trigger, deferred_with_canceller, fail, succeed,
    },
    failure::Failure,
    inspect,
    reactor::{DelayedCall, Reactor, WeakReactor},
    unhandled::{Origin, drop_reporting},
};

/// How long a connection may take, as in Twisted.
const LIMIT: Duration = Duration::from_secs(30);

/// The next address is tried when one has not answered for so long, as RFC 8305 has it.
const STAGGER: Duration = Duration::from_millis(250);

/// How long to wait for a UNIX socket at which too many wait already.
const BUSY: Duration = Duration::from_millis(10);

/// How a connection is made.
#[derive(Clone, Debug)]
#[must_use = "options do nothing until they are used to connect"]
pub struct ConnectOptions {
    limit: Duration,
    from: Option<SocketAddr>,
}

impl ConnectOptions {
    /// Those of [`Reactor::connect_tcp`]: 30 seconds, from whatever address the system picks.
    pub const fn new() -> Self {
        ConnectOptions {
            limit: LIMIT,
            from: None,
        }
    }

    /// How long it may take altogether: looking the host up and trying its addresses. The `timeout` of Twisted's
    /// `connectTCP`.
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The address and port to connect from; port 0 has the system pick one. The `bindAddress` of Twisted's `connectTCP`.
    /// UNIX sockets ignore it.
    pub const fn bind_address(mut self, from: SocketAddr) -> Self {
        self.from = Some(from);
        self
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        ConnectOptions::new()
    }
}

/// Whom to tell of a connection, and what it is made for.
type Waiting = (Trigger<Transport>, Box<dyn Protocol>);

/// A connection that is being made. Its attempts and delayed calls keep it.
struct Connecting {
    reactor: WeakReactor,
    target: String,
    options: ConnectOptions,
    /// Absent when it is over.
    waiting: Cell<Option<Waiting>>,
    addresses: RefCell<VecDeque<Address>>,
    errors: RefCell<Vec<(Address, io::Error)>>,
    /// The look-up, and the attempts that have begun.
    begun: RefCell<Vec<CancelHandle>>,
    /// How many attempts have neither failed nor succeeded.
    running: Cell<usize>,
    next: Cell<Option<DelayedCall>>,
    limit: Cell<Option<DelayedCall>>,
    place: inspect::Place,
}

impl Connecting {
    #[cfg_attr(feature = "inspect", track_caller)]
    fn start(
        reactor: &Reactor,
        target: String,
        options: ConnectOptions,
        protocol: Box<dyn Protocol>,
    ) -> (Rc<Self>, Deferred<Transport>) {
        let connecting = Rc::new(Connecting {
            reactor: reactor.downgrade(),
            target,
            options,
            waiting: Cell::new(None),
            addresses: RefCell::new(VecDeque::new()),
            errors: RefCell::new(Vec::new()),
            begun: RefCell::new(Vec::new()),
            running: Cell::new(0),
            next: Cell::new(None),
            limit: Cell::new(None),
            place: inspect::Place::caller(),
        });
        let to_cancel = Rc::downgrade(&connecting);
        let (trigger, d) = deferred_with_canceller(move |_| {
            if let Some(connecting) = to_cancel.upgrade() {
                connecting.abandon();
            }
        });
        d.inspected().named("connect");
        d.inspected().detail(|| format!("to {}", connecting.target));
        connecting.waiting.set(Some((trigger, protocol)));
        let own = connecting.clone();
        let limit = reactor.call_later(connecting.options.limit, move || own.time_out());
        limit.inspected().named("connect");
        d.inspected().limited_by(limit.inspected());
        connecting.limit.set(Some(limit));
        (connecting, d)
    }

    /// Ends it: what has begun is given up. Returns whom to tell.
    fn give_up(&self) -> Option<Waiting> {
        let waiting = self.waiting.take()?;
        for call in [self.next.take(), self.limit.take()].into_iter().flatten() {
            // It may be what has been called.
            let _ = call.cancel();
        }
        for attempt in self.begun.take() {
            attempt.cancel();
        }
        Some(waiting)
    }

    /// Ends it without an outcome: it was cancelled, or the reactor has ended.
    fn abandon(&self) {
        drop_reporting(Origin::Protocol, self.give_up());
    }

    fn fail(&self, error: ConnectError) {
        if let Some((trigger, protocol)) = self.give_up() {
            drop_reporting(Origin::Protocol, protocol);
            let _ = trigger.errback(error);
        }
    }

    fn time_out(&self) {
        self.fail(ConnectError::TimedOut {
            target: self.target.clone(),
            limit: self.options.limit,
        });
    }

    /// Has the result known to wait for a part of the work.
    fn waits_for<T: 'static>(&self, part: &Deferred<T>) {
        inspect::Id::of(|| {
            let waiting = self.waiting.take();
            if let Some((trigger, _)) = &waiting {
                trigger.inspected().waits_for(part.inspected());
            }
            self.waiting.set(waiting);
            part.inspected()
        });
    }

    /// Looks a host up, and tries its addresses.
    fn look_up(self: &Rc<Self>, host: String, port: u16) {
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        let found = self.place.of(|| {
            reactor.defer_to_thread(move || {
                let found = (host.as_str(), port).to_socket_addrs()?;
                Ok(found.collect::<Vec<_>>())
            })
        });
        self.waits_for(&found);
        self.begun.borrow_mut().push(found.cancel_handle());
        let own = self.clone();
        found.add_both(move |found| match found {
            Ok(addresses) => own.try_each(addresses),
            Err(failure) if failure.check::<Abandoned>() => own.abandon(),
            Err(failure) => own.fail(ConnectError::Lookup {
                target: own.target.clone(),
                source: io_error(failure),
            }),
        });
    }

    /// Tries addresses, one after the other.
    fn try_each<A: Into<Address>>(self: &Rc<Self>, addresses: Vec<A>) {
        self.addresses
            .borrow_mut()
            .extend(addresses.into_iter().map(Into::into));
        self.try_next();
    }

    /// Tries the next address, or fails if all have.
    fn try_next(self: &Rc<Self>) {
        if let Some(call) = self.next.take() {
            let _ = call.cancel();
        }
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        let Some(address) = self.addresses.borrow_mut().pop_front() else {
            if self.running.get() == 0 {
                self.fail(ConnectError::Failed {
                    target: self.target.clone(),
                    attempts: self.errors.take(),
                });
            }
            return;
        };
        self.running.set(self.running.get() + 1);
        if !self.addresses.borrow().is_empty() {
            let own = self.clone();
            let next = self
                .place
                .of(|| reactor.call_later(STAGGER, move || own.try_next()));
            self.next.set(Some(next));
        }
        let from = self.options.from;
        let attempt = self.place.of(|| attempt(&reactor, address.clone(), from));
        self.waits_for(&attempt);
        self.begun.borrow_mut().push(attempt.cancel_handle());
        let own = self.clone();
        attempt.add_both(move |result| own.on_attempted(address, result));
    }

    fn on_attempted(self: &Rc<Self>, address: Address, result: Result<Socket, Failure>) {
        self.running.set(self.running.get() - 1);
        match result {
            Ok(socket) => self.on_connected(address, socket),
            Err(failure) if failure.check::<Abandoned>() => self.abandon(),
            Err(failure) => {
                let is_over = {
                    let waiting = self.waiting.take();
                    let is_over = waiting.is_none();
                    self.waiting.set(waiting);
                    is_over
                };
                if !is_over {
                    self.errors.borrow_mut().push((address, io_error(failure)));
                    self.try_next();
                }
            }
        }
    }

    fn on_connected(&self, address: Address, socket: Socket) {
        let Some((trigger, protocol)) = self.give_up() else {
            return;
        };
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        let (sources, peer) = (reactor.sources(), address.clone());
        match Connection::start(sources, socket, peer, protocol, self.place) {
            Ok(transport) => drop(trigger.callback(transport)),
            Err(error) => drop(trigger.errback(ConnectError::Failed {
                target: self.target.clone(),
                attempts: vec![(address, error)],
            })),
        }
    }
}

/// What the system has said.
fn io_error(failure: Failure) -> io::Error {
    failure
        .downcast::<io::Error>()
        .unwrap_or_else(io::Error::other)
}

/// Connects to one address. Cancelling it closes the socket.
fn attempt(reactor: &Reactor, address: Address, from: Option<SocketAddr>) -> Deferred<Socket> {
    let begun = match &address {
        Address::Tcp(address) => begin_tcp(*address, from),
        Address::Unix(path) => begin_unix(path.as_deref().unwrap_or(Path::new(""))),
    };
    match begun {
        Err(error) => fail(error),
        Ok(Begun::Connected(socket)) => succeed(socket),
        Ok(Begun::InProgress(fd)) => reactor
            .writable(fd)
            .add_callback(move |fd| Ok(finish(fd, &address)?)),
        Ok(Begun::Busy) => {
            let again = reactor.downgrade();
            reactor
                .sleep(BUSY)
                .add_callback(move |()| match again.upgrade() {
                    Some(reactor) => attempt(&reactor, address, from),
                    None => fail(io::Error::from(io::ErrorKind::WouldBlock)),
                })
        }
    }
}

impl Reactor {
    /// Makes a TCP connection for a [`Protocol`]; Twisted's `connectTCP`, or an endpoint's `connect`.
    ///
    /// The target is an address, or a host whose addresses are looked up in the thread pool: see [`TcpTarget`]. All of them
    /// are tried in turn, the next one when one has failed or has not answered for a quarter of a second, and the first
    /// that answers wins. The Deferred fires after [`connection_made`](Protocol::connection_made), with the transport that
    /// this has got. Cancelling it gives up. Dropping it does not.
    ///
    /// It fails with a [`ConnectError`]: if it takes longer than 30 seconds, for example. The protocol is dropped then.
    ///
    /// ```
    /// use deferrous::{Failure, Reactor, net::{ConnectError, Protocol, Transport}};
    /// # struct Ignore;
    /// # impl Protocol for Ignore {
    /// #     fn data_received(&mut self, _: &Transport, _: &[u8]) -> Result<(), Failure> {
    /// #         Ok(())
    /// #     }
    /// # }
    /// let reactor = Reactor::new()?;
    /// let refused = reactor.connect_tcp(("127.0.0.1", 1), Ignore);
    /// let failure = reactor.run_until(refused).unwrap_err();
    /// let error = failure.downcast_ref::<ConnectError>().unwrap();
    /// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    /// # Ok::<(), Failure>(())
    /// ```
    #[must_use = "dropping the Deferred leaves an error unhandled"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect_tcp(
        &self,
        target: impl Into<TcpTarget>,
        protocol: impl Protocol,
    ) -> Deferred<Transport> {
        self.connect_tcp_with(target, ConnectOptions::new(), protocol)
    }

    /// As [`connect_tcp`](Self::connect_tcp), with [`ConnectOptions`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use deferrous::{Failure, Reactor, net::{ConnectOptions, Protocol, Transport}};
    /// # struct Ignore;
    /// # impl Protocol for Ignore {
    /// #     fn data_received(&mut self, _: &Transport, _: &[u8]) -> Result<(), Failure> {
    /// #         Ok(())
    /// #     }
    /// # }
    /// let reactor = Reactor::new()?;
    /// let options = ConnectOptions::new().timeout(Duration::from_secs(5));
    /// let d = reactor.connect_tcp_with("localhost:1", options, Ignore);
    /// assert!(reactor.run_until(d).is_err());
    /// # Ok::<(), Failure>(())
    /// ```
    #[must_use = "dropping the Deferred leaves an error unhandled"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect_tcp_with(
        &self,
        target: impl Into<TcpTarget>,
        options: ConnectOptions,
        protocol: impl Protocol,
    ) -> Deferred<Transport> {
        let target = target.into();
        if let Err(error) = self.check_watchable() {
            return fail(error);
        }
        let (connecting, d) =
            Connecting::start(self, target.to_string(), options, Box::new(protocol));
        match target.0 {
            Target::Addresses(addresses) => connecting.try_each(addresses),
            Target::Host(host, port) => connecting.look_up(host, port),
            Target::Nonsense(target) => connecting.fail(ConnectError::NoTarget { target }),
        }
        d
    }

    /// Connects to the UNIX socket at a path, as [`connect_tcp`](Self::connect_tcp); Twisted's `connectUNIX`.
    #[must_use = "dropping the Deferred leaves an error unhandled"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect_unix(
        &self,
        path: impl AsRef<Path>,
        protocol: impl Protocol,
    ) -> Deferred<Transport> {
        self.connect_unix_with(path, ConnectOptions::new(), protocol)
    }

    /// As [`connect_unix`](Self::connect_unix), with [`ConnectOptions`].
    #[must_use = "dropping the Deferred leaves an error unhandled"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect_unix_with(
        &self,
        path: impl AsRef<Path>,
        options: ConnectOptions,
        protocol: impl Protocol,
    ) -> Deferred<Transport> {
        if let Err(error) = self.check_watchable() {
            return fail(error);
        }
        let path = path.as_ref();
        let target = path.display().to_string();
        let (connecting, d) = Connecting::start(self, target, options, Box::new(protocol));
        connecting.try_each(vec![Address::Unix(Some(path.to_owned()))]);
        d
    }
}
