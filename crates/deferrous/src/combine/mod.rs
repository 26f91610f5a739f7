//! Many Deferreds into one: [`deferred_list`], [`gather_results`], [`race`].

mod errors;
mod gather;
mod inputs;
mod list;
mod race;

pub use errors::{AllFailed, FirstError};
pub use gather::{gather_results, gather_results_or_cancel};
pub use list::{ListOptions, Listed, deferred_list};
pub use race::race;
