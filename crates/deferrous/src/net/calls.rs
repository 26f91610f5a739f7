//! Calls of what a program has brought.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::failure::Failure;

/// Makes a call, whose panic is a failure like any other.
pub(super) fn catch<R>(call: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(Failure::from_panic(panic)))
}
