//! The interpreter: objects, calls, exceptions, classes, fields. Nothing here knows what a Deferred is.

mod builtin_code;
mod calls;
mod classes;
mod context;
mod depth;
mod detached;
mod dict_changes;
#[cfg(not(Py_3_13))]
mod dict_version;
mod dict_watch;
#[cfg(Py_3_12)]
mod dict_watcher;
mod event_room;
mod exception;
pub mod fallible;
mod fastcall;
mod field;
mod file_descriptor;
mod fork;
mod frame;
#[cfg(Py_3_13)]
mod inline_values;
mod kept;
mod known_classes;
mod life;
mod message;
mod name;
mod noted_dicts;
mod object;
mod openssl;
mod panics;
mod queue;
mod record;
mod seen_attributes;
mod sending;
mod stack;
mod task;
mod token;

pub use builtin_code::{BuiltinCode, bound_function, bound_method};
pub use calls::{
    Outcome, call, call_metaclass, call_with_tuple, descriptor_get, limited, outcome, raised,
};
pub use classes::{
    ClassFacts, Making, attribute as class_attribute, finds, has_attributes, has_mro, is_abstract,
    is_descriptor, is_exactly, is_kind_of, mro_address, own_attributes, shorten_name,
};
pub use context::{copy_context, run_in_context};
pub use depth::{deeper, deeper_as_python, too_deep};
pub use detached::{detached, give_way, is_alone, is_free, is_time_to_give_way};
pub use dict_changes::{UntilChanged, changes};
#[cfg(not(Py_3_13))]
pub use dict_version::Snapshot;
#[cfg(not(Py_3_12))]
pub use dict_watch::notice_changes;
pub use dict_watch::{Group, watch as watch_dicts};
pub use event_room::EventRoom;
pub use exception::{handling, set_traceback, traceback};
pub use fastcall::{
    Arguments, FastClass, FastFunction, FastMethod, NativeMethod, add_method, call_natively,
    fast_function, make_in_one_step, method_descriptor,
};
pub use field::Field;
pub use file_descriptor::{are_writable, file_descriptor, socket_descriptor, with_descriptor};
pub use fork::{count_fork, forks};
pub use frame::frame;
#[cfg(Py_3_13)]
pub use inline_values::{
    Expected, Place, count_places, has_free_places, has_values, place, replace_value, two_values,
    value as inline_value,
};
pub(crate) use kept::kept;
pub use kept::{Counted, Kept, Slot, Traverse};
pub use known_classes::KnownClasses;
pub use life::{
    Life, Memory, add_finalizer, begin as begin_life, begin_extended as begin_life_extended,
    has_own_finalizer, make,
};
pub use message::{Ancillary, receive_message};
pub use name::{Name, unloaded};
pub(crate) use name::{name, names};
pub use noted_dicts::NotedDicts;
pub use object::{
    attributes, class_attributes, has_plain_keys, is_subtype, item, new_object, references,
};
pub use openssl::OpenSsl;
pub use panics::without_panic;
pub use queue::Queue;
pub use record::Record;
pub use seen_attributes::{KnownPlace, SeenAttributes};
pub use sending::{
    Awaitable, Awaited, Sent, add_am_await, add_slots, is_generator, is_native_coroutine, send,
    stop_iteration,
};
pub use stack::check_stack;
pub use task::{Task, bind_leading};
pub use token::{as_called_by_pyo3, forget};
