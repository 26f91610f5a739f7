//! One connection: its stream, its protocol, and how it ends.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::{Rc, Weak},
};

use super::{
    address::Address,
    calls::catch,
    errors::{ConnectionAborted, ConnectionDone, ConnectionLost, HasProducer},
    producing::Producing,
    protocol::Protocol,
    socket::Socket,
    transport::{Channel, Producer, Transport},
};
use crate::{
    deferred::{Deferred, Trigger, deferred, fail, succeed},
    event_loop::{Event, Poller, Stream, StreamHandler},
    failure::Failure,
    inspect,
    reactor::{Source, Sources},
    unhandled::{Origin, drop_reporting, report},
};

/// Who has more than this to send is asked to write no more, as Twisted's `bufferSize`.
const FULL: usize = 64 * 1024;

/// How far a connection has come to its end.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// The program receives nothing for now.
    paused: bool,
    /// It receives again, and the protocol has not heard of it.
    resumed: bool,
    /// The protocol wants to be called in the flush.
    flushed_by_protocol: bool,
    /// The peer sends no more.
    read_ended: bool,
    /// This direction is to end when all was sent, and has ended.
    write_ending: bool,
    write_ended: bool,
    /// The connection is to be closed when all was sent.
    closing: bool,
    /// And no producer is waited for.
    hanging_up: bool,
    /// The connection is to be closed at the end of the turn.
    ending: bool,
    ended: bool,
}

impl Progress {
    /// Whether the program receives what there is.
    const fn is_receiving(self) -> bool {
        !(self.paused || self.closing || self.ending || self.ended)
    }
}

pub(super) struct Connection {
    this: Weak<Connection>,
    /// A reactor keeps its connections, and they do not keep it.
    sources: Weak<Sources>,
    key: usize,
    stream: Stream<Socket>,
    peer: Address,
    host: Address,
    /// Absent while it is being called, and after the end.
    protocol: RefCell<Option<Box<dyn Protocol>>>,
    progress: Cell<Progress>,
    /// Why it is ending or to be closed, or has ended.
    reason: RefCell<Option<Failure>>,
    producing: RefCell<Option<Rc<Producing>>>,
    waiting: RefCell<Vec<Trigger<()>>>,
    entry: inspect::Entry,
}

impl Connection {
    /// Makes a connection of a socket for what was called at a place, and tells the protocol of it.
    pub(super) fn start(
        sources: &Rc<Sources>,
        socket: Socket,
        peer: Address,
        protocol: Box<dyn Protocol>,
        place: inspect::Place,
    ) -> io::Result<Transport> {
        let host = socket.host()?;
        let entry = place.of(|| inspect::Entry::socket("connection"));
        entry.detail(|| format!("of {host} with {peer}"));
        let connection = sources.insert(|key| {
            Rc::new_cyclic(|this| Connection {
                this: this.clone(),
                sources: Rc::downgrade(sources),
                key,
                stream: Stream::new(socket, key),
                peer,
                host,
                protocol: RefCell::new(Some(protocol)),
                progress: Cell::default(),
                reason: RefCell::new(None),
                producing: RefCell::new(None),
                waiting: RefCell::new(Vec::new()),
                entry,
            })
        });
        connection.stream.set_reading(true);
        connection.flush_later();
        connection.call(|protocol, transport| protocol.connection_made(transport));
        Ok(Transport::new(connection))
    }

    fn update(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress.get();
        change(&mut progress);
        self.progress.set(progress);
        let reading = progress.is_receiving() && !progress.read_ended;
        if reading != self.stream.is_reading() {
            self.stream.set_reading(reading);
            self.flush_later();
        }
    }

    fn flush_later(&self) {
        if self.stream.list()
            && let (Some(sources), Some(this)) = (self.sources.upgrade(), self.this.upgrade())
        {
            sources.flush_later(this);
        }
    }

    fn transport(&self) -> Option<Transport> {
        let this = self.this.upgrade()?;
        Some(Transport::new(this))
    }

    /// Calls the protocol, and ends the connection if that fails. Not to be used while any code of the program
    /// runs.
    fn call(&self, call: impl FnOnce(&mut dyn Protocol, &Transport) -> Result<(), Failure>) {
        let (Some(mut protocol), Some(transport)) = (self.protocol.take(), self.transport()) else {
            return;
        };
        let result = catch(|| call(&mut *protocol, &transport));
        self.protocol.replace(Some(protocol));
        if let Err(failure) = result {
            report(Origin::Protocol, failure.clone());
            self.end(failure);
        }
    }

