//! Messages in a stream of bytes: lines, and pieces with their length before them.

mod formats;
mod frames;

pub use formats::{LengthPrefix, Lines, TooLong};
pub use frames::FrameProtocol;
