//! The class `Deferred`: its layout, its methods and its attributes.

mod adding;
mod attributes;
mod awaiting;
mod class;
pub mod debug;
mod default;
mod dispose;
mod inner;
mod making;
mod methods;
mod object;
mod protocol;

pub use attributes::no_attribute;
pub use awaiting::make as make_awaiter;
pub use class::{
    CALL_WITH_KEYWORDS, NO_ARGUMENTS, ONE_ARGUMENT, getset, make as make_class, method, sealed,
    shorten_name, slot, subclass_spec,
};
pub use default::{make_class as make_defaults, set_defaults};
pub use inner::{Content, Inner, content};
pub use making::{initialise, is_original};
pub use methods::forwarded;
pub use object::{Deferred, Layout, clear, dealloc, traverse};
