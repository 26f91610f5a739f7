//! Messages of sockets: bytes, and the ancillary data that come with them, such as descriptors of files.

use std::{
    borrow::Cow,
    io, mem,
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd},
    slice,
};

use pyo3::{prelude::*, types::PyList};

use super::{fallible, with_descriptor};

/// How many words of memory there are for ancillary data: as much as Twisted's `recvmsg` asks for, which is 4096 bytes
/// and what belongs to one item.
const WORDS: usize = 4096 / size_of::<usize>() + 2;

/// An item of ancillary data.
struct Item {
    level: i32,
    kind: i32,
    data: Data,
}

/// The contents of an item.
enum Data {
    /// Descriptors, which the system has opened for the message.
    Descriptors(Vec<OwnedFd>),
    Bytes(Vec<u8>),
}

/// Ancillary data that came with a message. Descriptors in them are closed when it is dropped.
pub struct Ancillary {
    items: Vec<Item>,
    /// The flags of the message.
    flags: i32,
}

/// Receives a message without waiting for one. Returns the part of `room` that its bytes were put into; ancillary data are
/// put into `ancillary`, if there are any.
///
/// As with Python's `recvmsg`, descriptors are inherited by programs that are executed.
///
/// # Errors
///
/// The error of the system. `WouldBlock` if there is no message, `Interrupted` if a signal came first.
#[inline]
pub fn receive_message<'a>(
    fd: RawFd,
    room: &'a mut [MaybeUninit<u8>],
    ancillary: &mut Option<Ancillary>,
) -> io::Result<&'a mut [u8]> {
    with_descriptor(fd, |socket| receive(socket, room, ancillary))
}

#[inline]
fn receive<'a>(
    socket: BorrowedFd<'_>,
    room: &'a mut [MaybeUninit<u8>],
    ancillary: &mut Option<Ancillary>,
) -> io::Result<&'a mut [u8]> {
    let mut control = [const { MaybeUninit::<usize>::uninit() }; WORDS];
    let mut bytes = libc::iovec {
        iov_base: room.as_mut_ptr().cast(),
        iov_len: room.len(),
    };
    // SAFETY: a message consists of numbers and of pointers that may be null, which zeros are. Both buffers are alive and
    // exclusively borrowed, and as long as the message says. Of the first one, so many bytes have been written.
    let (message, received) = unsafe {
        let mut message: libc::msghdr = mem::zeroed();
        message.msg_iov = &raw mut bytes;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        let length = libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT);
        let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
        (message, room[..length].assume_init_mut())
    };
    if message.msg_controllen != 0 {
        *ancillary = Some(Ancillary::of(&message));
    }
    Ok(received)
}

impl Ancillary {
    /// Copies those of a message that [`receive`] has received just now.
    #[cold]
    fn of(message: &libc::msghdr) -> Self {
        let end = message.msg_control.addr() + size(message.msg_controllen);
        let mut items = Vec::new();
        // SAFETY: the system has filled in the message. What these functions return is inside its buffer, which is aligned
        // for the heads of items, and no item is read past its end. Nobody else has been told of the descriptors.
        unsafe {
            let mut at = libc::CMSG_FIRSTHDR(message);
            while let Some(head) = at.as_ref() {
                let data = libc::CMSG_DATA(at);
                let length = size(head.cmsg_len).saturating_sub(data.addr() - at.addr());
                let length = length.min(end.saturating_sub(data.addr()));
                let data = slice::from_raw_parts(data, length);
                let (level, kind) = (head.cmsg_level, head.cmsg_type);
                let data = if (level, kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                    let numbers = data.as_chunks().0.iter().copied();
                    let opened = |number| OwnedFd::from_raw_fd(RawFd::from_ne_bytes(number));
                    Data::Descriptors(numbers.map(opened).collect())
                } else {
                    Data::Bytes(data.to_vec())
                };
                items.push(Item { level, kind, data });
                at = libc::CMSG_NXTHDR(message, at);
            }
        }
        let flags = message.msg_flags;
        Ancillary { items, flags }
    }

    /// A `list` of triples of level, type and data, and the flags, as Python's `recvmsg` gives them. The descriptors now
    /// belong to whoever has the list.
    #[cold]
    pub fn into_python(self, py: Python<'_>) -> PyResult<(Bound<'_, PyList>, Bound<'_, PyAny>)> {
        let flags = number(py, self.flags)?;
        let list = fallible::list(py)?;
        for Item { level, kind, data } in &self.items {
            let data = fallible::bytes(py, &data.bytes())?.into_any();
            let item = [number(py, *level)?, number(py, *kind)?, data];
            list.append(fallible::tuple(py, item)?)?;
        }
        for item in self.items {
            if let Data::Descriptors(descriptors) = item.data {
                for descriptor in descriptors {
                    // From now on the list has it.
                    let _ = descriptor.into_raw_fd();
                }
            }
        }
        Ok((list, flags))
    }
}

/// A size, which has other types on other systems.
fn size(length: impl TryInto<usize>) -> usize {
    length.try_into().unwrap_or(0)
}

/// An `int`.
fn number(py: Python<'_>, number: i32) -> PyResult<Bound<'_, PyAny>> {
    let magnitude = fallible::int(py, number.unsigned_abs() as usize)?;
    if number < 0 {
        magnitude.neg()
    } else {
        Ok(magnitude.into_any())
    }
}

impl Data {
    /// As they came.
    fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Data::Descriptors(descriptors) => {
                let numbers = descriptors.iter().map(|fd| fd.as_raw_fd().to_ne_bytes());
                Cow::Owned(numbers.flatten().collect())
            }
            Data::Bytes(bytes) => Cow::Borrowed(bytes),
        }
    }
}
