//! What is Python: objects, calls, exceptions, classes. Nothing here knows what a Deferred is.

mod arguments;
mod context;
mod depth;
mod obj;
mod raise;
mod room;

pub use arguments::{Signature, bind_tuple, keyword_dict};
pub use context::Context;
pub use depth::{deeper, deeper_as_python, too_deep};
pub use obj::{Attached, Maybe, Obj, Raised, Raw, answer};
pub use raise::{
    enter, enter_py, enter_status, guarded, put_back, raise, reraise, set_aside, take_raised,
    type_error, write_unraisable,
};
pub use room::Room;
