//! The standard streams of a child, read and written while the reactor runs.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use crate::{
    failure::Failure,
    reactor::{Reactor, Watch},
    unhandled::{Origin, drop_reporting, report},
};

/// What is called with each piece of a stream.
pub(super) type OnChunk = Box<dyn FnMut(&[u8])>;

/// As much as the system keeps of a pipe.
const CHUNK: usize = 64 * 1024;

/// A pipe that is being read or written.
pub(super) struct Stream {
    watch: Cell<Option<Watch>>,
    /// Called when it ends.
    on_end: Cell<Option<Box<dyn FnOnce()>>>,
}

impl Stream {
    fn new(on_end: impl FnOnce() + 'static) -> Rc<Self> {
        Rc::new(Stream {
            watch: Cell::new(None),
            on_end: Cell::new(Some(Box::new(on_end))),
        })
    }

    /// Closes it, and says so.
    fn end(&self) {
        self.close();
        if let Some(on_end) = self.on_end.take() {
            on_end();
        }
    }

    /// Closes it.
    pub(super) fn close(&self) {
        if let Some(watch) = self.watch.take() {
            watch.remove();
        }
    }
}

fn non_blocking(pipe: OwnedFd) -> io::Result<File> {
    rustix::io::ioctl_fionbio(&pipe, true)?;
    Ok(File::from(pipe))
}

/// Reads `pipe` to its end.
pub(super) fn read(
    reactor: &Reactor,
    pipe: OwnedFd,
    on_chunk: OnChunk,
    on_end: impl FnOnce() + 'static,
) -> io::Result<Rc<Stream>> {
    let pipe = non_blocking(pipe)?;
    let stream = Stream::new(on_end);
    let (own, mut on_chunk, mut chunk) = (stream.clone(), Some(on_chunk), vec![0; CHUNK]);
    let watch = reactor.add_reader(pipe, move |mut pipe: &File| match pipe.read(&mut chunk) {
        Ok(0) => own.end(),
        Ok(length) => hand_on(&mut on_chunk, &chunk[..length]),
        Err(error) if is_temporary(&error) => {}
        Err(_) => own.end(),
    })?;
    stream.watch.set(Some(watch));
    Ok(stream)
}

/// A function that panics is not called again. The pipe is read on, so that the child is not kept
/// waiting.
fn hand_on(on_chunk: &mut Option<OnChunk>, chunk: &[u8]) {
    let Some(function) = on_chunk else { return };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| function(chunk))) {
        report(Origin::Source, Failure::from_panic(panic));
        drop_reporting(Origin::Source, on_chunk.take());
    }
}

/// Writes `input` and closes the pipe.
pub(super) fn write(reactor: &Reactor, pipe: OwnedFd, input: Vec<u8>) -> io::Result<Rc<Stream>> {
    let pipe = non_blocking(pipe)?;
    let stream = Stream::new(|| {});
    let (own, mut written) = (stream.clone(), 0);
    let watch = reactor.add_writer(pipe, move |mut pipe: &File| {
        match pipe.write(&input[written..]) {
            Ok(length) => written += length,
            Err(error) if is_temporary(&error) => {}
            // The child has closed it, and wants no more.
            Err(_) => return own.end(),
        }
        if written == input.len() {
            own.end();
        }
    })?;
    stream.watch.set(Some(watch));
    Ok(stream)
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
