//! `TLSMemoryBIOProtocol.dataReceived`: what has come is decrypted, and goes to the protocol.

use pyo3::{prelude::*, types::PyBytes};

use super::{
    library::Read,
    names::names,
    session::{Session, TRANSPORT, WRAPPED},
};
use crate::{failure::Trail, interp::fallible};

/// What came of asking OpenSSL for data.
enum Came {
    /// The protocol has been given some.
    Data,
    /// There are none until more has come.
    Nothing,
    /// Something else, which Twisted's method has seen to, and all that follows.
    Other,
}

/// `protocol.dataReceived(data)`. Returns whether that was done. If not, Twisted's method is to do it: nothing has been done.
///
/// # Errors
///
/// What the `dataReceived` of the wrapped protocol raises, with the frames of Twisted's functions.
pub fn receive(protocol: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Ok(data) = data.cast_exact::<PyBytes>() else {
        return Ok(false);
    };
    let Some(mut session) = Session::of(protocol) else {
        return Ok(false);
    };
    if data.as_bytes().is_empty() || !session.reads() || !session.has_encrypted_all() {
        return Ok(false);
    }
    // If it keeps nothing, there was no memory, and it is told again.
    let kept = session
        .stock
        .library
        .write_bio(&session.into_ssl, data.as_bytes());
    if kept.is_none_or(|kept| kept <= 0) {
        return Ok(false);
    }
    loop {
        match session.receive_some()? {
            Came::Other => return Ok(true),
            Came::Nothing => {
                session.flush(&session.stock.frames.answered)?;
                return Ok(true);
            }
            Came::Data => {}
        }
        // The program may have changed everything.
        let Some(next) = Session::of(protocol).filter(Session::reads) else {
            session.receive_rest()?;
            return Ok(true);
        };
        session = next;
    }
}

impl<'py> Session<'_, 'py> {
    fn receive_some(&self) -> PyResult<Came> {
        let library = &self.stock.library;
        let Some(read) = library.read(&self.ssl)? else {
            return self.receive_rest().map(|()| Came::Other);
        };
        match &read.data {
            // Callbacks of OpenSSL may have run.
            Some(data) if self.delivers() => return self.deliver(data).map(|()| Came::Data),
            None if !self.has_problem() && library.wants_read(&self.ssl, read.returned) => {
                return Ok(Came::Nothing);
            }
            _ => {}
        }
        self.receive_otherwise(read).map(|()| Came::Other)
    }

    /// `self.wrappedProtocol.dataReceived(data)`.
    fn deliver(&self, data: &Bound<'py, PyBytes>) -> PyResult<()> {
        let (py, names) = (data.py(), names(data.py()));
        let wrapped = match WRAPPED.get(self.object) {
            Some(wrapped) => wrapped,
            None => self.object.getattr(names.wrapped.bind(py))?,
        };
        let received = wrapped.call_method1(names.data_received.bind(py), (data,));
        received
            .map(drop)
            .map_err(|error| self.stock.frames.received.through(py, error))
    }

    /// Goes on by Twisted's method with what OpenSSL has returned.
    #[cold]
    fn receive_otherwise(&self, read: Read<'py>) -> PyResult<()> {
        let py = self.object.py();
        let data = read.data.map(Bound::into_any);
        let arguments = [
            self.connection.clone(),
            fallible::int(py, read.returned as isize)?,
            data.unwrap_or_else(|| py.None().into_bound(py)),
        ];
        let returned_by_read = self.stock.returned_by_read.bind(py);
        let undo = returned_by_read.call1(fallible::tuple(py, arguments)?)?;
        let received = self.receive_rest();
        undo.call0()?;
        received
    }

    /// `self._flushReceiveBIO()`, which Twisted's method has looked up before any data were read.
    #[cold]
    fn receive_rest(&self) -> PyResult<()> {
        let py = self.object.py();
        let flush_receive_bio = self.stock.flush_receive_bio.bind(py);
        let received =
            fallible::tuple(py, [self.object.clone()]).and_then(|own| flush_receive_bio.call1(own));
        received
            .map(drop)
            .map_err(|error| self.stock.frames.receiving.through(py, error))
    }

    /// `self._flushSendBIO()`: what OpenSSL has to send goes to the transport. `frames` is where an error of that passes
    /// through.
    pub(super) fn flush(&self, frames: &Trail) -> PyResult<()> {
        let (py, names) = (self.object.py(), names(self.object.py()));
        let transport = TRANSPORT.get(self.object);
        let Some(transport) = transport.filter(|_| self.keeps_connection()) else {
            return self.flush_by_method();
        };
        match self.stock.library.read_bio(&self.from_ssl)? {
            Some(Read {
                data: Some(data), ..
            }) => transport
                .call_method1(names.write.bind(py), (data,))
                .map(drop)
                .map_err(|error| frames.through(py, error)),
            Some(read) if self.has_nothing_to_send(read.returned)? => Ok(()),
            _ => self.flush_by_method(),
        }
    }

    #[cold]
    fn flush_by_method(&self) -> PyResult<()> {
        let name = names(self.object.py())
            .flush_send_bio
            .bind(self.object.py());
        self.object.call_method0(name).map(drop)
    }
}
