//! Calls of the system for a socket that is named by its number.

use std::{io, os::fd::RawFd};

use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::interp::with_descriptor;

/// Reads what is there, at most as much as there is room for. 0 is the end.
pub fn receive(fd: RawFd, room: &mut [u8]) -> io::Result<usize> {
    with_descriptor(fd, |socket| {
        Ok(rustix::io::retry_on_intr(|| recv(socket, &mut *room, RecvFlags::DONTWAIT))?.0)
    })
}

/// Sends as much as the system takes.
pub fn transmit(fd: RawFd, data: &[u8]) -> io::Result<usize> {
    with_descriptor(fd, |socket| {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(rustix::io::retry_on_intr(|| send(socket, data, flags))?)
    })
}
