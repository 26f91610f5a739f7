//! Why connections end, and why there are none.

use std::{error::Error, fmt, io, time::Duration};

use super::address::Address;

/// A connection has ended in order: the peer or this program has closed it. Twisted's `ConnectionDone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionDone;

impl fmt::Display for ConnectionDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was closed")
    }
}

impl Error for ConnectionDone {}

/// A connection was aborted by this program. Twisted's `ConnectionAborted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionAborted;

impl fmt::Display for ConnectionAborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was aborted by this program")
    }
}

impl Error for ConnectionAborted {}

/// A connection was lost: the peer has reset it, the network has failed, or the reactor has stopped. Twisted's
/// `ConnectionLost`.
///
/// Its [`source`](Error::source) is what the system says. If the reactor has stopped, there is none.
#[derive(Debug)]
pub struct ConnectionLost(Option<io::Error>);

impl ConnectionLost {
    pub(super) const fn new(error: io::Error) -> Self {
        ConnectionLost(Some(error))
    }

    pub(super) const fn at_stop() -> Self {
        ConnectionLost(None)
    }

    /// What the system says, unless the connection was lost because the reactor has stopped.
    pub const fn io_error(&self) -> Option<&io::Error> {
        self.0.as_ref()
    }
}

impl fmt::Display for ConnectionLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "the connection was lost",
            None => "the connection was closed because the reactor stops",
        })
    }
}

impl Error for ConnectionLost {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_ref().map(|error| error as _)
    }
}

/// A transport has a producer already: unregister that one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasProducer;

impl fmt::Display for HasProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the transport has a producer already: unregister that one first")
    }
}

impl Error for HasProducer {}

/// The system refuses to listen at an address. Twisted's `CannotListenError`.
#[derive(Debug)]
#[non_exhaustive]
pub struct CannotListen {
    /// The address, as it was given.
    pub address: String,
    /// Why not.
    pub source: io::Error,
}

impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen at {}", self.address)
    }
}

impl Error for CannotListen {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// A listening port can accept nobody for now, because the system has no descriptor or no memory left. It tries
/// again by itself.
#[derive(Debug)]
#[non_exhaustive]
pub struct CannotAccept {
    /// The address of the port.
    pub address: Address,
    /// Why not.
    pub source: io::Error,
}

impl fmt::Display for CannotAccept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nobody is accepted at {} for now", self.address)
    }
}

impl Error for CannotAccept {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// A connection could not be made. Twisted's `ConnectError` and the errors that are made of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is no host and port: `"example.org:80"` would be one.
    #[non_exhaustive]
    NoTarget {
        /// The text.
        target: String,
    },
    /// The host has no address, or nobody could be asked for it. Twisted's `DNSLookupError`.
    #[non_exhaustive]
    Lookup {
        /// The host and port.
        target: String,
        /// What the system says.
        source: io::Error,
    },
    /// No address of the target has let us in. Twisted's `ConnectionRefusedError`, `NoRouteError` and others.
    #[non_exhaustive]
    Failed {
        /// The host and port, or the path.
        target: String,
        /// Each address, in the order in which they have failed, and why.
        attempts: Vec<(Address, io::Error)>,
    },
    /// It took too long. Twisted's `TimeoutError`.
    #[non_exhaustive]
    TimedOut {
        /// The host and port, or the path.
        target: String,
        /// How long it had.
        limit: Duration,
    },
}

impl ConnectError {
    /// What kind of error it is, by the last address that has failed:
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) for example.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            ConnectError::NoTarget { .. } => io::ErrorKind::InvalidInput,
            ConnectError::TimedOut { .. } => io::ErrorKind::TimedOut,
            ConnectError::Lookup { source, .. } => source.kind(),
            ConnectError::Failed { attempts, .. } => {
                let last = attempts.last();
                last.map_or(io::ErrorKind::NotFound, |(_, error)| error.kind())
            }
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::NoTarget { target } => {
                write!(f, "cannot connect to {target:?}: that is no host and port")
            }
            ConnectError::Lookup { target, .. } => {
                write!(f, "cannot connect to {target}: its address was not found")
            }
            ConnectError::TimedOut { target, limit } => {
                write!(f, "cannot connect to {target} within {limit:?}")
            }
            ConnectError::Failed { target, attempts } => {
                write!(f, "cannot connect to {target}")?;
                let mut before = ": ";
                for (address, error) in attempts {
                    write!(f, "{before}{address}: {error}")?;
                    before = "; ";
                }
                Ok(())
            }
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ConnectError::Lookup { source, .. } => Some(source),
            // Its own text has the errors of all attempts.
            _ => None,
        }
    }
}
