//! What the engine refuses.

use std::{error::Error, fmt};

/// The Deferred was fired or cancelled before; Twisted's `AlreadyCalledError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyCalled;

impl fmt::Display for AlreadyCalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this Deferred was already called: it has its outcome, and gets only one")
    }
}

impl Error for AlreadyCalled {}

/// [`unpause`](crate::Deferred::unpause) without a [`pause`](crate::Deferred::pause) that it could
/// end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPaused;

impl fmt::Display for NotPaused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this Deferred is not paused: each unpause needs a pause before it")
    }
}

impl Error for NotPaused {}
