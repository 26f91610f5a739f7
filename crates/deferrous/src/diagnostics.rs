//! What the reactor tells through `tracing`, where that feature is on.

use std::{ffi::c_int, io};

/// A message waits in the queue, and is read when something else wakes the reactor.
pub(crate) fn cannot_wake(error: &io::Error) {
    #[cfg(feature = "tracing")]
    tracing::error!(%error, "cannot wake the reactor");
    let _ = error;
}

/// Somebody closed a descriptor that was watched, and with that the system has forgotten it.
pub(crate) fn no_longer_polled(error: &io::Error) {
    #[cfg(feature = "tracing")]
    tracing::debug!(%error, "a watched descriptor is no longer polled");
    let _ = error;
}

pub(crate) fn stopping_at(signal: c_int) {
    #[cfg(feature = "tracing")]
    tracing::info!(signal, "stopping at a signal");
    let _ = signal;
}
