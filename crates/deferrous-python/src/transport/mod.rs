//! What Twisted's streams do all day: read, take what is written, and send it. And what ports do with datagrams.
//!
//! Classes and attributes stay Twisted's: a stream is an object of `twisted.internet.tcp.Connection` or a subclass, such as
//! those of `twisted.internet.unix`, and a port one of `twisted.internet.udp.Port`, with
//! all its state in its `__dict__`. Here are a few of its methods, for streams whose class and attributes leave them as
//! Twisted has them ([`Stream`](stream::Stream)). Whatever else a stream is or has goes through Twisted's own methods, which find the
//! same state.

mod attribute;
mod datagrams;
mod examine;
mod facts;
mod failed_datagram;
mod flush;
mod known;
mod log_context;
mod names;
mod plan;
mod read;
mod replacing;
mod stock;
mod stream;
mod system;
pub mod tls;
mod write;

use pyo3::{prelude::*, types::PyDict};

pub use datagrams::write_datagram;
pub use flush::{Flushed, flush, flushed_descriptor};
pub use known::forget;
pub use log_context::{Logging, log_lines_are_twisteds};
pub use read::Reading;
pub use replacing::replace;
pub use stock::{Stock, stock};
pub use write::{Writing, Wrote, take_much_written};

/// Keeps Twisted's methods, the first time.
///
/// Args:
///     found: what `deferrous._transports.find` returns.
///     globals: what `deferrous._transports.looked_up` returns.
///     for_tls: what `deferrous._tls.find` returns.
///     frames: the trails of Twisted's functions.
pub fn load(
    found: &Bound<'_, PyDict>,
    globals: &Bound<'_, PyAny>,
    for_tls: &Bound<'_, PyDict>,
    frames: &Bound<'_, PyDict>,
) -> PyResult<()> {
    names::load(found.py())?;
    log_context::load(found.py())?;
    tls::load(for_tls, frames)?;
    Stock::keep(found, globals, frames)
}
