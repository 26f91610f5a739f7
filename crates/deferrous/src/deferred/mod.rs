//! The typed API of the engine: `Deferred<T>` and what belongs to it.

mod adding;
pub(crate) mod cell;
mod constructors;
mod describe;
mod handles;
mod repeat;
mod returns;
mod trigger;
mod typed;

pub use crate::control_flow::{Abandoned, Cancelled, CircularWait, TimedOut};
pub use constructors::{deferred, deferred_with_canceller, fail, maybe_deferred, succeed};
pub use handles::{CancelHandle, PauseGuard};
pub use repeat::repeat;
pub use returns::CallbackResult;
pub use trigger::Trigger;
pub use typed::Deferred;
