//! The failures of combined Deferreds.

use std::{error::Error, fmt};

use crate::failure::Failure;

/// The first failure of several Deferreds, and which of them it was; Twisted's `FirstError`.
#[derive(Debug)]
#[non_exhaustive]
pub struct FirstError {
    /// The position in the input of the Deferred that failed, from 0.
    pub index: usize,
    /// What it failed with.
    pub failure: Failure,
}

/// It contains a failure, which nothing pins.
impl Unpin for FirstError {}

impl fmt::Display for FirstError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deferred number {} failed", self.index)
    }
}

impl Error for FirstError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.failure.as_error())
    }
}

/// Every Deferred of a [`race`](crate::race) failed; Twisted's `FailureGroup`.
#[derive(Debug)]
#[non_exhaustive]
pub struct AllFailed {
    /// What each failed with, in input order.
    pub failures: Vec<Failure>,
}

/// It contains a failure, which nothing pins.
impl Unpin for AllFailed {}

impl fmt::Display for AllFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} Deferreds failed", self.failures.len())
    }
}

impl Error for AllFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failures.first().map(|failure| failure.as_error() as _)
    }
}
