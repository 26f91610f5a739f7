//! The descriptors that a reactor watches.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::{Rc, Weak},
};

use slab::Slab;

use super::{
    errors::{already_watched, cannot_poll},
    keys::{descriptor_key, generation, next_generation, place},
    lazy_waiter::LazyWaiter,
};
use crate::{
    diagnostics,
    event_loop::{Event, Interest},
    failure::Failure,
    inspect,
    unhandled::{Origin, drop_reporting, report},
};

/// What is watched of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Direction::Read => "reader",
            Direction::Write => "writer",
        }
    }
}

/// What is called when a descriptor is ready.
enum Callback {
    EachTime(Box<dyn FnMut()>),
    /// By then the descriptor is no longer watched.
    Once(Box<dyn FnOnce()>),
}

/// One `add_reader` or `add_writer`, or one of those that end with the first event.
struct Registered {
    id: u64,
    /// Keeps the descriptor open for as long as it is polled.
    source: Rc<dyn AsFd>,
    /// Absent while it is being called.
    callback: Option<Callback>,
    paused: bool,
    entry: inspect::Entry,
}

/// All that is watched of one descriptor.
struct Descriptor {
    fd: RawFd,
    /// Tells this descriptor's events from those of one that had the same key before.
    generation: usize,
    reader: Option<Registered>,
    writer: Option<Registered>,
}

impl Descriptor {
    fn side(&mut self, direction: Direction) -> &mut Option<Registered> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    /// What the poller is told of it. A descriptor that is paused altogether is not polled, because
    /// the system tells of a failed one whether it is asked or not.
    fn polled(&self, key: usize) -> Option<Polled> {
        let active = |side: &Option<Registered>| side.as_ref().is_some_and(|side| !side.paused);
        let (readable, writable) = (active(&self.reader), active(&self.writer));
        (readable || writable).then_some(Polled {
            key: descriptor_key(key, self.generation),
            interest: Interest {
                readable,
                writable,
                urgent: readable,
            },
        })
    }
}

/// What the poller knows of a descriptor.
struct Polled {
    key: usize,
    interest: Interest,
}

/// What the poller has to be told of a descriptor.
struct Change {
    before: Option<Polled>,
    after: Option<Polled>,
}

/// The descriptors of one reactor.
pub(super) struct Descriptors {
    waiter: Rc<LazyWaiter>,
    table: RefCell<Table>,
}

struct Table {
    descriptors: Slab<Descriptor>,
    by_fd: HashMap<RawFd, usize>,
    next_id: u64,
    next_generation: usize,
}

impl Table {
    /// The place of a descriptor, and whether it had one.
    fn find_or_insert(&mut self, fd: RawFd) -> (usize, bool) {
        if let Some(key) = self.by_fd.get(&fd) {
            return (*key, true);
        }
        let generation = self.next_generation;
        self.next_generation = next_generation(generation);
        let key = self.descriptors.insert(Descriptor {
            fd,
            generation,
            reader: None,
            writer: None,
        });
        (key, false)
    }
}

impl Descriptors {
    pub(super) fn new(waiter: Rc<LazyWaiter>) -> Rc<Self> {
        Rc::new(Descriptors {
            waiter,
            table: RefCell::new(Table {
                descriptors: Slab::new(),
                by_fd: HashMap::new(),
                next_id: 0,
                next_generation: 0,
            }),
        })
    }

