//! OpenSSL, and the room for what it gives.

use std::cell::Cell;

use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::interp::{OpenSsl, call, fallible};

/// How many bytes Twisted asks OpenSSL for.
const ROOM: usize = 1 << 15;

thread_local! {
    /// The room for what is read. Absent while something is read into it.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The functions of OpenSSL that pyOpenSSL calls.
pub struct Library {
    openssl: OpenSsl,
    want_read: i32,
    bio_should_retry: Py<PyAny>,
    bio_should_read: Py<PyAny>,
}

/// What a function that reads has returned, and what it has read if that is more than 0.
pub struct Read<'py> {
    pub returned: i32,
    pub data: Option<Bound<'py, PyBytes>>,
}

impl Library {
    /// The functions that `deferrous._tls` has found, by their names.
    pub fn new(found: &Bound<'_, PyDict>) -> PyResult<Self> {
        let of = |name| found.as_any().get_item(fallible::text(found.py(), name)?);
        Ok(Library {
            openssl: OpenSsl::new(&of("cffi")?, &of("compiled")?)?,
            want_read: of("SSL_ERROR_WANT_READ")?.extract()?,
            bio_should_retry: of("BIO_should_retry")?.unbind(),
            bio_should_read: of("BIO_should_read")?.unbind(),
        })
    }

    /// `SSL_read`: what has come for the program.
    ///
    /// # Errors
    ///
    /// A `MemoryError`. What was read is lost then.
    #[inline]
    pub fn read<'py>(&self, ssl: &Bound<'py, PyAny>) -> PyResult<Option<Read<'py>>> {
        in_room(ssl.py(), |room| self.openssl.read(ssl, room))
    }

    /// `BIO_read`: what is to be sent.
    ///
    /// # Errors
    ///
    /// The same.
    #[inline]
    pub fn read_bio<'py>(&self, bio: &Bound<'py, PyAny>) -> PyResult<Option<Read<'py>>> {
        in_room(bio.py(), |room| self.openssl.read_bio(bio, room))
    }

    /// `SSL_write`: how many bytes of the data have been encrypted, if this is more than 0.
    #[inline]
    pub fn write(&self, ssl: &Bound<'_, PyAny>, data: &[u8]) -> Option<i32> {
        self.openssl.write(ssl, data)
    }

    /// `BIO_write`: how many bytes that have come have been kept, if this is more than 0.
    #[inline]
    pub fn write_bio(&self, bio: &Bound<'_, PyAny>, data: &[u8]) -> Option<i32> {
        self.openssl.write_bio(bio, data)
    }

    /// Whether `SSL_read` has returned this because more has to come first.
    #[inline]
    pub fn wants_read(&self, ssl: &Bound<'_, PyAny>, returned: i32) -> bool {
        self.openssl.get_error(ssl, returned) == Some(self.want_read)
    }

    /// Whether `BIO_read` has returned nothing because there is nothing yet.
    pub fn is_empty(&self, bio: &Bound<'_, PyAny>) -> PyResult<bool> {
        for function in [&self.bio_should_retry, &self.bio_should_read] {
            match call(function.bind(bio.py()), [None, Some(bio)]) {
                Ok(returned) if returned.is_truthy()? => {}
                Ok(_) => return Ok(false),
                Err(exception) => return Err(PyErr::from_value(exception.into_any())),
            }
        }
        Ok(true)
    }
}

/// Has a function fill the room, and takes out what it has written. It may run code of the program.
#[inline]
fn in_room(
    py: Python<'_>,
    fill: impl FnOnce(&mut [u8]) -> Option<i32>,
) -> PyResult<Option<Read<'_>>> {
    let mut room = SPARE.take();
    if room.is_empty() {
        room.resize(ROOM, 0);
    }
    let returned = fill(&mut room);
    let length = returned.and_then(|returned| usize::try_from(returned).ok());
    let data = match length.and_then(|length| room.get(..length)) {
        Some(data @ [_, ..]) => fallible::bytes(py, data).map(Some),
        _ => Ok(None),
    };
    SPARE.set(room);
    let data = data?;
    Ok(returned.map(|returned| Read { returned, data }))
}
