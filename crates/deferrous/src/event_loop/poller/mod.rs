//! Waiting for descriptors, for a time to pass, and to be woken: what the system has for that.
//!
//! Linux has epoll, which is used here as it is. Everywhere else the crate `polling` finds what
//! there is; on Linux it would make five calls of the system for each wait where one or two do.
//! Built with `--cfg portable_poller`, `polling` is used on Linux too, to be tested there.

#[cfg(all(target_os = "linux", not(portable_poller)))]
#[cfg_attr(all(test, deferrous_loom), allow(dead_code))]
mod epoll;
#[cfg(all(test, deferrous_loom))]
mod model;
#[cfg(not(all(target_os = "linux", not(portable_poller))))]
#[allow(unsafe_code)]
mod portable;

#[cfg(all(
    target_os = "linux",
    not(portable_poller),
    not(all(test, deferrous_loom))
))]
pub use epoll::{Events, Poller};
#[cfg(all(test, deferrous_loom))]
pub use model::{Events, Poller};
#[cfg(not(all(target_os = "linux", not(portable_poller))))]
pub use portable::{Events, Poller};

/// What is to be told of a descriptor: level-triggered, so it is told again for as long as it is
/// true. That the descriptor has failed is told in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// That there is something to read, or the stream has ended.
    pub readable: bool,
    /// That there is room to write.
    pub writable: bool,
    /// That there is urgent data, which counts as something to read.
    pub urgent: bool,
}

/// What has happened to a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The number that the descriptor was added with.
    pub key: usize,
    /// There is something to read.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
    /// It has failed or was hung up, which is told whether anybody asked or not.
    pub failed: bool,
}
