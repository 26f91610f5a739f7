//! What the transport of an encrypted connection does it with.

use std::{
    cell::{Cell, RefCell},
    io::{self, Write},
    rc::{Rc, Weak},
};

use rustls::Connection;

use crate::{
    deferred::Deferred,
    failure::Failure,
    net::{
        address::Address,
        errors::HasProducer,
        socket::Socket,
        transport::{Channel, Producer, Transport},
    },
};

/// What a record of TLS holds. Less waits for the end of the turn, so that small pieces share a record.
const RECORD: usize = 16 * 1024;

/// How far the connection has come to its end.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// To be closed when all was sent, and without waiting for a producer.
    closing: bool,
    hanging_up: bool,
    /// This direction is to end when all was sent.
    write_ending: bool,
    /// The peer was told that no more comes.
    notified: bool,
    producing: bool,
}

pub(super) struct TlsChannel {
    this: Weak<TlsChannel>,
    lower: Transport,
    pub(super) session: RefCell<Connection>,
    /// What was written and is not encrypted yet.
    plain: RefCell<Vec<u8>>,
    progress: Cell<Progress>,
}

impl TlsChannel {
    pub(super) fn new(lower: Transport, session: Connection) -> Rc<Self> {
        Rc::new_cyclic(|this| TlsChannel {
            this: this.clone(),
            lower,
            session: RefCell::new(session),
            plain: RefCell::new(Vec::new()),
            progress: Cell::default(),
        })
    }

    pub(super) fn transport(&self) -> Option<Transport> {
        let this = self.this.upgrade()?;
        Some(Transport::new(this))
    }

    /// Whether the program has closed it, and wants nothing of what still comes.
    pub(super) const fn is_closing(&self) -> bool {
        self.progress.get().closing
    }

    fn update(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress.get();
        change(&mut progress);
        self.progress.set(progress);
        self.lower.channel().flush_by_protocol();
    }

    /// Encrypts what was written, and has it sent with whatever else TLS has to say. Then ends what is to be ended.
    pub(super) fn encrypt(&self) -> Result<(), Failure> {
        let bytes = self.encrypted()?;
        if !bytes.is_empty() {
            self.lower.write_vec(bytes);
        }
        let progress = self.progress.get();
        let waits = progress.producing && !progress.hanging_up || self.has_plain();
        if waits {
            return Ok(());
        }
        if progress.hanging_up {
            self.lower.hang_up();
        } else if progress.closing {
            self.lower.lose_connection();
        } else if progress.write_ending {
            self.lower.lose_write_connection();
        }
        Ok(())
    }

    fn has_plain(&self) -> bool {
        !self.plain.borrow().is_empty()
    }

    fn encrypted(&self) -> Result<Vec<u8>, Failure> {
        let (mut session, mut plain) = (self.session.borrow_mut(), self.plain.borrow_mut());
        let mut progress = self.progress.get();
        if !session.is_handshaking() {
            session.writer().write_all(&plain)?;
            plain.clear();
            let ends = progress.closing || progress.write_ending;
            let waits = progress.producing && !progress.hanging_up;
            if ends && !waits && !progress.notified {
                session.send_close_notify();
                progress.notified = true;
                self.progress.set(progress);
            }
        }
        let mut bytes = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut bytes)?;
        }
        Ok(bytes)
    }

    fn written(&self) {
        if self.plain.borrow().len() >= RECORD && !self.session.borrow().is_handshaking() {
            // Only a lack of memory is known to fail here, and the flush finds it again.
            let _ = self.encrypt();
        }
        self.lower.channel().flush_by_protocol();
    }
}

impl Channel for TlsChannel {
    fn write(&self, bytes: &[u8]) {
        if self.lower.is_connected() && !self.progress.get().notified {
            self.plain.borrow_mut().extend_from_slice(bytes);
            self.written();
        }
    }

    fn write_vec(&self, bytes: Vec<u8>) {
        self.write(&bytes);
    }

    fn lose_connection(&self) {
        self.update(|progress| progress.closing = true);
    }

    fn hang_up(&self) {
        self.update(|progress| (progress.closing, progress.hanging_up) = (true, true));
    }

    fn lose_write_connection(&self) {
        self.update(|progress| progress.write_ending = true);
    }

    fn close_for(&self, reason: Failure) {
        self.lower.channel().close_for(reason);
    }

    fn abort_connection(&self) {
        self.lower.abort_connection();
    }

    fn set_paused(&self, paused: bool) {
        self.lower.channel().set_paused(paused);
    }

    fn is_paused(&self) -> bool {
        self.lower.is_paused()
    }

    fn is_receiving(&self) -> bool {
        self.lower.is_receiving() && !self.is_closing()
    }

    fn flush_by_protocol(&self) {
        self.lower.channel().flush_by_protocol();
    }

    fn register_producer(
        &self,
        producer: Box<dyn Producer>,
        pull: bool,
    ) -> Result<(), HasProducer> {
        let Some(transport) = self.transport() else {
            return Ok(());
        };
        let producer = Encrypting {
            producer,
            transport,
        };
        self.lower
            .channel()
            .register_producer(Box::new(producer), pull)?;
        if self.lower.is_connected() {
            self.update(|progress| progress.producing = true);
        }
        Ok(())
    }

    fn unregister_producer(&self) {
        self.lower.unregister_producer();
        self.update(|progress| progress.producing = false);
    }

    fn writable(&self) -> Deferred<()> {
        self.lower.writable()
    }

    fn queued(&self) -> usize {
        self.plain.borrow().len() + self.lower.queued()
    }

    fn is_connected(&self) -> bool {
        self.lower.is_connected()
    }

    fn peer(&self) -> &Address {
        self.lower.peer()
    }

    fn host(&self) -> &Address {
        self.lower.host()
    }

    fn with_session(&self, f: &mut dyn FnMut(&Connection)) {
        f(&self.session.borrow());
    }

    fn with_socket(&self, f: &mut dyn FnMut(&Socket) -> io::Result<()>) -> io::Result<()> {
        self.lower.channel().with_socket(f)
    }
}

/// A producer that is given the transport that encrypts.
struct Encrypting {
    producer: Box<dyn Producer>,
    transport: Transport,
}

impl Producer for Encrypting {
    fn resume_producing(&mut self, _lower: &Transport) -> Result<(), Failure> {
        self.producer.resume_producing(&self.transport)
    }

    fn pause_producing(&mut self, _lower: &Transport) -> Result<(), Failure> {
        self.producer.pause_producing(&self.transport)
    }

    fn stop_producing(&mut self, _lower: &Transport) -> Result<(), Failure> {
        self.producer.stop_producing(&self.transport)
    }
}
