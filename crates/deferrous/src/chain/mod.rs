//! The engine: what happens when a result meets a list of callbacks.
//!
//! The rules of Deferreds are written here, once, without knowing what a callback or a result is.
//! [`Parts`] names those types, and a [`Host`] says how the [`State`] behind a Deferred is reached
//! and how one of its links is called. Rust closures are the host of this crate; the tests have
//! another.
//!
//! A *cell* is one Deferred's state. It holds at most one *outcome* (a value or a failure), a queue
//! of *links* (callback/errback pairs), and a pause count. The functions of this module change it:
//!
//! | function | Twisted's name | rule |
//! |---|---|---|
//! | [`fire`] | `callback`, `errback` | a Deferred gets its outcome once |
//! | [`add`] | `addCallbacks` | links run in order, at once where an outcome is there |
//! | [`pause`], [`unpause`] | `pause`, `unpause` | while the count is above zero no link runs |
//! | [`cancel`] | `cancel` | the canceller is asked once; while waiting, the inner Deferred is cancelled |
//! | [`resume`] | - | a waiting Deferred gets the outcome it waits for |
//!
//! All of them end in the loop of `run_links.rs`, which is Twisted's `_runCallbacks`.
//!
//! Nothing here recurses with the data: a link that returns a Deferred, at any depth, is followed
//! by a loop with its own stack on the heap. Links that call these functions nest in the stack, up to
//! the depth that the host allows, from where on links are run later. All functions may be called from inside any link or
//! canceller. While a state is borrowed only [`Parts`] are called, which cannot reach a state.

mod host;
mod parts;
mod rules;
mod run_links;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use host::Host;
pub(crate) use parts::{Parts, Step};
pub(crate) use rules::{add, cancel, fire, pause, resume, run_now, unpause};
pub(crate) use state::State;
