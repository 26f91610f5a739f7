//! What can go wrong with a reactor.

use std::{error::Error, fmt, io, os::fd::RawFd};

/// A reactor was asked for something its state does not allow, or the system refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReactorError {
    /// `run` while it runs; Twisted's `ReactorAlreadyRunning`.
    AlreadyRunning,
    /// `stop` before it runs or after it was stopped; Twisted's `ReactorNotRunning`.
    NotRunning,
    /// `run` after it has ended; Twisted's `ReactorNotRestartable`.
    NotRestartable,
    /// It was stopped before the Deferred of `run_until` fired.
    StoppedEarly,
    /// The system refused to poll, or to handle signals.
    Io(io::Error),
}

impl fmt::Display for ReactorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReactorError::AlreadyRunning => f.write_str("the reactor is running already"),
            ReactorError::NotRunning => f.write_str("the reactor is not running, or is stopping"),
            ReactorError::NotRestartable => {
                f.write_str("the reactor has ended and cannot run again: make a new one")
            }
            ReactorError::StoppedEarly => {
                f.write_str("the reactor was stopped before the Deferred fired")
            }
            ReactorError::Io(error) => write!(f, "the reactor cannot go on: {error}"),
        }
    }
}

impl Error for ReactorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ReactorError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for ReactorError {
    fn from(error: io::Error) -> Self {
        ReactorError::Io(error)
    }
}

/// The reactor has ended or was dropped, so a call from another thread cannot reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReactorGone;

impl fmt::Display for ReactorGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reactor has ended: no call can reach it any more")
    }
}

impl Error for ReactorGone {}

/// A blocking call was made on the reactor's own thread, where it would wait for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldDeadlock;

impl fmt::Display for WouldDeadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a blocking call on the reactor's own thread would wait for itself: \
             use the Deferred, or make the call in a pool thread",
        )
    }
}

impl Error for WouldDeadlock {}

/// A descriptor has a reader or writer, which is `what`, already.
pub(super) fn already_watched(fd: RawFd, what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!("descriptor {fd} has a {what} already: remove that one first"),
    )
}

/// Says what the system does not: it calls a descriptor that it never polls a lack of permission.
pub(super) fn cannot_poll(fd: RawFd, error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return error;
    }
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("descriptor {fd} cannot be polled: a regular file or directory is always ready"),
    )
}
