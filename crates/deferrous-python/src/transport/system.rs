//! Calls of the system for a socket that is named by its number. Those that receive say so if a signal interrupted them.

use std::{io, mem::MaybeUninit, net::SocketAddr, os::fd::RawFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, getsockname, recv, recvfrom, send, sendto};

use crate::interp::with_descriptor;

/// Reads what is there, at most as much as there is room for, and returns the part of the room that it fills. Nothing is
/// the end.
pub fn receive(fd: RawFd, room: &mut [MaybeUninit<u8>]) -> io::Result<&mut [u8]> {
    with_descriptor(fd, |socket| {
        let ((received, _), _) = recv(socket, room, RecvFlags::DONTWAIT)?;
        Ok(received)
    })
}

/// Reads a datagram, as much of it as there is room for, and tells where it comes from.
pub fn receive_datagram(
    fd: RawFd,
    room: &mut [MaybeUninit<u8>],
) -> io::Result<(&mut [u8], SocketAddr)> {
    with_descriptor(fd, |socket| {
        let ((received, _), _, from) = recvfrom(socket, room, RecvFlags::DONTWAIT)?;
        let from = from.and_then(|from| from.try_into().ok());
        from.map(|from| (received, from))
            .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    })
}

/// Sends a datagram to an address. Returns how many bytes it had.
pub fn transmit_datagram(fd: RawFd, data: &[u8], to: &SocketAddr) -> io::Result<usize> {
    with_descriptor(fd, |socket| {
        let send = || sendto(socket, data, SendFlags::DONTWAIT, to);
        Ok(rustix::io::retry_on_intr(send)?)
    })
}

/// The kind of addresses that a socket has.
pub fn family(fd: RawFd) -> io::Result<AddressFamily> {
    with_descriptor(fd, |socket| Ok(getsockname(socket)?.address_family()))
}

/// Python ignores the signal of a broken pipe, and programs may not.
#[cfg(not(target_vendor = "apple"))]
const SENDING: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
const SENDING: SendFlags = SendFlags::DONTWAIT;

/// Sends as much as the system takes.
pub fn transmit(fd: RawFd, data: &[u8]) -> io::Result<usize> {
    with_descriptor(fd, |socket| {
        Ok(rustix::io::retry_on_intr(|| send(socket, data, SENDING))?)
    })
}

/// Whether a send has failed only because the system has no room at the moment.
pub fn is_without_room(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}

/// Whether something is to be read from a socket before a failed send of it counts: data, or the end that the peer has
/// sent. After a reset, whose error that send has taken, there is an end as well, which is none.
pub fn is_to_be_read(fd: RawFd, error: &io::Error) -> bool {
    let peeked = with_descriptor(fd, |socket| {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        Ok(rustix::io::retry_on_intr(|| recv(socket, &mut [0], flags))?.1)
    });
    match peeked {
        Ok(0) => error.kind() == io::ErrorKind::BrokenPipe,
        Ok(_) => true,
        Err(_) => false,
    }
}
