//! The event loop under Twisted's transports and protocols: time, threads and readiness in Rust.
//!
//! Twisted's reactors keep their state in `__dict__`, and tests exchange the dicts of two of them. So an
//! object of Rust holds what the loop is made of, as an attribute of the reactor, and the methods here
//! find it there. The class of the reactor is one of Python, whose other bases are Twisted's.

mod class;
mod delayed;
mod descriptors;
mod event_loop;
mod messages;
mod methods;
mod names;
mod pending;
mod polling;
mod readiness;
mod support;
mod system_clock;
mod time;
mod turn;
mod wait;

use pyo3::prelude::*;

use crate::interp::method_descriptor;

pub use class::Reactor;
pub use delayed::DelayedCall;
pub use event_loop::{EventLoop, after_fork};
pub use messages::{Message, Messages, send};
pub use methods::ReactorMethods;

/// Makes the names, and adds the methods that [`ReactorMethods`] has besides those of PyO3's: as such they would cost a
/// tuple and a dict for each call.
pub fn load(py: Python<'_>) -> PyResult<()> {
    names::load(py);
    let class = py.get_type::<ReactorMethods>();
    class.setattr("callLater", method_descriptor::<time::CallLater>(&class)?)?;
    let call_from_thread = method_descriptor::<messages::CallFromThread>(&class)?;
    class.setattr("callFromThread", call_from_thread)
}
