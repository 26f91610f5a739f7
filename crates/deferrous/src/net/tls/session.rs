//! The protocol that encrypts for another one.

use std::{
    io::{self, Read},
    mem,
    rc::Rc,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
    pki_types::ServerName,
};

use super::channel::TlsChannel;
use crate::{
    failure::Failure,
    net::{errors::ConnectionLost, protocol::Protocol, transport::Transport},
};

/// How much is decrypted at once: a record.
const CHUNK: usize = 16 * 1024;

/// Which end it is.
pub(super) enum Start {
    Client(Arc<ClientConfig>, ServerName<'static>),
    Server(Arc<ServerConfig>),
}

impl Start {
    fn connection(self) -> Result<Connection, rustls::Error> {
        let mut connection = match self {
            Start::Client(config, name) => ClientConnection::new(config, name)?.into(),
            Start::Server(config) => Connection::from(ServerConnection::new(config)?),
        };
        // What waits is counted by the transports.
        connection.set_buffer_limit(None);
        Ok(connection)
    }
}

/// Takes what the peer has encrypted apart, for a protocol that knows nothing of it.
pub(super) struct Tls<P> {
    start: Option<Start>,
    protocol: P,
    channel: Option<(Rc<TlsChannel>, Transport)>,
    /// What has arrived while the protocol received nothing.
    encrypted: Vec<u8>,
    /// Where it is decrypted to.
    chunk: Vec<u8>,
    established: bool,
    /// The peer has said that no more comes, and the protocol has heard of it.
    ended: bool,
    /// The peer has ended below.
    lower_ended: bool,
}

impl<P: Protocol> Tls<P> {
    pub(super) const fn new(start: Start, protocol: P) -> Self {
        Tls {
            start: Some(start),
            protocol,
            channel: None,
            encrypted: Vec::new(),
            chunk: Vec::new(),
            established: false,
            ended: false,
            lower_ended: false,
        }
    }

    /// Decrypts what has arrived, as long as somebody receives it. Returns how much is done with.
    fn decrypt(&mut self, lower: &Transport, bytes: &[u8]) -> Result<usize, Failure> {
        let Some((channel, transport)) = self.channel.clone() else {
            return Ok(bytes.len());
        };
        let mut rest = bytes;
        loop {
            self.hand_on(&channel, &transport)?;
            if rest.is_empty() || !lower.is_receiving() {
                break;
            }
            let understood = {
                let mut session = channel.session.borrow_mut();
                session.read_tls(&mut rest)?;
                session.process_new_packets().map(drop)
            };
            if let Err(error) = understood {
                // There may be an alert for the peer.
                channel.encrypt()?;
                lower.channel().close_for(Failure::new(error));
                return Ok(bytes.len());
            }
            if !self.established && !channel.session.borrow().is_handshaking() {
                self.established = true;
                self.protocol.handshake_completed(&transport)?;
            }
        }
        channel.encrypt()?;
        Ok(bytes.len() - rest.len())
    }

    /// Hands on what was decrypted.
    fn hand_on(&mut self, channel: &TlsChannel, transport: &Transport) -> Result<(), Failure> {
        let mut chunk = mem::take(&mut self.chunk);
        chunk.resize(CHUNK, 0);
        while !self.ended && (transport.is_receiving() || channel.is_closing()) {
            let read = channel.session.borrow_mut().reader().read(&mut chunk);
            match read {
                Ok(0) => {
                    self.ended = true;
                    if !channel.is_closing() {
                        self.protocol.read_connection_lost(transport)?;
                    }
                }
                Ok(_) if channel.is_closing() => {}
                Ok(len) => self.protocol.data_received(transport, &chunk[..len])?,
                // There is no more yet, or the peer has ended without a word.
                Err(_) => break,
            }
        }
        self.chunk = chunk;
        Ok(())
    }

    /// Goes on with what was kept.
    fn go_on(&mut self, lower: &Transport) -> Result<(), Failure> {
        let mut encrypted = mem::take(&mut self.encrypted);
        let done = self.decrypt(lower, &encrypted)?;
        encrypted.drain(..done);
        self.encrypted = encrypted;
        if self.lower_ended && self.encrypted.is_empty() && lower.is_receiving() {
            self.lower_ended = false;
            if self.ended {
                lower.hang_up();
            } else {
                let text = "the peer has ended without the end of TLS";
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, text);
                let lost = Failure::without_backtrace(ConnectionLost::new(error));
                lower.channel().close_for(lost);
            }
        }
        Ok(())
    }
}

impl<P: Protocol> Protocol for Tls<P> {
    fn connection_made(&mut self, lower: &Transport) -> Result<(), Failure> {
        let Some(start) = self.start.take() else {
            return Ok(());
        };
        let channel = TlsChannel::new(lower.clone(), start.connection()?);
        if let Some(transport) = channel.transport() {
            self.channel = Some((channel.clone(), transport.clone()));
            self.protocol.connection_made(&transport)?;
        }
        channel.encrypt()
    }

    fn handshake_completed(&mut self, _lower: &Transport) -> Result<(), Failure> {
        // Of TLS below this one.
        Ok(())
    }

    fn data_received(&mut self, lower: &Transport, data: &[u8]) -> Result<(), Failure> {
        if self.encrypted.is_empty() {
            let done = self.decrypt(lower, data)?;
            self.encrypted.extend_from_slice(&data[done..]);
            return Ok(());
        }
        self.encrypted.extend_from_slice(data);
        self.go_on(lower)
    }

    fn receiving_resumed(&mut self, lower: &Transport) -> Result<(), Failure> {
        if let Some((_, transport)) = self.channel.clone() {
            self.protocol.receiving_resumed(&transport)?;
        }
        self.go_on(lower)
    }

    fn flush(&mut self, _lower: &Transport) -> Result<(), Failure> {
        let Some((channel, transport)) = self.channel.clone() else {
            return Ok(());
        };
        self.protocol.flush(&transport)?;
        channel.encrypt()
    }

    fn read_connection_lost(&mut self, lower: &Transport) -> Result<(), Failure> {
        self.lower_ended = true;
        self.go_on(lower)
    }

    fn write_connection_lost(&mut self, _lower: &Transport) -> Result<(), Failure> {
        match self.channel.clone() {
            Some((_, transport)) => self.protocol.write_connection_lost(&transport),
            None => Ok(()),
        }
    }

    fn connection_lost(&mut self, lower: &Transport, reason: Failure) -> Result<(), Failure> {
        match self.channel.take() {
            Some((_, transport)) => self.protocol.connection_lost(&transport, reason),
            None => self.protocol.connection_lost(lower, reason),
        }
    }
}
