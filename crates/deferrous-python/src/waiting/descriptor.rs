//! Telling a poller which descriptors to wait for. It names them by their numbers.

use std::{io, os::fd::RawFd};

use deferrous::event_loop::{Interest, Poller};

use crate::interp::with_descriptor;

/// The number by which the poller names a descriptor.
const fn key(fd: RawFd) -> usize {
    fd.unsigned_abs() as usize
}

/// Has a poller wait for events of a descriptor.
pub fn watch(poller: &Poller, fd: RawFd, interest: Interest) -> io::Result<()> {
    with_descriptor(fd, |descriptor| poller.add(descriptor, key(fd), interest))
}

/// Has it wait for other events.
pub fn rewatch(poller: &Poller, fd: RawFd, interest: Interest) -> io::Result<()> {
    with_descriptor(fd, |descriptor| {
        poller.modify(descriptor, key(fd), interest)
    })
}

/// Has it wait for none any more.
pub fn unwatch(poller: &Poller, fd: RawFd) -> io::Result<()> {
    with_descriptor(fd, |descriptor| poller.delete(descriptor))
}
