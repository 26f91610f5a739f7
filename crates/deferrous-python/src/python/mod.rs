//! What is Python: objects, calls, exceptions, classes. Nothing here knows what a Deferred is.

mod arguments;
mod context;
mod depth;
mod descriptor;
mod detached;
mod holder;
mod obj;
mod raise;
mod room;
mod task;

pub use arguments::{Signature, bind_tuple, keyword_dict};
pub use context::Context;
pub use depth::{deeper, deeper_as_python, too_deep};
pub use descriptor::methods_of_any_class;
pub use detached::{detached, is_time_to_let_go};
pub use holder::{Held, Holder};
pub use obj::{Attached, Maybe, Obj, Raised, Raw, answer};
pub use raise::{
    enter, enter_py, enter_status, guarded, put_back, raise, reraise, set_aside, take_raised,
    type_error, write_unraisable,
};
pub use room::Room;
pub use task::{Task, bind_leading, call};
