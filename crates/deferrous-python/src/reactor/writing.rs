//! The methods by which programs write to streams, in the place of Twisted's: what is written is sent before the reactor next waits.

use std::ffi::CStr;

use pyo3::{prelude::*, types::PyDict};

use super::{methods::add_writer, names::names};
use crate::{
    interp::{Arguments, FastMethod, fallible, unloaded},
    transport::{Stock, Writing, Wrote, replace, stock, write_datagram},
};

/// Defines a method that does what Twisted's method does: by `$fast` if that knows how, or else by calling it.
macro_rules! in_place_of {
    ($(#[$documentation:meta])* $name:ident, $method:literal, $original:ident, $encrypts:literal, $fast:ident, $doc:literal) => {
        $(#[$documentation])*
        pub struct $name;

        impl FastMethod for $name {
            type Class = PyAny;
            const NAME: &'static CStr = $method;
            const DOC: &'static CStr = $doc;

            fn call<'py>(
                this: &Bound<'py, PyAny>,
                arguments: Arguments<'_, 'py>,
            ) -> PyResult<Bound<'py, PyAny>> {
                if let [data] = arguments.positional()
                    && !arguments.has_keywords()
                    && let Some(writing) = Writing::of(this, $encrypts)
                {
                    let wrote = writing.$fast(data)?;
                    if wrote == Wrote::Something {
                        start_writing(&writing, this)?;
                    }
                    if wrote != Wrote::ByMethod {
                        return Ok(this.py().None().into_bound(this.py()));
                    }
                }
                let original = original(|stock| &stock.$original);
                arguments.call_after(original.bind(this.py()), this)
            }
        }
    };
}

in_place_of!(
    /// `FileDescriptor.write(self, data)`.
    Write, c"write", write, false, write,
    c"write($self, data)
--

Write data, which are bytes. They are sent when the descriptor takes them.

Data that are written after the connection was lost are dropped. A streaming producer is paused when more than
bufferSize bytes wait.

Raises:
    TypeError: the data are no bytes."
);

in_place_of!(
    /// `FileDescriptor.writeSequence(self, iovec)`.
    WriteSequence, c"writeSequence", write_sequence, false, write_all,
    c"writeSequence($self, iovec)
--

Write a sequence of bytes, one after the other.

Raises:
    TypeError: one of them is no bytes. Nothing is written then."
);

in_place_of!(
    /// `ConnectionMixin.write(self, bytes)`.
    WriteOrEncrypt, c"write", write_or_encrypt, true, write,
    c"write($self, bytes)
--

Write bytes, through TLS if that is on. They are sent when the connection takes them.

Raises:
    TypeError: they are no bytes."
);

in_place_of!(
    /// `ConnectionMixin.writeSequence(self, iovec)`.
    WriteSequenceOrEncrypt, c"writeSequence", write_sequence_or_encrypt, true, write_all,
    c"writeSequence($self, iovec)
--

Write a sequence of bytes, through TLS if that is on.

Raises:
    TypeError: one of them is no bytes. Nothing is written then."
);

/// `udp.Port.write(self, datagram, addr=None)`.
pub struct WriteDatagram;

impl FastMethod for WriteDatagram {
    type Class = PyAny;
    const NAME: &'static CStr = c"write";
    const DOC: &'static CStr = c"write($self, datagram, addr=None)
--

Send a datagram to an address: a host, in numbers, and a port. A connected port needs none.

Raises:
    twisted.internet.error.InvalidAddressError: the host is a name, or of another kind than the port.
    twisted.internet.error.MessageLengthError: the datagram is too long.";

    fn call<'py>(
        this: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let [datagram, address] = arguments.positional()
            && !arguments.has_keywords()
            && let Some(sent) = write_datagram(this, datagram, address)?
        {
            return Ok(sent);
        }
        let original = original(|stock| &stock.datagrams.write);
        arguments.call_after(original.bind(this.py()), this)
    }
}

/// Twisted's own method. Ours are only in classes that had that.
fn original(of: impl FnOnce(&'static Stock) -> &'static Py<PyAny>) -> &'static Py<PyAny> {
    match stock() {
        Some(stock) => of(stock),
        None => unloaded(),
    }
}

/// `stream.startWriting()`, which is Twisted's: `reactor.addWriter(stream)`.
#[inline]
fn start_writing(writing: &Writing<'_, '_>, stream: &Bound<'_, PyAny>) -> PyResult<()> {
    let (reactor, fd) = (&writing.reactor, writing.flushed_descriptor());
    if let Some(added) = fd.and_then(|fd| add_writer(reactor, stream, fd)) {
        return added;
    }
    let add_writer = names(reactor.py()).add_writer.bind(reactor.py());
    reactor.call_method1(add_writer, (stream,)).map(drop)
}

/// Puts these methods into Twisted's classes.
///
/// Args:
///     found: what `deferrous._transports.find` returns.
pub fn replace_all(found: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = found.py();
    let descriptor = fallible::import(py, "twisted.internet.abstract", "FileDescriptor")?;
    let connection = fallible::import(py, "twisted.internet.tcp", "_TLSConnectionMixin")?;
    let write = replace::<Write>(found, "FileDescriptor.write", &descriptor)?;
    let write_sequence =
        replace::<WriteSequence>(found, "FileDescriptor.writeSequence", &descriptor)?;
    if let (Some(stock), Some(write), Some(write_sequence)) = (stock(), write, write_sequence) {
        stock.keep_base_methods([write, write_sequence]);
    }
    let port = fallible::import(py, "twisted.internet.udp", "Port")?;
    replace::<WriteDatagram>(found, "Port.write", &port)?;
    replace::<WriteOrEncrypt>(found, "ConnectionMixin.write", &connection)?;
    replace::<WriteSequenceOrEncrypt>(found, "ConnectionMixin.writeSequence", &connection)?;
    Ok(())
}
