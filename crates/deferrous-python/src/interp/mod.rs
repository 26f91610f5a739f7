//! The interpreter: objects, calls, exceptions, classes, fields. Nothing here knows what a Deferred is.

mod arguments;
#[allow(dead_code, reason = "modules move to it one by one")]
mod bridge;
mod cells;
mod class;
mod class_version;
mod context;
mod depth;
mod descriptor;
mod detached;
mod dict_changes;
mod dict_watch;
mod dispose;
mod exception;
pub mod fallible;
#[allow(dead_code, reason = "modules move to it one by one")]
mod field;
mod file_descriptor;
mod fork;
mod frame;
mod holder;
mod instance_dict;
mod items;
mod method;
mod native_class;
mod obj;
mod object;
mod own_class;
mod queue;
mod raise;
mod room;
mod task;
mod visitor;

pub use arguments::{Signature, bind_tuple, keyword_dict};

#[allow(unused_imports, reason = "modules move to it one by one")]
pub use bridge::{attached, from_result, to_result};
pub use cells::{Counted, copied, is_some, peek};
pub use class::{
    CALL_WITH_KEYWORDS, CLASS_METHOD, NO_ARGUMENTS, ONE_ARGUMENT, dict_attribute, doc, getset,
    members, method, sealed, shorten_name, slot, subclass_spec,
};
pub use class_version::ClassVersion;
pub use context::Context;
pub use depth::{deeper, deeper_as_python, too_deep};
pub use descriptor::methods_of_any_class;
pub use detached::{detached, give_way, is_alone, is_free, is_time_to_give_way};
pub use dict_changes::UntilChanged;
#[cfg(not(Py_3_12))]
pub use dict_watch::notice_changes;
pub use dict_watch::watch as watch_dicts;
pub use dispose::end;
#[allow(unused_imports, reason = "modules move to it one by one")]
pub use exception::{handling, set_traceback, traceback};
pub use field::{CloneRef, Field};
pub use file_descriptor::{file_descriptor, with_descriptor};
pub use fork::{count_fork, forks};
pub use frame::frame;
pub use holder::{Held, Holder, collected};
pub use instance_dict::instance_dict;
pub use items::Items;
pub use method::{Arguments, Method, method_descriptor};
pub use native_class::{Native, NativeClass};
pub use obj::{Attached, Maybe, Obj, Raised, Raw, answer, version_tag};
pub use object::{attributes, class_attributes, is_subtype, new_object, set_attributes};
pub use own_class::{Life, OwnClass};
pub use queue::Queue;
pub use raise::{
    assertion_failed, enter, enter_status, guarded, put_back, raise, reraise, set_aside,
    take_raised, type_error, write_unraisable,
};
pub use room::Room;
pub use task::{Task, bind_leading};
pub use visitor::{Traverse, Visitor};