    /// Has `callback` called each time that `source` is ready.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn add<S: AsFd + 'static>(
        self: &Rc<Self>,
        direction: Direction,
        source: S,
        mut callback: impl FnMut(&S) + 'static,
    ) -> io::Result<Watch> {
        let source = Rc::new(source);
        let for_callback = source.clone();
        let callback = Callback::EachTime(Box::new(move || callback(&for_callback)));
        self.register(direction, source, callback)
    }

    /// Has `callback` called with `source` as soon as it is ready.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn add_once<S: AsFd + 'static>(
        self: &Rc<Self>,
        direction: Direction,
        source: S,
        callback: impl FnOnce(S) + 'static,
    ) -> io::Result<Watch> {
        let source = Rc::new(source);
        let for_callback = source.clone();
        let callback = Callback::Once(Box::new(move || {
            // Nothing else keeps it when it is no longer watched.
            if let Some(source) = Rc::into_inner(for_callback) {
                callback(source);
            }
        }));
        self.register(direction, source, callback)
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    fn register(
        self: &Rc<Self>,
        direction: Direction,
        source: Rc<dyn AsFd>,
        callback: Callback,
    ) -> io::Result<Watch> {
        let borrowed_fd = source.as_fd();
        let fd = borrowed_fd.as_raw_fd();
        let mut borrowed = self.table.borrow_mut();
        let table = &mut *borrowed;
        let (key, known) = table.find_or_insert(fd);
        let descriptor = &mut table.descriptors[key];
        if descriptor.side(direction).is_some() {
            return Err(already_watched(fd, direction.name()));
        }
        let entry = inspect::Entry::watch(direction.name());
        let inspected = entry.id();
        inspected.detail(|| format!("of descriptor {fd}"));
        let id = table.next_id;
        table.next_id += 1;
        let before = descriptor.polled(key);
        *descriptor.side(direction) = Some(Registered {
            id,
            source: source.clone(),
            callback: Some(callback),
            paused: false,
            entry,
        });
        let after = descriptor.polled(key);
        if let Err(error) = self.tell(borrowed_fd, Change { before, after }) {
            let refused = descriptor.side(direction).take();
            if !known {
                table.descriptors.remove(key);
            }
            drop(borrowed);
            drop(refused);
            return Err(cannot_poll(fd, error));
        }
        table.by_fd.insert(fd, key);
        Ok(Watch {
            descriptors: Rc::downgrade(self),
            key,
            direction,
            id,
            inspected,
        })
    }

    /// Tells the poller what has changed.
    fn tell(&self, fd: BorrowedFd<'_>, change: Change) -> io::Result<()> {
        let waiter = self.waiter.open()?;
        let poller = waiter.poller();
        match (change.before, change.after) {
            (None, Some(now)) => poller.add(fd, now.key, now.interest),
            (Some(_), Some(now)) => poller.modify(fd, now.key, now.interest),
            (Some(_), None) => poller.delete(fd),
            (None, None) => Ok(()),
        }
    }

    /// Takes a registration out, and tells the poller. The caller drops it, outside any borrow.
    fn take(&self, key: usize, direction: Direction, id: u64) -> Option<Registered> {
        let (registered, change) = {
            let mut table = self.table.borrow_mut();
            let descriptor = table.descriptors.get_mut(key)?;
            let before = descriptor.polled(key);
            let registered = descriptor.side(direction).take_if(|side| side.id == id)?;
            let after = descriptor.polled(key);
            if descriptor.reader.is_none() && descriptor.writer.is_none() {
                let fd = descriptor.fd;
                table.by_fd.remove(&fd);
                table.descriptors.remove(key);
            }
            (registered, Change { before, after })
        };
        if let Err(error) = self.tell(registered.source.as_fd(), change) {
            diagnostics::no_longer_polled(&error);
        }
        Some(registered)
    }

    /// Pauses or resumes a registration, unless it is gone. If it cannot be resumed, it stays paused.
    fn set_paused(
        &self,
        key: usize,
        direction: Direction,
        id: u64,
        paused: bool,
    ) -> io::Result<()> {
        let Some((source, change)) = self.mark_paused(key, direction, id, paused) else {
            return Ok(());
        };
        let told = self.tell(source.as_fd(), change);
        if told.is_err() && !paused {
            self.mark_paused(key, direction, id, true);
        }
        drop_reporting(Origin::Source, source);
        told
    }

    /// Notes it, and returns what the poller has to be told, if anything has changed.
    fn mark_paused(
        &self,
        key: usize,
        direction: Direction,
        id: u64,
        paused: bool,
    ) -> Option<(Rc<dyn AsFd>, Change)> {
        let mut table = self.table.borrow_mut();
        let descriptor = table.descriptors.get_mut(key)?;
        let before = descriptor.polled(key);
        let registered = descriptor.side(direction).as_mut()?;
        if registered.id != id || registered.paused == paused {
            return None;
        }
        registered.paused = paused;
        registered.entry.paused(paused);
        let source = registered.source.clone();
        let after = descriptor.polled(key);
        Some((source, Change { before, after }))
    }

    /// Takes a registration out, and drops what the program has put into it.
    fn remove(&self, key: usize, direction: Direction, id: u64) {
        drop_reporting(Origin::Source, self.take(key, direction, id));
    }

    /// Calls what an event is for. A callback may remove any other, whose event is then passed
    /// over.
    pub(super) fn on_event(&self, event: Event) {
        if event.readable || event.failed {
            self.call(event.key, Direction::Read);
        }
        if event.writable || event.failed {
            self.call(event.key, Direction::Write);
        }
    }

    fn call(&self, event_key: usize, direction: Direction) {
        let key = place(event_key);
        let found = {
            let mut table = self.table.borrow_mut();
            table.descriptors.get_mut(key).and_then(|descriptor| {
                let current = descriptor.generation == generation(event_key);
                let side = descriptor.side(direction).as_mut();
                let registered = side.filter(|side| current && !side.paused)?;
                Some((registered.id, registered.callback.take()?))
            })
        };
        match found {
            Some((id, Callback::EachTime(callback))) => {
                self.call_each_time(key, direction, id, callback);
            }
            Some((id, Callback::Once(callback))) => {
                self.remove(key, direction, id);
                if let Err(panic) = catch_unwind(AssertUnwindSafe(callback)) {
                    report(Origin::Source, Failure::from_panic(panic));
                }
            }
            None => {}
        }
    }

    fn call_each_time(
        &self,
        key: usize,
        direction: Direction,
        id: u64,
        mut callback: Box<dyn FnMut()>,
    ) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(&mut callback)) {
            // It would panic again at once, since what it is told of stays true.
            self.remove(key, direction, id);
            report(Origin::Source, Failure::from_panic(panic));
            return;
        }
        let mut callback = Some(Callback::EachTime(callback));
        {
            let mut table = self.table.borrow_mut();
            let descriptor = table.descriptors.get_mut(key);
            if let Some(registered) = descriptor.and_then(|d| d.side(direction).as_mut())
                && registered.id == id
            {
                registered.callback = callback.take();
            }
        }
        // It has removed itself, and what it owned goes with it.
        drop_reporting(Origin::Source, callback);
    }

    /// Forgets all descriptors.
    pub(super) fn clear(&self) {
        let registered: Vec<_> = {
            let table = self.table.borrow();
            let sides = |(key, descriptor): (usize, &Descriptor)| {
                let side = |direction, side: &Option<Registered>| {
                    side.as_ref()
                        .map(|registered| (key, direction, registered.id))
                };
                [
                    side(Direction::Read, &descriptor.reader),
                    side(Direction::Write, &descriptor.writer),
                ]
            };
            table.descriptors.iter().flat_map(sides).flatten().collect()
        };
        for (key, direction, id) in registered {
            self.remove(key, direction, id);
        }
    }
}

