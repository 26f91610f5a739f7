//! The class `Deferred`: its layout, its methods and its attributes.

mod adding;
mod attributes;
mod awaiting;
mod class;
pub mod debug;
mod default;
mod making;
mod methods;
mod object;
mod protocol;

pub use attributes::no_attribute;
pub use awaiting::make as make_awaiter;
pub use class::make as make_class;
pub use default::{make_class as make_defaults, set_defaults};
pub use making::{initialise, is_original};
pub use methods::forwarded;
pub use object::{Deferred, Layout, clear, dealloc, is_revived, traverse};
