//! The event loop under Twisted's transports and protocols: time, threads and readiness in Rust.
//!
//! Twisted's reactors keep their state in `__dict__`, and tests exchange the dicts of two of them. So an
//! object of Rust holds what the loop is made of, as an attribute of the reactor, and the methods here
//! find it there. The class of the reactor is one of Python, whose other bases are Twisted's.

mod class;
mod delayed;
mod descriptors;
mod docs;
mod event_loop;
mod messages;
mod methods;
mod pending;
mod polling;
mod readiness;
mod support;
mod system_clock;
mod time;
mod turn;
mod wait;

use pyo3::{
    prelude::*,
    types::{PyAny, PyDict},
};

use crate::interp::method_descriptor;

pub use class::Reactor;
pub use delayed::DelayedCall;
pub use event_loop::{EventLoop, after_fork};
pub use messages::{Message, Messages, send};
pub use methods::ReactorMethods;

/// Makes a dict of the methods that a reactor's class takes over: those of [`ReactorMethods`] would cost a tuple and a
/// dict for each call.
pub fn methods(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let methods = PyDict::new(py);
    let object = py.get_type::<PyAny>();
    let call_later = method_descriptor::<time::CallLater>(&object)?;
    let call_from_thread = method_descriptor::<messages::CallFromThread>(&object)?;
    methods.set_item("callLater", call_later)?;
    methods.set_item("callFromThread", call_from_thread)?;
    Ok(methods)
}
