//! The event loop under Twisted's transports and protocols: time, threads and readiness in Rust.
//!
//! Twisted's reactors keep their state in `__dict__`, and tests exchange the dicts of two of them. So an
//! object of Rust holds what the loop is made of, as an attribute of the reactor, and the methods here
//! find it there. The class of the reactor is one of Python, whose other bases are Twisted's.

mod class;
mod delayed;
mod delayed_attributes;
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

use crate::interp::{CALL_WITH_KEYWORDS, Maybe, NO_ARGUMENTS, Obj, method};

pub use class::takes_results;
pub use event_loop::{EventLoop, Loop, after_fork};
pub use messages::{Message, Messages, send_result};
pub use methods::ReactorMethods;

/// Makes the class of delayed calls, and a dict of methods that a reactor's class takes over.
pub fn load() -> Maybe<[(&'static str, Obj); 2]> {
    Ok([
        ("DelayedCall", delayed::make_class()?),
        ("reactor_methods", methods_by_name()?),
    ])
}

/// The methods. One of `object` binds to whatever class it is put into.
fn methods_by_name() -> Maybe {
    let table = [
        ("callLater", method(c"callLater", CALL_WITH_KEYWORDS(time::call_later), docs::CALL_LATER)),
        ("getDelayedCalls", method(c"getDelayedCalls", NO_ARGUMENTS(time::get_delayed_calls), docs::GET_DELAYED_CALLS)),
        ("timeout", method(c"timeout", NO_ARGUMENTS(time::timeout), c"timeout($self, /)\n--\n\nHow long the reactor may sleep, in seconds; None if nothing is to be called later.")),
        ("callFromThread", method(c"callFromThread", CALL_WITH_KEYWORDS(messages::call_from_thread), docs::CALL_FROM_THREAD)),
        ("wakeUp", method(c"wakeUp", NO_ARGUMENTS(messages::wake_up), c"wakeUp($self, /)\n--\n\nHave the reactor return from its wait. Any thread may call it.")),
    ];
    crate::interp::methods_of_any_class(table)
}
