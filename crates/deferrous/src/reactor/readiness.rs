//! Descriptors that can be read from or written to: `add_reader` and `add_writer`.

use std::{io, os::fd::AsFd};

use super::{
    descriptors::{Direction, Watch},
    errors::ReactorGone,
    state::Reactor,
};

impl Reactor {
    /// Calls `callback` whenever `source` can be read from, or has failed; Twisted's `addReader`.
    ///
    /// The reactor keeps the source, which may be a socket, a pipe, an `Rc` of one, or whatever
    /// else has a descriptor, and calls again for as long as there is something to read (it is
    /// level-triggered). A source to read from should be non-blocking, and its descriptor always
    /// the same. The end of a stream is something to read, so a callback that meets it removes
    /// itself. A callback that panics is reported and removed.
    ///
    /// # Errors
    ///
    /// If the descriptor has a reader already, the reactor has ended, or the system cannot poll the
    /// descriptor, as is the case for regular files.
    ///
    /// ```
    /// use std::{cell::RefCell, io::{Read, Write}, os::unix::net::UnixStream, rc::Rc};
    /// let reactor = deferrous::Reactor::new()?;
    /// let (mut near, far) = UnixStream::pair()?;
    /// far.set_nonblocking(true)?;
    /// let stop = reactor.clone();
    /// let watch = reactor.add_reader(far, move |mut stream| {
    ///     let mut text = String::new();
    ///     let _ = stream.read_to_string(&mut text);
    ///     assert_eq!(text, "hello");
    ///     stop.stop().unwrap();
    /// })?;
    /// near.write_all(b"hello")?;
    /// reactor.run()?;
    /// # watch.remove();
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn add_reader<S: AsFd + 'static>(
        &self,
        source: S,
        callback: impl FnMut(&S) + 'static,
    ) -> io::Result<Watch> {
        self.watch(Direction::Read, source, callback)
    }

    /// Calls `callback` whenever `source` can be written to, or has failed; Twisted's `addWriter`.
    ///
    /// As [`add_reader`](Self::add_reader). Most descriptors can be written to most of the time, so
    /// a writer is usually removed as soon as all is written.
    ///
    /// # Errors
    ///
    /// As for [`add_reader`](Self::add_reader).
    pub fn add_writer<S: AsFd + 'static>(
        &self,
        source: S,
        callback: impl FnMut(&S) + 'static,
    ) -> io::Result<Watch> {
        self.watch(Direction::Write, source, callback)
    }

    fn watch<S: AsFd + 'static>(
        &self,
        direction: Direction,
        source: S,
        callback: impl FnMut(&S) + 'static,
    ) -> io::Result<Watch> {
        if self.has_ended() {
            return Err(io::Error::new(io::ErrorKind::NotConnected, ReactorGone));
        }
        self.0.descriptors.add(direction, source, callback)
    }
}
