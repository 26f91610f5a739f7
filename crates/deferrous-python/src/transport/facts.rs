//! What is known of one stream.

use super::plan::Part;

/// What may be done for a stream in the place of its methods, and what it has.
#[derive(Clone, Copy)]
pub struct Facts {
    pub parts: Part,
    /// `bufferSize`, or `maxPacketSize` of a port, in bytes; 0 if it is no number.
    pub size: usize,
    /// `SEND_LIMIT`, or `maxThroughput` of a port, the same.
    pub limit: usize,
    /// How many bytes may wait until its producer is to be paused.
    pub room: usize,
    /// Whether the object itself has a `dataBuffer` and an `offset`, or cannot get them without becoming slower.
    pub has_buffer: bool,
}

impl Facts {
    /// Whether this may be done.
    #[inline(always)]
    pub const fn has(self, part: Part) -> bool {
        self.parts.has(part)
    }
}
