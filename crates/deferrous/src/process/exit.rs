//! How the reactor hears that a child has ended.

use std::{io, process::Child};

use signal_hook::consts::SIGCHLD;

#[cfg(all(target_os = "linux", not(portable_poller)))]
use crate::reactor::Watch;
use crate::reactor::{Reactor, SignalWatch};

/// Calls a function when a child may have ended.
pub(super) enum ExitWatch {
    /// Of a descriptor that stands for the process.
    #[cfg(all(target_os = "linux", not(portable_poller)))]
    Descriptor(Watch),
    /// Of SIGCHLD, which says that some child has ended.
    Signal(SignalWatch),
}

impl ExitWatch {
    /// Watches `child`. Where the system cannot say which child has ended, `call` is called for each.
    pub(super) fn new(
        reactor: &Reactor,
        child: &Child,
        call: impl FnMut() + Clone + 'static,
    ) -> io::Result<Self> {
        #[cfg(all(target_os = "linux", not(portable_poller)))]
        {
            use rustix::process::{Pid, PidfdFlags, pidfd_open};
            // An old kernel has none, and a sandbox may forbid them.
            if let Ok(descriptor) = pidfd_open(Pid::from_child(child), PidfdFlags::empty()) {
                let mut call = call.clone();
                let watch = reactor.add_reader(descriptor, move |_| call())?;
                return Ok(ExitWatch::Descriptor(watch));
            }
        }
        let _ = child;
        let signal = reactor.add_signal_handler(SIGCHLD, call)?;
        Ok(ExitWatch::Signal(signal))
    }

    pub(super) fn remove(&self) {
        match self {
            #[cfg(all(target_os = "linux", not(portable_poller)))]
            ExitWatch::Descriptor(watch) => watch.remove(),
            ExitWatch::Signal(watch) => watch.remove(),
        }
    }
}
