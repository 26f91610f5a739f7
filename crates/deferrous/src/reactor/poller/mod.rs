//! Waiting for descriptors, for a time to pass, and to be woken: what the system has for that.
//!
//! Linux has epoll, which is used here as it is. Everywhere else the crate `polling` finds what
//! there is; on Linux it would make five calls of the system for each wait where one or two do.
//! Built with `--cfg portable_poller`, `polling` is used on Linux too, to be tested there.

#[cfg(all(target_os = "linux", not(portable_poller)))]
mod epoll;
#[cfg(not(all(target_os = "linux", not(portable_poller))))]
mod portable;

#[cfg(all(target_os = "linux", not(portable_poller)))]
pub(super) use epoll::{Events, Poller};
#[cfg(not(all(target_os = "linux", not(portable_poller))))]
pub(super) use portable::{Events, Poller};

/// What is to be told, or has happened: level-triggered, so it is told again for as long as it is
/// true. Errors are told as both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The number that the descriptor was added with.
    pub(super) key: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
}
