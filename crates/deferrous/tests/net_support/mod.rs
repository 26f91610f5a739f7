//! What the tests of connections share: a protocol that tells what happens, and its peers.
#![allow(dead_code)]

use std::{
    cell::RefCell,
    env, fs,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use deferrous::{
    Deferred, Failure, Reactor, Trigger, deferred,
    net::{ConnectionAborted, ConnectionDone, ConnectionLost, ListeningPort, Protocol, Transport},
};

use crate::reactor_support::Log;

/// What happens to a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Happening<'a> {
    Made,
    Handshake,
    Received(&'a [u8]),
    ReadLost,
    WriteLost,
    Lost,
}

type Handler = dyn FnMut(Happening<'_>, &Transport) -> Result<(), Failure>;

/// A protocol that notes what happens and asks a closure what to do about it. Clones share everything.
#[derive(Clone)]
pub struct Probe {
    pub log: Log<String>,
    pub received: Rc<RefCell<Vec<u8>>>,
    /// Ends only what the peer has ended.
    pub half_open: bool,
    handler: Rc<RefCell<Handler>>,
    lost: Rc<RefCell<Vec<Trigger<Failure>>>>,
}

impl Probe {
    pub fn new(
        handler: impl FnMut(Happening<'_>, &Transport) -> Result<(), Failure> + 'static,
    ) -> Self {
        Probe {
            log: Log::new(),
            received: Rc::default(),
            half_open: false,
            handler: Rc::new(RefCell::new(handler)),
            lost: Rc::default(),
        }
    }

    /// Does nothing by itself.
    pub fn idle() -> Self {
        Probe::new(|_, _| Ok(()))
    }

    /// Sends back what it gets.
    pub fn echo() -> Self {
        Probe::new(|happening, transport| {
            if let Happening::Received(bytes) = happening {
                transport.write(bytes);
            }
            Ok(())
        })
    }

    /// Leaves the connection open when the peer sends no more.
    pub fn half_open(mut self) -> Self {
        self.half_open = true;
        self
    }

    /// Fires with the reason when a connection is lost.
    pub fn lost(&self) -> Deferred<Failure> {
        let (trigger, d) = deferred();
        self.lost.borrow_mut().push(trigger);
        d
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.received.borrow().clone()).unwrap()
    }

    fn tell(&self, happening: Happening<'_>, transport: &Transport) -> Result<(), Failure> {
        self.handler.borrow_mut()(happening, transport)
    }
}

/// A word for the reason of an end.
pub fn word(reason: &Failure) -> String {
    if reason.check::<ConnectionDone>() {
        "done".to_owned()
    } else if reason.check::<ConnectionAborted>() {
        "aborted".to_owned()
    } else if let Some(lost) = reason.downcast_ref::<ConnectionLost>() {
        let kind = lost.io_error().map(std::io::Error::kind);
        kind.map_or("stopped".to_owned(), |kind| format!("{kind:?}"))
    } else {
        reason.to_string()
    }
}

impl Protocol for Probe {
    fn connection_made(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.log.add("made".to_owned());
        self.tell(Happening::Made, transport)
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure> {
        self.log.add("received".to_owned());
        self.received.borrow_mut().extend(data);
        self.tell(Happening::Received(data), transport)
    }

    fn handshake_completed(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.log.add("handshake".to_owned());
        self.tell(Happening::Handshake, transport)
    }

    fn read_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.log.add("read lost".to_owned());
        if !self.half_open {
            transport.hang_up();
        }
        self.tell(Happening::ReadLost, transport)
    }

    fn write_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.log.add("write lost".to_owned());
        self.tell(Happening::WriteLost, transport)
    }

    fn connection_lost(&mut self, transport: &Transport, reason: Failure) -> Result<(), Failure> {
        self.log.add(format!("lost: {}", word(&reason)));
        let told = self.tell(Happening::Lost, transport);
        for trigger in self.lost.take() {
            trigger.callback(reason.clone())?;
        }
        told
    }
}

/// A peer that waits for nothing longer than a minute.
pub fn connect_to(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).unwrap();
    stream.set_write_timeout(patience).unwrap();
    stream
}

pub fn address(port: &ListeningPort) -> SocketAddr {
    port.host().socket_addr().unwrap()
}

/// A server of one protocol, and a peer that has connected.
pub fn served(reactor: &Reactor, probe: &Probe) -> TcpStream {
    let probe = probe.clone();
    let port = reactor.listen_tcp("127.0.0.1:0", move |_| probe.clone());
    connect_to(address(&port.unwrap()))
}

/// Reads a peer to the end. An error is told after what came before it.
pub fn read_all(mut stream: impl Read) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).err();
    (bytes, error.map(|error| error.kind()))
}

/// Writes and sends no more.
pub fn send_all(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
}

/// Bytes in which a lost or doubled piece shows.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

/// A path for a socket, which is removed with this.
pub struct SocketPath(pub PathBuf);

impl SocketPath {
    pub fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("deferrous-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        SocketPath(path)
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// How many descriptors this process has open.
pub fn open_descriptors() -> usize {
    fs::read_dir("/dev/fd").unwrap().count()
}
