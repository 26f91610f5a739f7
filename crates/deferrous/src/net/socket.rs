//! The sockets of connections: TCP or UNIX.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketType, bind, connect, sockopt},
};

use super::address::Address;

/// A connected socket, which is non-blocking.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// The address of this end.
    pub(super) fn host(&self) -> io::Result<Address> {
        Ok(match self {
            Socket::Tcp(stream) => stream.local_addr()?.into(),
            Socket::Unix(stream) => stream.local_addr()?.into(),
        })
    }

    /// Ends both directions, also for a child that has inherited the socket.
    pub(super) fn shut_down(&self) {
        // A connection that is lost has no directions left.
        let _ = match self {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Socket::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    fn tcp(&self) -> io::Result<&TcpStream> {
        match self {
            Socket::Tcp(stream) => Ok(stream),
            Socket::Unix(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a UNIX socket has no options of TCP",
            )),
        }
    }

    pub(super) fn set_no_delay(&self, on: bool) -> io::Result<()> {
        self.tcp()?.set_nodelay(on)
    }

    pub(super) fn no_delay(&self) -> io::Result<bool> {
        self.tcp()?.nodelay()
    }

    pub(super) fn set_keep_alive(&self, on: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_keepalive(self.tcp()?, on)?)
    }

    pub(super) fn keep_alive(&self) -> io::Result<bool> {
        Ok(sockopt::socket_keepalive(self.tcp()?)?)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

/// What has begun to connect.
pub(super) enum Begun {
    Connected(Socket),
    /// It is connected, or has failed, when it is writable.
    InProgress(OwnedFd),
    /// Too many wait at the other end: to be tried again.
    Busy,
}

#[cfg(not(target_vendor = "apple"))]
fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    use rustix::net::{SocketFlags, socket_with};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(family, SocketType::STREAM, flags, None)?)
}

#[cfg(target_vendor = "apple")]
fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
    let fd = rustix::net::socket(family, SocketType::STREAM, None)?;
    fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
    ioctl_fionbio(&fd, true)?;
    sockopt::set_socket_nosigpipe(&fd, true)?;
    Ok(fd)
}

/// Begins to connect to an address, from the address `from` if there is one.
pub(super) fn begin_tcp(address: SocketAddr, from: Option<SocketAddr>) -> io::Result<Begun> {
    let fd = open(match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    })?;
    if let Some(from) = from {
        bind(&fd, &from)?;
    }
    match connect(&fd, &address) {
        Ok(()) => Ok(Begun::Connected(Socket::Tcp(fd.into()))),
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(Begun::InProgress(fd)),
        Err(error) => Err(error.into()),
    }
}

/// Begins to connect to a path.
pub(super) fn begin_unix(path: &Path) -> io::Result<Begun> {
    let fd = open(AddressFamily::UNIX)?;
    match connect(&fd, &SocketAddrUnix::new(path)?) {
        Ok(()) => Ok(Begun::Connected(Socket::Unix(fd.into()))),
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(Begun::InProgress(fd)),
        Err(Errno::AGAIN) => Ok(Begun::Busy),
        Err(error) => Err(error.into()),
    }
}

/// What has come of a connection in progress, now that it is writable.
pub(super) fn finish(fd: OwnedFd, address: &Address) -> io::Result<Socket> {
    sockopt::socket_error(&fd)??;
    Ok(match address {
        Address::Tcp(_) => Socket::Tcp(fd.into()),
        Address::Unix(_) => Socket::Unix(fd.into()),
    })
}
