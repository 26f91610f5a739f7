//! Messages of sockets: bytes, and the ancillary data that come with them, such as descriptors of files.

use std::{
    io, mem,
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
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
    data: Vec<u8>,
}

/// Ancillary data that came with a message. Descriptors in them are closed when it is dropped.
pub struct Ancillary {
    items: Vec<Item>,
    /// The flags of the message.
    flags: i32,
}

/// A byte that the system may write.
///
/// # Safety
///
/// It has the size of a byte and is valid with any value.
pub unsafe trait Byte {}

// SAFETY: it is a byte.
unsafe impl Byte for u8 {}
// SAFETY: it has the size of a byte, and need not even have a value.
unsafe impl Byte for MaybeUninit<u8> {}

/// Receives a message without waiting for one. Returns how many bytes were put into `room`; ancillary data are put into
/// `ancillary`, if there are any.
///
/// As with Python's `recvmsg`, descriptors are inherited by programs that are executed.
///
/// # Errors
///
/// What the system says. `WouldBlock` if there is no message.
#[inline]
pub fn receive_message<T: Byte>(
    fd: RawFd,
    room: &mut [T],
    ancillary: &mut Option<Ancillary>,
) -> io::Result<usize> {
    with_descriptor(fd, |socket| {
        loop {
            match receive(socket, room, ancillary) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => return received,
            }
        }
    })
}

#[inline]
fn receive<T: Byte>(
    socket: BorrowedFd<'_>,
    room: &mut [T],
    ancillary: &mut Option<Ancillary>,
) -> io::Result<usize> {
    let mut control = [const { MaybeUninit::<usize>::uninit() }; WORDS];
    let mut bytes = libc::iovec {
        iov_base: room.as_mut_ptr().cast(),
        iov_len: room.len(),
    };
    // SAFETY: it consists of numbers and of pointers that may be null, which zeros are.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    // SAFETY: both buffers are alive and exclusively borrowed, and as long as the message says.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let Ok(length) = usize::try_from(length) else {
        return Err(io::Error::last_os_error());
    };
    if message.msg_controllen != 0 {
        *ancillary = Some(Ancillary::of(&message));
    }
    Ok(length)
}

impl Ancillary {
    /// Copies those of a message that [`receive`] has received just now.
    #[cold]
    fn of(message: &libc::msghdr) -> Self {
        let end = message.msg_control.addr() + size(message.msg_controllen);
        let mut items = Vec::new();
        // SAFETY: the system has filled in the message. What these functions return is inside its buffer, which is aligned
        // for the heads of items, and no item is read past its end.
        unsafe {
            let mut at = libc::CMSG_FIRSTHDR(message);
            while let Some(head) = at.as_ref() {
                let data = libc::CMSG_DATA(at);
                let length = size(head.cmsg_len).saturating_sub(data.addr() - at.addr());
                let length = length.min(end.saturating_sub(data.addr()));
                items.push(Item {
                    level: head.cmsg_level,
                    kind: head.cmsg_type,
                    data: slice::from_raw_parts(data, length).to_vec(),
                });
                at = libc::CMSG_NXTHDR(message, at);
            }
        }
        let flags = message.msg_flags;
        Ancillary { items, flags }
    }

    /// A `list` of triples of level, type and data, and the flags, as Python's `recvmsg` gives them. The descriptors now
    /// belong to whoever has the list.
    #[cold]
    pub fn into_python(
        mut self,
        py: Python<'_>,
    ) -> PyResult<(Bound<'_, PyList>, Bound<'_, PyAny>)> {
        let flags = number(py, self.flags)?;
        let list = fallible::list(py)?;
        for Item { level, kind, data } in &self.items {
            let data = fallible::bytes(py, data)?.into_any();
            let item = [number(py, *level)?, number(py, *kind)?, data];
            list.append(fallible::tuple(py, item)?)?;
        }
        self.items.clear();
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

impl Drop for Ancillary {
    fn drop(&mut self) {
        let rights = self
            .items
            .iter()
            .filter(|item| (item.level, item.kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS));
        for descriptor in rights.flat_map(|item| item.data.as_chunks().0) {
            // SAFETY: the system has opened this descriptor for this message, and nobody else has been told of it.
            drop(unsafe { OwnedFd::from_raw_fd(RawFd::from_ne_bytes(*descriptor)) });
        }
    }
}
