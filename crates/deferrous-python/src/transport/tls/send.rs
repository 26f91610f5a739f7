//! `TLSMemoryBIOProtocol.write`: what is written is encrypted, and goes to the transport.

use pyo3::{prelude::*, types::PyBytes};

use super::session::Session;
use crate::interp::fallible;

/// How many bytes are encrypted at once: as many as fit into one record.
const MOST: usize = 1 << 14;

/// `protocol.write(data)`. Returns whether that was done. If not, Twisted's method is to do it: nothing has been done.
///
/// # Errors
///
/// What the `write` of the transport raises, with the frames of Twisted's functions.
pub fn write(protocol: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Ok(data) = data.cast_exact::<PyBytes>() else {
        return Ok(false);
    };
    let Some(mut session) = Session::of(protocol).filter(Session::writes) else {
        return Ok(false);
    };
    let all = data.as_bytes().len();
    let mut encrypted = 0;
    while encrypted < all {
        if encrypted > 0 {
            // The program may have changed everything when the transport was full.
            match Session::of(protocol) {
                Some(next) => session = next,
                None => return session.write_rest(&rest(data, encrypted)?).map(|()| true),
            }
        }
        let piece = &data.as_bytes()[encrypted..all.min(encrypted + MOST)];
        let returned = session.stock.library.write(&session.ssl, piece);
        match returned.map(usize::try_from) {
            Some(Ok(length @ 1..)) if !session.has_problem() => encrypted += length,
            _ => {
                let rest = rest(data, encrypted)?;
                return session.write_otherwise(returned, &rest).map(|()| true);
            }
        }
        session.flush(&session.stock.frames.written)?;
    }
    Ok(true)
}

/// `data[start:]`.
#[cold]
fn rest<'py>(data: &Bound<'py, PyBytes>, start: usize) -> PyResult<Bound<'py, PyBytes>> {
    if start == 0 {
        return Ok(data.clone());
    }
    fallible::bytes(data.py(), data.as_bytes().get(start..).unwrap_or_default())
}

impl<'py> Session<'_, 'py> {
    /// Goes on by Twisted's method with what OpenSSL has returned for the first piece of `data`, if it was asked.
    #[cold]
    fn write_otherwise(&self, returned: Option<i32>, data: &Bound<'py, PyBytes>) -> PyResult<()> {
        let py = self.object.py();
        let Some(returned) = returned else {
            return self.write_rest(data);
        };
        let arguments = [
            self.connection.clone(),
            fallible::int(py, returned as isize)?,
        ];
        let returned_by_write = self.stock.returned_by_write.bind(py);
        let undo = returned_by_write.call1(fallible::tuple(py, arguments)?)?;
        let written = self.write_rest(data);
        undo.call0()?;
        written
    }

    /// `self._write(data)`, which Twisted's method has looked up before anything was encrypted.
    #[cold]
    fn write_rest(&self, data: &Bound<'py, PyBytes>) -> PyResult<()> {
        let py = self.object.py();
        let arguments = fallible::tuple(py, [self.object.clone(), data.clone().into_any()])?;
        let write = self.stock.write_encrypted.bind(py);
        write.call1(arguments).map(drop)
    }
}
