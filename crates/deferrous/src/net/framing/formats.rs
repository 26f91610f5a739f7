//! Lines, and pieces with their length before them.

use std::{error::Error, fmt};

use super::{
    super::{protocol::Protocol, transport::Transport},
    frames::{Format, Found, FrameProtocol, Frames},
};

/// A message is longer than its format allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooLong {
    /// The length of the message, in bytes.
    pub len: usize,
    /// The greatest length that is allowed.
    pub max: usize,
}

impl TooLong {
    pub(in crate::net) const fn new(len: usize, max: usize) -> Self {
        TooLong { len, max }
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the message is too long: {} bytes, of which {} are allowed",
            self.len, self.max
        )
    }
}

impl Error for TooLong {}

/// Lines: messages that end with a delimiter; Twisted's `LineReceiver`.
///
/// Unless something else is said, the delimiter is `\r\n` and a line has at most 16,384 bytes, as in Twisted.
///
/// [`protocol`](Self::protocol) makes a [`Protocol`] of a [`FrameProtocol`], and [`send`](Self::send) writes a line.
#[derive(Clone, Copy, Debug)]
#[must_use = "a format does nothing by itself"]
pub struct Lines {
    delimiter: &'static [u8],
    max: usize,
}

impl Lines {
    /// Lines that end with `\r\n`.
    pub const fn new() -> Self {
        Lines {
            delimiter: b"\r\n",
            max: 16_384,
        }
    }

    /// What a line ends with; Twisted's `delimiter`.
    ///
    /// # Panics
    ///
    /// If there is nothing in it.
    pub const fn delimiter(mut self, delimiter: &'static [u8]) -> Self {
        assert!(!delimiter.is_empty(), "a line ends with something");
        self.delimiter = delimiter;
        self
    }

    /// How many bytes a line that is received may have, without its delimiter; Twisted's `MAX_LENGTH`.
    pub const fn max_length(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// A protocol that takes a stream apart into such lines.
    pub fn protocol(self, protocol: impl FrameProtocol) -> impl Protocol {
        Frames::new(self, protocol)
    }

    /// Writes a line and its delimiter; Twisted's `sendLine`.
    pub fn send(self, transport: &Transport, line: impl AsRef<[u8]>) {
        transport.write(line);
        transport.write(self.delimiter);
    }
}

impl Default for Lines {
    fn default() -> Self {
        Lines::new()
    }
}

impl Format for Lines {
    fn find(&self, bytes: &[u8], searched: usize) -> Found {
        let (before, last) = (
            self.delimiter.len() - 1,
            self.delimiter[self.delimiter.len() - 1],
        );
        let mut from = searched.max(before);
        while let Some(at) = bytes
            .get(from..)
            .and_then(|rest| rest.iter().position(|b| *b == last))
        {
            let next = from + at + 1;
            let end = next - self.delimiter.len();
            if bytes[end..next] == *self.delimiter {
                return match end > self.max {
                    true => Found::TooLong,
                    false => Found::Frame {
                        start: 0,
                        end,
                        next,
                    },
                };
            }
            from = next;
        }
        // A delimiter may have begun.
        match bytes.len() > self.max + before {
            true => Found::TooLong,
            false => Found::Part {
                searched: bytes.len(),
            },
        }
    }
}

/// Messages with their length before them, as a number of 1, 2 or 4 bytes, the greatest first; Twisted's
/// `Int8StringReceiver`, `Int16StringReceiver` and `Int32StringReceiver`.
///
/// Unless something else is said, a message has at most 99,999 bytes, as in Twisted.
///
/// ```
/// use deferrous::{Failure, net::{LengthPrefix, Transport}};
/// const MESSAGES: LengthPrefix = LengthPrefix::int32().max_length(1 << 20);
///
/// fn answer(transport: &Transport, text: &str) -> Result<(), Failure> {
///     Ok(MESSAGES.send(transport, text)?)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a format does nothing by itself"]
pub struct LengthPrefix {
    /// How many bytes the length has.
    size: usize,
    max: usize,
}

impl LengthPrefix {
    const fn of(size: usize) -> Self {
        LengthPrefix { size, max: 99_999 }
    }

    /// A length of one byte.
    pub const fn int8() -> Self {
        LengthPrefix::of(1)
    }

    /// A length of two bytes.
    pub const fn int16() -> Self {
        LengthPrefix::of(2)
    }

    /// A length of four bytes.
    pub const fn int32() -> Self {
        LengthPrefix::of(4)
    }

    /// How many bytes a message may have; Twisted's `MAX_LENGTH`.
    pub const fn max_length(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// A protocol that takes a stream apart into such messages.
    pub fn protocol(self, protocol: impl FrameProtocol) -> impl Protocol {
        Frames::new(self, protocol)
    }

    /// Writes a message and its length before it; Twisted's `sendString`.
    ///
    /// # Errors
    ///
    /// [`TooLong`] if it has more bytes than are allowed, or than the number can say.
    pub fn send(self, transport: &Transport, message: impl AsRef<[u8]>) -> Result<(), TooLong> {
        let message = message.as_ref();
        let greatest = u32::MAX >> (8 * (4 - self.size));
        let max = self
            .max
            .min(usize::try_from(greatest).unwrap_or(usize::MAX));
        let too_long = TooLong::new(message.len(), max);
        let len = u32::try_from(message.len()).map_err(|_| too_long)?;
        if message.len() > max {
            return Err(too_long);
        }
        transport.write(&len.to_be_bytes()[4 - self.size..]);
        transport.write(message);
        Ok(())
    }
}

impl Format for LengthPrefix {
    fn find(&self, bytes: &[u8], _searched: usize) -> Found {
        let Some(prefix) = bytes.get(..self.size) else {
            return Found::Part { searched: 0 };
        };
        let start = self.size;
        let len = prefix
            .iter()
            .fold(0, |len, byte| len << 8 | usize::from(*byte));
        if len > self.max {
            return Found::TooLong;
        }
        if bytes.len() - start < len {
            return Found::Part { searched: 0 };
        }
        let end = start + len;
        Found::Frame {
            start,
            end,
            next: end,
        }
    }
}
