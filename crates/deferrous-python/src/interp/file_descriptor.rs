//! Descriptors of files that a program names by their numbers.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, RawFd},
};

use pyo3::{
    exceptions::{PyOverflowError, PyTypeError, PyValueError},
    ffi,
    prelude::*,
    types::PyInt,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{ClassFacts, fallible, name};

/// The number of a descriptor, which is an `int` or has a method `fileno`, as the modules of Python take it.
///
/// # Errors
///
/// Those of these modules: a `TypeError` for another object, an `OverflowError` or a `ValueError` for a number that no
/// descriptor has, and what `fileno` raises.
pub fn file_descriptor(object: &Bound<'_, PyAny>) -> PyResult<RawFd> {
    let py = object.py();
    let refuse = |message| Err(fallible::error::<PyTypeError>(py, message));
    let number = if object.is_instance_of::<PyInt>() {
        object.clone()
    } else if let Some(fileno) = object.getattr_opt(name!(py, "fileno")?)? {
        fileno.call0()?
    } else {
        return refuse("argument must be an int, or have a fileno() method.");
    };
    let Ok(number) = number.cast::<PyInt>() else {
        return refuse("fileno() returned a non-integer");
    };
    let Ok(fd) = number.extract() else {
        let message = "Python int too large to convert to C int";
        return Err(fallible::error::<PyOverflowError>(py, message));
    };
    if fd < 0 {
        let message = format!("file descriptor cannot be a negative integer ({fd})");
        return Err(fallible::error::<PyValueError>(py, &message));
    }
    Ok(fd)
}

/// Makes a call of the system with the descriptor that has this number. The program may have closed it: the system
/// says so then.
pub fn with_descriptor<R>(
    fd: RawFd,
    call: impl FnOnce(BorrowedFd<'_>) -> io::Result<R>,
) -> io::Result<R> {
    if fd < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    call(Number(fd).as_fd())
}

/// The number of a descriptor that the program has opened.
struct Number(RawFd);

impl AsFd for Number {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is not -1. Nothing closes it here during the call that is made with it.
        unsafe { BorrowedFd::borrow_raw(self.0.max(0)) }
    }
}

/// Whether there is room to write to each of these descriptors at this moment, nothing to read, and nothing wrong. The
/// program may have closed some: there is none then.
pub fn are_writable(fds: &[RawFd]) -> io::Result<Vec<bool>> {
    let numbers: Vec<_> = fds.iter().copied().map(Number).collect();
    let ask = |number| PollFd::new(number, PollFlags::IN | PollFlags::OUT);
    let mut asked: Vec<_> = numbers.iter().map(ask).collect();
    rustix::io::retry_on_intr(|| poll(&mut asked, Some(&Timespec::default())))?;
    let is_writable = |fd: &PollFd<'_>| fd.revents() == PollFlags::OUT;
    Ok(asked.iter().map(is_writable).collect())
}

/// The beginning of a socket of the module `_socket`, which has been the same in all versions of it.
#[repr(C)]
struct SocketObject {
    head: ffi::PyObject,
    fd: RawFd,
}

/// The number of the descriptor of a socket of Python's own; -1 if it is closed, or the object is too small for a socket. The
/// callers have looked at its class, and have compared this number with the one that the method `fileno` gives.
#[inline(always)]
pub fn socket_descriptor(socket: &Bound<'_, PyAny>) -> RawFd {
    if ClassFacts::of(socket).size < size_of::<SocketObject>().cast_signed() {
        return -1;
    }
    // SAFETY: the object is alive, and its class says that it is at least as large as this.
    unsafe { (*socket.as_ptr().cast::<SocketObject>()).fd }
}