    /// Why it ends.
    fn reason(&self) -> Failure {
        let reason = self.reason.borrow().clone();
        reason.unwrap_or_else(|| Failure::without_backtrace(ConnectionDone))
    }

    /// Ends the connection at the end of the turn, because code of the program wants that, which is still running.
    fn end_soon(&self, reason: impl FnOnce() -> Failure) {
        if self.progress.get().ending || self.progress.get().ended {
            return;
        }
        self.reason.replace(Some(reason()));
        self.update(|progress| progress.ending = true);
        self.flush_later();
    }

    /// Ends the connection if a producer has failed.
    fn check_producer(&self, result: Result<(), Failure>) {
        if let Err(failure) = result {
            report(Origin::Protocol, failure.clone());
            self.end_soon(|| failure);
        }
    }

    /// Ends the connection. Not to be used while any code of the program runs.
    fn end(&self, reason: Failure) {
        if self.progress.get().ended {
            return;
        }
        self.update(|progress| progress.ended = true);
        self.entry.forget();
        self.reason.replace(Some(reason.clone()));
        self.close(!reason.check::<ConnectionAborted>());
        let waiting = self.waiting.take();
        for trigger in waiting {
            if !trigger.is_unwanted() {
                let _ = trigger.errback(reason.clone());
            }
        }
        let producing = self.producing.take();
        if let (Some(producing), Some(transport)) = (&producing, self.transport())
            && let Err(failure) = producing.stop(&transport)
        {
            report(Origin::Protocol, failure);
        }
        drop_reporting(Origin::Protocol, producing);
        if let (Some(mut protocol), Some(transport)) = (self.protocol.take(), self.transport()) {
            if let Err(failure) = catch(|| protocol.connection_lost(&transport, reason)) {
                report(Origin::Protocol, failure);
            }
            drop_reporting(Origin::Protocol, protocol);
        }
    }

    /// Closes the socket.
    fn close(&self, in_order: bool) {
        let sources = self.sources.upgrade();
        let waiter = sources.as_ref().and_then(|sources| sources.waiter());
        let socket = self
            .stream
            .close(waiter.as_ref().map(|waiter| waiter.poller()));
        if let Some(socket) = socket
            && in_order
        {
            socket.shut_down();
        }
        if let Some(sources) = sources {
            sources.remove(self.key);
        }
    }

    /// Whether code of the program runs that this connection has called.
    fn is_calling(&self) -> bool {
        let producing = self.producing.borrow();
        self.protocol.borrow().is_none()
            || producing
                .as_ref()
                .is_some_and(|producing| producing.is_calling())
    }

    /// Whether what is left to be done has to wait: for the producer, which is called if it is its turn.
    fn is_producing(&self) -> bool {
        let producing = self.producing.borrow().clone();
        let (Some(producing), Some(transport)) = (producing, self.transport()) else {
            return false;
        };
        self.check_producer(producing.drained(&transport));
        true
    }

    /// Tells the peer that no more comes.
    fn end_writing(&self) {
        self.update(|progress| progress.write_ended = true);
        if let Err(error) = self.stream.shut_down_write() {
            return self.failed(error);
        }
        self.call(|protocol, transport| protocol.write_connection_lost(transport));
        if self.progress.get().read_ended {
            self.end(self.reason());
        }
    }

    /// Does something about what was just written.
    fn written(&self) {
        if !self.stream.is_open() {
            return;
        }
        self.flush_later();
        let producing = self.producing.borrow().clone();
        if let (Some(producing), Some(transport)) = (producing, self.transport()) {
            self.check_producer(producing.written(self.stream.queued() > FULL, &transport));
        }
    }
}

impl StreamHandler for Connection {
    fn received(&self, bytes: &[u8]) {
        self.call(|protocol, transport| protocol.data_received(transport, bytes));
    }

    fn read_ended(&self) {
        self.update(|progress| progress.read_ended = true);
        self.call(|protocol, transport| protocol.read_connection_lost(transport));
        if self.progress.get().write_ended {
            self.end(self.reason());
        }
    }

    fn drained(&self) {
        let waiting = self.waiting.take();
        for trigger in waiting {
            let _ = trigger.callback(());
        }
        let waits_for_producer = !self.progress.get().hanging_up && self.is_producing();
        if waits_for_producer || self.stream.queued() > 0 {
            return;
        }
        let progress = self.progress.get();
        if progress.closing {
            self.end(self.reason());
        } else if progress.write_ending && !progress.write_ended {
            self.end_writing();
        }
    }

    fn failed(&self, error: io::Error) {
        self.end(Failure::without_backtrace(ConnectionLost::new(error)));
    }
}

