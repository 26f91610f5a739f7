//! Descriptors that can be read from or written to: each time by `add_reader` and `add_writer`, or
//! once by `readable` and `writable`.

use std::{cell::Cell, io, os::fd::AsFd, rc::Rc};

use super::{
    descriptors::{Direction, Watch},
    errors::ReactorGone,
    state::Reactor,
};
use crate::{
    deferred::{Deferred, deferred_with_canceller},
    inspect,
};

impl Reactor {
    /// Calls `callback` whenever `source` can be read from, or has failed; Twisted's `addReader`.
    ///
    /// The reactor keeps the source, which may be a socket, a pipe, an `Rc` of one, or whatever
    /// else has a descriptor, and calls again for as long as there is something to read (it is
    /// level-triggered). A source to read from should be non-blocking, and its descriptor always
    /// the same. The end of a stream is something to read, so a callback that meets it removes
    /// itself. A callback that panics is reported and removed. One that cannot take more for now
    /// [pauses](Watch::pause), and one that wants to be called once is a [`readable`](Self::readable).
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
    #[cfg_attr(feature = "inspect", track_caller)]
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
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn add_writer<S: AsFd + 'static>(
        &self,
        source: S,
        callback: impl FnMut(&S) + 'static,
    ) -> io::Result<Watch> {
        self.watch(Direction::Write, source, callback)
    }

    /// A Deferred that fires with `source` as soon as it can be read from, or has failed. In Twisted
    /// this is an `addReader` whose `doRead` removes itself and fires a Deferred.
    ///
    /// The descriptor is watched until then and not after that, so that a callback may wait for it
    /// again. The reactor keeps the source, which may be an `Rc` of a socket that others write to. It
    /// should be non-blocking, since a source that was ready may not be when it is read.
    ///
    /// Cancelling the Deferred ends the watching and drops the source, which closes a source that is
    /// not an `Rc`. Dropping the Deferred does not. If the reactor ends first, it fails with
    /// [`Abandoned`](crate::Abandoned). It fails with an [`io::Error`] where
    /// [`add_reader`](Self::add_reader) does, for example if the descriptor has a reader already.
    ///
    /// ```
    /// use std::{io::{Read, Write}, ops::ControlFlow, os::unix::net::UnixStream};
    /// use deferrous::{Reactor, repeat};
    /// let reactor = Reactor::new()?;
    /// let (mut near, far) = UnixStream::pair()?;
    /// far.set_nonblocking(true)?;
    /// near.write_all(b"hello")?;
    /// drop(near);
    /// let own = reactor.clone();
    /// let text = repeat((far, String::new()), move |(far, mut text)| {
    ///     own.readable(far).add_callback(|mut far| {
    ///         let mut piece = [0; 2];
    ///         let length = far.read(&mut piece)?;
    ///         text.push_str(std::str::from_utf8(&piece[..length])?);
    ///         Ok(match length {
    ///             0 => ControlFlow::Break(text),
    ///             _ => ControlFlow::Continue((far, text)),
    ///         })
    ///     })
    /// });
    /// assert_eq!(reactor.run_until(text)?, "hello");
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[must_use = "dropping the Deferred does not end the watching"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn readable<S: AsFd + 'static>(&self, source: S) -> Deferred<S> {
        self.watch_once(Direction::Read, source)
    }

    /// A Deferred that fires with `source` as soon as it can be written to, or has failed. In Twisted
    /// this is an `addWriter` whose `doWrite` removes itself and fires a Deferred.
    ///
    /// As [`readable`](Self::readable). A descriptor may wait for both at once.
    ///
    /// ```
    /// use std::{io::Write, os::unix::net::UnixStream};
    /// let reactor = deferrous::Reactor::new()?;
    /// let (near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// let d = reactor.writable(near).add_callback(|mut near| Ok(near.write(b"hello")?));
    /// assert_eq!(reactor.run_until(d)?, 5);
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[must_use = "dropping the Deferred does not end the watching"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn writable<S: AsFd + 'static>(&self, source: S) -> Deferred<S> {
        self.watch_once(Direction::Write, source)
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    fn watch_once<S: AsFd + 'static>(&self, direction: Direction, source: S) -> Deferred<S> {
        let watching = Rc::new(Cell::new(None::<Watch>));
        let to_remove = watching.clone();
        let (trigger, d) = deferred_with_canceller(move |_| {
            if let Some(watch) = to_remove.take() {
                watch.remove();
            }
        });
        d.inspected().named(match direction {
            Direction::Read => "readable",
            Direction::Write => "writable",
        });
        let refused = trigger.clone();
        let fire = move |source| {
            // Cancelling it removes this callback, so it cannot have fired.
            let _ = trigger.callback(source);
        };
        let place = inspect::Place::caller();
        let added = self
            .check_watchable()
            .and_then(|()| place.of(|| self.0.descriptors.add_once(direction, source, fire)));
        match added {
            Ok(watch) => {
                d.inspected().waits_for(watch.inspected());
                watching.set(Some(watch));
            }
            Err(error) => {
                let _ = refused.errback(error);
            }
        }
        d
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    fn watch<S: AsFd + 'static>(
        &self,
        direction: Direction,
        source: S,
        callback: impl FnMut(&S) + 'static,
    ) -> io::Result<Watch> {
        self.check_watchable()?;
        self.0.descriptors.add(direction, source, callback)
    }

    /// Refuses to watch anything after the end, and in a memory reactor.
    pub(crate) fn check_watchable(&self) -> io::Result<()> {
        if self.has_ended() {
            return Err(io::Error::new(io::ErrorKind::NotConnected, ReactorGone));
        }
        self.0.waiter.check()
    }
}
