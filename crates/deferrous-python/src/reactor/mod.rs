//! The event loop under Twisted's transports and protocols: time, threads and readiness in Rust.
//!
//! Twisted's reactors keep their state in `__dict__`, and tests exchange the dicts of two of them. So an
//! object of Rust holds what the loop is made of, as an attribute of the reactor, and the methods here
//! find it there. The class of the reactor is one of Python, whose other bases are Twisted's.

mod class;
mod clock;
mod delayed;
mod descriptors;
mod early_send;
mod event_loop;
mod messages;
mod methods;
mod names;
mod pending;
mod polling;
mod readiness;
mod ready;
mod state;
mod support;
mod system_clock;
mod thread_calls;
mod time;
mod turn;
mod unsent;
mod wait;
mod writing;

use pyo3::prelude::*;

use crate::interp::{method_descriptor, name};

pub use class::Reactor;
pub use event_loop::after_fork;
pub use messages::{Message, Messages};
pub use methods::ReactorMethods;
pub use state::{DelayedCall, EventLoop};
pub use thread_calls::send;

/// Makes the names, and adds the methods that [`ReactorMethods`] has besides those of PyO3's: as such they would cost a
/// tuple and a dict for each call.
///
/// `find` imports what the reactor needs of the package, when the first event loop is made.
pub fn load(find: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = find.py();
    names::load(py)?;
    let class = py.get_type::<ReactorMethods>();
    class.setattr(
        name!(py, "callLater")?,
        method_descriptor::<time::CallLater>(&class)?,
    )?;
    let call_from_thread = method_descriptor::<thread_calls::CallFromThread>(&class)?;
    class.setattr(name!(py, "callFromThread")?, call_from_thread)?;
    support::prepare(&class, find);
    Ok(())
}