impl Source for Connection {
    fn on_event(self: Rc<Self>, event: Event, buffer: &mut [u8]) {
        if self.stream.on_event(event, buffer, &*self) {
            self.flush_later();
        }
    }

    fn flush(self: Rc<Self>, poller: &Poller) {
        if self.progress.get().ending {
            return self.end(self.reason());
        }
        if self.progress.get().resumed {
            self.update(|progress| progress.resumed = false);
            if self.is_receiving() {
                self.call(|protocol, transport| protocol.receiving_resumed(transport));
            }
        }
        if self.progress.get().flushed_by_protocol {
            self.update(|progress| progress.flushed_by_protocol = false);
            self.call(|protocol, transport| protocol.flush(transport));
        }
        if self.stream.flush(poller, &*self) {
            self.flush_later();
        }
    }

    fn disconnect(self: Rc<Self>) {
        let reason = || Failure::without_backtrace(ConnectionLost::at_stop());
        // A callback may be what lets the reactor stop.
        if self.is_calling() {
            self.end_soon(reason);
        } else {
            // Whoever answers and stops the reactor wants the answer to be sent.
            self.stream.send_early();
            self.end(reason());
        }
    }
}

impl Channel for Connection {
    fn write(&self, bytes: &[u8]) {
        if !self.progress.get().write_ended {
            self.stream.write_slice(bytes);
            self.written();
        }
    }

    fn write_vec(&self, bytes: Vec<u8>) {
        if !self.progress.get().write_ended {
            self.stream.write(bytes);
            self.written();
        }
    }

    fn lose_connection(&self) {
        self.update(|progress| progress.closing = true);
        self.flush_later();
    }

    fn hang_up(&self) {
        self.update(|progress| progress.hanging_up = true);
        self.lose_connection();
    }

    #[cfg(feature = "tls")]
    fn close_for(&self, reason: Failure) {
        self.reason.borrow_mut().get_or_insert(reason);
        self.hang_up();
    }

    #[cfg(feature = "tls")]
    fn flush_by_protocol(&self) {
        self.update(|progress| progress.flushed_by_protocol = true);
        self.flush_later();
    }

    fn lose_write_connection(&self) {
        self.update(|progress| progress.write_ending = true);
        self.flush_later();
    }

    fn abort_connection(&self) {
        self.stream.reset_on_close();
        self.end_soon(|| Failure::without_backtrace(ConnectionAborted));
    }

    fn set_paused(&self, paused: bool) {
        self.entry.paused(paused);
        self.update(|progress| {
            progress.resumed |= progress.paused && !paused;
            progress.paused = paused;
        });
        if self.progress.get().resumed {
            self.flush_later();
        }
    }

    fn is_paused(&self) -> bool {
        self.progress.get().paused
    }

    fn is_receiving(&self) -> bool {
        self.progress.get().is_receiving()
    }

    fn register_producer(
        &self,
        producer: Box<dyn Producer>,
        pull: bool,
    ) -> Result<(), HasProducer> {
        if self.producing.borrow().is_some() {
            return Err(HasProducer);
        }
        let Some(transport) = self.transport() else {
            return Ok(());
        };
        let producing = Rc::new(Producing::new(producer, pull));
        if !self.is_connected() {
            if let Err(failure) = producing.stop(&transport) {
                report(Origin::Protocol, failure);
            }
            return Ok(());
        }
        self.producing.replace(Some(producing.clone()));
        self.flush_later();
        self.check_producer(producing.written(self.stream.queued() > FULL, &transport));
        Ok(())
    }

    fn unregister_producer(&self) {
        let producing = self.producing.take();
        if producing.is_some() {
            self.flush_later();
        }
        drop(producing);
    }

    fn writable(&self) -> Deferred<()> {
        if !self.is_connected() {
            return fail(self.reason());
        }
        if self.stream.queued() < FULL {
            return succeed(());
        }
        let (trigger, d) = deferred();
        d.inspected().named("Transport::writable");
        d.inspected().waits_for(self.entry.id());
        self.waiting.borrow_mut().push(trigger);
        d
    }

    fn queued(&self) -> usize {
        self.stream.queued()
    }

    fn is_connected(&self) -> bool {
        !self.progress.get().ended
    }

    fn peer(&self) -> &Address {
        &self.peer
    }

    fn host(&self) -> &Address {
        &self.host
    }

    fn with_socket(&self, f: &mut dyn FnMut(&Socket) -> io::Result<()>) -> io::Result<()> {
        let done = self.stream.with_socket(f);
        done.unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))
    }
}
