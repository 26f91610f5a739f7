//! What Twisted's TLS does once the handshake is done: decrypt what has come for the protocol, and encrypt what is written.
//!
//! All objects stay those of Twisted and pyOpenSSL, with all their state: protocols of the class `TLSMemoryBIOProtocol`,
//! pyOpenSSL's connections, and `_AggregateSmallWrites`. Here are a few of their methods, for protocols whose class and
//! attributes leave them as they are ([`Session`](session::Session)). Handshakes, ends, errors, and all else that is not
//! plain success go through Twisted's own methods, which find the same state.

mod absent;
mod library;
mod methods;
mod names;
mod own;
mod receive;
mod send;
mod session;
mod small_writes;
mod stock;

use pyo3::{prelude::*, types::PyDict};

pub use methods::replace_all;

/// Keeps Twisted's methods, the first time.
///
/// Args:
///     found: what `deferrous._tls.find` returns: nothing if there is no TLS, or not as it is known here.
///     frames: the trails of Twisted's functions.
pub fn load(found: &Bound<'_, PyDict>, frames: &Bound<'_, PyDict>) -> PyResult<()> {
    if found.is_empty() {
        return Ok(());
    }
    names::load(found.py())?;
    // Where OpenSSL or cffi is not as it is known here, Twisted's own methods stay.
    let _ = stock::Stock::keep(found, frames);
    Ok(())
}
