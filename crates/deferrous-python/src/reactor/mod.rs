//! The event loop under Twisted's transports and protocols: time, threads and readiness in Rust.
//!
//! Twisted's reactors keep their state in `__dict__`, and tests exchange the dicts of two of them. So an
//! object of Rust holds what the loop is made of, as an attribute of the reactor, and the methods here
//! find it there. They are methods of any object: the class of the reactor is one of Python, whose bases
//! are Twisted's.

mod class;
mod delayed;
mod delayed_attributes;
mod descriptors;
mod docs;
mod event_loop;
mod messages;
mod pending;
mod polling;
mod readiness;
mod support;
mod system_clock;
mod time;
mod turn;

use crate::interp::{CALL_WITH_KEYWORDS, Maybe, NO_ARGUMENTS, Obj, method};

pub use class::takes_results;
pub use event_loop::Loop;
pub use messages::{Mailbox, Message, Notice, send_result};

/// Makes the classes, and the methods that a reactor's class takes over, by name.
///
/// Returns the classes, the function that forked children call, the function that makes event loops, and a dict of
/// methods.
pub fn load() -> Maybe<[(&'static str, Obj); 5]> {
    let event_loop = event_loop::make_class()?;
    let delayed_call = delayed::make_class()?;
    Ok([
        ("DelayedCall", delayed_call),
        ("EventLoop", event_loop),
        ("after_fork", event_loop::after_fork()?),
        ("new_event_loop", event_loop::constructor()?),
        ("reactor_methods", methods()?),
    ])
}

/// The methods. One of `object` binds to whatever class it is put into.
fn methods() -> Maybe {
    let table = [
        ("callLater", method(c"callLater", CALL_WITH_KEYWORDS(time::call_later), docs::CALL_LATER)),
        ("getDelayedCalls", method(c"getDelayedCalls", NO_ARGUMENTS(time::get_delayed_calls), docs::GET_DELAYED_CALLS)),
        ("timeout", method(c"timeout", NO_ARGUMENTS(time::timeout), c"timeout($self, /)\n--\n\nHow long the reactor may sleep, in seconds; None if nothing is to be called later.")),
        ("runUntilCurrent", method(c"runUntilCurrent", NO_ARGUMENTS(turn::run_until_current), c"runUntilCurrent($self, /)\n--\n\nMake the calls that other threads have asked for, and those that are due.")),
        ("doIteration", method(c"doIteration", CALL_WITH_KEYWORDS(turn::do_iteration), c"doIteration($self, delay)\n--\n\nWait for events for up to delay seconds (None: for as long as it takes), and handle them.")),
        ("callFromThread", method(c"callFromThread", CALL_WITH_KEYWORDS(messages::call_from_thread), docs::CALL_FROM_THREAD)),
        ("wakeUp", method(c"wakeUp", NO_ARGUMENTS(messages::wake_up), c"wakeUp($self, /)\n--\n\nHave the reactor return from its wait. Any thread may call it.")),
        ("addReader", method(c"addReader", CALL_WITH_KEYWORDS(descriptors::add_reader), c"addReader($self, reader)\n--\n\nCall the reader's doRead whenever there is something to read.")),
        ("addWriter", method(c"addWriter", CALL_WITH_KEYWORDS(descriptors::add_writer), c"addWriter($self, writer)\n--\n\nCall the writer's doWrite whenever there is room to write.")),
        ("removeReader", method(c"removeReader", CALL_WITH_KEYWORDS(descriptors::remove_reader), c"removeReader($self, reader)\n--\n\nDo not call the reader's doRead any more.")),
        ("removeWriter", method(c"removeWriter", CALL_WITH_KEYWORDS(descriptors::remove_writer), c"removeWriter($self, writer)\n--\n\nDo not call the writer's doWrite any more.")),
        ("getReaders", method(c"getReaders", NO_ARGUMENTS(descriptors::get_readers), c"getReaders($self, /)\n--\n\nThe readers, as a list.")),
        ("getWriters", method(c"getWriters", NO_ARGUMENTS(descriptors::get_writers), c"getWriters($self, /)\n--\n\nThe writers, as a list.")),
        ("_doReadOrWrite", method(c"_doReadOrWrite", CALL_WITH_KEYWORDS(readiness::do_read_or_write), c"_doReadOrWrite($self, selectable, fd, event)\n--\n\nHave a selectable read or write, and disconnect it if that fails.")),
        ("_turnUntilStopped", method(c"_turnUntilStopped", NO_ARGUMENTS(turn::until_stopped), c"_turnUntilStopped($self, /)\n--\n\nThe main loop.")),
    ];
    crate::interp::methods_of_any_class(table)
}