/// A reader or writer of a reactor, by which it is removed.
///
/// Clones are the same reader or writer. Dropping it removes nothing. When the reactor ends, all are
/// removed.
#[derive(Clone)]
pub struct Watch {
    descriptors: Weak<Descriptors>,
    key: usize,
    direction: Direction,
    id: u64,
    inspected: inspect::Id,
}

impl Watch {
    /// The number under which it is inspected.
    pub(super) const fn inspected(&self) -> inspect::Id {
        self.inspected
    }

    /// Removes it; Twisted's `removeReader` and `removeWriter`. Nothing happens if it is gone
    /// already.
    ///
    /// Any callback may do so, its own too. It is not called again, even if an event for it has
    /// been seen.
    pub fn remove(&self) {
        if let Some(descriptors) = self.descriptors.upgrade() {
            descriptors.remove(self.key, self.direction, self.id);
        }
    }

    /// Keeps it from being called until [`resume`](Self::resume); Twisted's `pauseProducing`. What
    /// there is to read waits in the system, so a sender that is too fast is held up in the end.
    ///
    /// Pauses do not count: pausing what is paused changes nothing, and neither does pausing what was
    /// removed. Any callback may pause any reader or writer, its own too. It is not called again, even
    /// if an event for it has been seen. It stays in its place: another reader of the same descriptor
    /// is refused.
    ///
    /// A server that cannot accept because it has too many descriptors open is told of the waiting
    /// connection again and again. It pauses, and tries again later:
    ///
    /// ```
    /// # use deferrous::{Failure, Reactor, Watch};
    /// # use std::{cell::RefCell, io, net::TcpListener, rc::Rc, time::Duration};
    /// # fn accept(_: &TcpListener) -> io::Result<()> { Err(io::Error::other("too many")) }
    /// # let reactor = Reactor::new()?;
    /// # let listener = TcpListener::bind("127.0.0.1:0")?;
    /// # let client = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let done = reactor.clone();
    /// # reactor.call_later(Duration::from_millis(1), move || done.stop().unwrap());
    /// let (clock, accepting) = (reactor.clone(), Rc::new(RefCell::new(None::<Watch>)));
    /// let own = accepting.clone();
    /// let watch = reactor.add_reader(listener, move |listener| {
    ///     if accept(listener).is_err() {
    ///         let Some(watch) = own.borrow().clone() else { return };
    ///         watch.pause();
    ///         clock.call_later(Duration::from_secs(1), move || {
    ///             let _ = watch.resume();
    ///         });
    ///     }
    /// })?;
    /// accepting.replace(Some(watch));
    /// # reactor.run()?;
    /// # Ok::<(), Failure>(())
    /// ```
    pub fn pause(&self) {
        if let Err(error) = self.set_paused(true) {
            diagnostics::no_longer_polled(&error);
        }
    }

    /// Ends the pause; Twisted's `resumeProducing`. If there is something to read by then, or room to
    /// write, it is called in the next turn. Nothing happens if it was not paused, or is gone already.
    ///
    /// # Errors
    ///
    /// What the system says: that the descriptor was closed meanwhile, or that there are too many to
    /// poll. It is still paused then.
    pub fn resume(&self) -> io::Result<()> {
        self.set_paused(false)
    }

    fn set_paused(&self, paused: bool) -> io::Result<()> {
        match self.descriptors.upgrade() {
            Some(descriptors) => descriptors.set_paused(self.key, self.direction, self.id, paused),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("direction", &self.direction)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
