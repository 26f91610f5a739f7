//! `write` and `writeSequence`: what programs write is kept until the reactor sends it.

use std::ffi::CStr;

use pyo3::{
    prelude::*,
    types::{PyBytes, PyList},
};

use super::{
    names::names,
    plan::Part,
    stock::{Stock, stock},
    stream::Stream,
};
use crate::interp::{Arguments, FastMethod, call_method, fallible, unloaded};

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
                    && let Some(stream) = Writing::of(this, $encrypts)
                    && stream.$fast(data)?
                {
                    return Ok(this.py().None().into_bound(this.py()));
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

/// Twisted's own method. Ours are only in classes that had that.
fn original(of: impl FnOnce(&'static Stock) -> &'static Py<PyAny>) -> &'static Py<PyAny> {
    match stock() {
        Some(stock) => of(stock),
        None => unloaded(),
    }
}

/// A stream that takes what is written.
struct Writing<'a, 'py> {
    stream: Stream<'a, 'py>,
    /// What waits to be sent.
    chunks: Bound<'py, PyList>,
    waiting: usize,
    reactor: Bound<'py, PyAny>,
}

impl<'a, 'py> Writing<'a, 'py> {
    /// The object, if it is connected and has no producer, and nothing of it is in the way.
    #[inline]
    fn of(object: &'a Bound<'py, PyAny>, encrypts: bool) -> Option<Self> {
        let parts = Part::WRITE.with(Part::PLAIN, encrypts);
        let stream = Stream::of(object, parts)?;
        let names = names(object.py());
        let chunks = stream.get(&names.temp_data_buffer)?;
        Some(Writing {
            chunks: chunks.cast_into_exact().ok()?,
            waiting: stream.waiting()?,
            reactor: stream.get(&names.reactor)?,
            stream,
        })
    }

    /// Writes `bytes`. Returns whether it could.
    #[inline]
    fn write(&self, data: &Bound<'py, PyAny>) -> PyResult<bool> {
        let Ok(bytes) = data.cast_exact::<PyBytes>() else {
            return Ok(false);
        };
        if !bytes.as_bytes().is_empty() {
            self.chunks.append(data)?;
            self.wait_for(bytes.as_bytes().len())?;
        }
        Ok(true)
    }

    /// Writes a `list` of `bytes`. Returns whether it could.
    #[inline]
    fn write_all(&self, data: &Bound<'py, PyAny>) -> PyResult<bool> {
        let list = match data.cast_exact::<PyList>() {
            Ok(list) if !list.is(&self.chunks) => list,
            _ => return Ok(false),
        };
        let mut length = 0;
        for chunk in list {
            let Ok(bytes) = chunk.cast_exact::<PyBytes>() else {
                return Ok(false);
            };
            length += bytes.as_bytes().len();
        }
        if !list.is_empty() {
            for chunk in list {
                self.chunks.append(chunk)?;
            }
            self.wait_for(length)?;
        }
        Ok(true)
    }

    /// Counts what has been added, and has the reactor send it: `self.startWriting()`.
    #[inline]
    fn wait_for(&self, length: usize) -> PyResult<()> {
        let (py, object) = (self.reactor.py(), self.stream.object);
        let names = names(py);
        let waiting = fallible::int(py, self.waiting + length)?;
        self.stream.set_waiting(&waiting)?;
        call_method(&self.reactor, names.add_writer.bind(py), object)
            .map(drop)
            .map_err(|exception| PyErr::from_value(exception.into_any()))
    }
}
