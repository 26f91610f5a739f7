//! What every loop waits with, whichever interface it has: descriptors by their numbers, times that can be ordered, and
//! the wait itself.

mod deadline;
mod descriptor;
mod inherited;
mod table;
mod wait;

pub use deadline::{deadline, time_of};
pub use descriptor::{rewatch, unwatch, watch};
pub use inherited::{WaiterSlot, abandon_inherited, register};
pub use table::Table;
pub use wait::wait;
