//! The descriptors that a reactor watches.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt, io,
    os::fd::{AsFd, AsRawFd, RawFd},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::{Rc, Weak},
    sync::Arc,
};

use slab::Slab;

use crate::{
    diagnostics,
    event_loop::{Events, Interest, Waiter},
    failure::Failure,
    unhandled::{Origin, drop_reporting, report},
};

/// What is watched of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

type Callback = Box<dyn FnMut()>;

/// One `add_reader` or `add_writer`.
struct Registered {
    id: u64,
    /// Keeps the descriptor open for as long as it is polled.
    source: Rc<dyn AsFd>,
    /// Absent while it is being called.
    callback: Option<Callback>,
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

    /// What the poller is told of it.
    fn interest(&self, key: usize) -> (usize, Interest) {
        let interest = Interest {
            readable: self.reader.is_some(),
            writable: self.writer.is_some(),
            urgent: self.reader.is_some(),
        };
        (key | self.generation << KEY_BITS, interest)
    }
}

/// An event's key is a descriptor's place in the slab, and above that its generation.
const KEY_BITS: u32 = usize::BITS / 2;
const KEY_MASK: usize = (1 << KEY_BITS) - 1;

/// The descriptors of one reactor.
pub(super) struct Descriptors {
    waiter: Arc<Waiter>,
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
        self.next_generation = (generation + 1) & KEY_MASK;
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
    pub(super) fn new(waiter: Arc<Waiter>) -> Rc<Self> {
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

    /// How many descriptors are watched.
    pub(super) fn len(&self) -> usize {
        self.table.borrow().descriptors.len()
    }

    pub(super) fn add<S: AsFd + 'static>(
        self: &Rc<Self>,
        direction: Direction,
        source: S,
        mut callback: impl FnMut(&S) + 'static,
    ) -> io::Result<Watch> {
        let source = Rc::new(source);
        let borrowed_fd = source.as_fd();
        let fd = borrowed_fd.as_raw_fd();
        let mut borrowed = self.table.borrow_mut();
        let table = &mut *borrowed;
        let (key, known) = table.find_or_insert(fd);
        let descriptor = &mut table.descriptors[key];
        if descriptor.side(direction).is_some() {
            return Err(already_watched(fd, direction));
        }
        let id = table.next_id;
        table.next_id += 1;
        let for_callback = source.clone();
        *descriptor.side(direction) = Some(Registered {
            id,
            source: source.clone(),
            callback: Some(Box::new(move || callback(&for_callback))),
        });
        let (event_key, interest) = descriptor.interest(key);
        let poller = self.waiter.poller();
        let polled = if known {
            poller.modify(borrowed_fd, event_key, interest)
        } else {
            poller.add(borrowed_fd, event_key, interest)
        };
        if let Err(error) = polled {
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
        })
    }

    /// Takes a registration out, and tells the poller. The caller drops it, outside any borrow.
    fn take(&self, key: usize, direction: Direction, id: u64) -> Option<Registered> {
        let (registered, left) = {
            let mut table = self.table.borrow_mut();
            let descriptor = table.descriptors.get_mut(key)?;
            let registered = descriptor.side(direction).take_if(|side| side.id == id)?;
            let unwatched = descriptor.reader.is_none() && descriptor.writer.is_none();
            let left = (!unwatched).then(|| descriptor.interest(key));
            if unwatched {
                let fd = descriptor.fd;
                table.by_fd.remove(&fd);
                table.descriptors.remove(key);
            }
            (registered, left)
        };
        let fd = registered.source.as_fd();
        let told = match left {
            Some((event_key, interest)) => self.waiter.poller().modify(fd, event_key, interest),
            None => self.waiter.poller().delete(fd),
        };
        if let Err(error) = told {
            diagnostics::no_longer_polled(&error);
        }
        Some(registered)
    }

    /// Takes a registration out, and drops what the program has put into it.
    fn remove(&self, key: usize, direction: Direction, id: u64) {
        drop_reporting(Origin::Source, self.take(key, direction, id));
    }

    /// Calls what the events are for. A callback may remove any other, whose event is then passed
    /// over.
    pub(super) fn dispatch(&self, events: &Events) {
        for event in events.iter() {
            if event.readable || event.failed {
                self.call(event.key, Direction::Read);
            }
            if event.writable || event.failed {
                self.call(event.key, Direction::Write);
            }
        }
    }

    fn call(&self, event_key: usize, direction: Direction) {
        let key = event_key & KEY_MASK;
        let found = {
            let mut table = self.table.borrow_mut();
            table.descriptors.get_mut(key).and_then(|descriptor| {
                let current = descriptor.generation == event_key >> KEY_BITS;
                let registered = descriptor.side(direction).as_mut().filter(|_| current)?;
                Some((registered.id, registered.callback.take()?))
            })
        };
        let Some((id, mut callback)) = found else {
            return;
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(&mut callback)) {
            // It would panic again at once, since what it is told of stays true.
            self.remove(key, direction, id);
            report(Origin::Source, Failure::from_panic(panic));
            return;
        }
        let mut callback = Some(callback);
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

fn already_watched(fd: RawFd, direction: Direction) -> io::Error {
    let what = match direction {
        Direction::Read => "reader",
        Direction::Write => "writer",
    };
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!("descriptor {fd} has a {what} already: remove that one first"),
    )
}

/// Says what the system does not: it calls a descriptor that it never polls a lack of permission.
fn cannot_poll(fd: RawFd, error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return error;
    }
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("descriptor {fd} cannot be polled: a regular file or directory is always ready"),
    )
}

/// A reader or writer of a reactor, by which it is removed.
///
/// Dropping it removes nothing. When the reactor ends, all are removed.
pub struct Watch {
    descriptors: Weak<Descriptors>,
    key: usize,
    direction: Direction,
    id: u64,
}

impl Watch {
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
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("direction", &self.direction)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
