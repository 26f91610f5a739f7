//! What handles its events itself and has something to do before the reactor waits: connections, listening
//! ports and datagram sockets.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

use slab::Slab;

use super::{
    keys::{generation, next_generation, place, source_key},
    lazy_waiter::LazyWaiter,
};
use crate::event_loop::{Event, FlushList, Poller, Waiter};

/// How much is received at once, as in Twisted. Longer datagrams do not exist.
const BUFFER_SIZE: usize = 64 * 1024;

/// A socket of a reactor. Its methods are called by the reactor alone and do not panic. They are not called while
/// code of the program runs, except for `disconnect`.
pub(crate) trait Source {
    /// Something has happened to its descriptor. What is received goes into the buffer.
    fn on_event(self: Rc<Self>, event: Event, buffer: &mut [u8]);

    /// Does what was left for the end of the turn. It has been taken off the list.
    fn flush(self: Rc<Self>, poller: &Poller);

    /// The reactor stops.
    fn disconnect(self: Rc<Self>);
}

/// The sockets of one reactor.
pub(crate) struct Sources {
    waiter: Rc<LazyWaiter>,
    table: RefCell<Table>,
    to_flush: FlushList<Rc<dyn Source>>,
    /// Absent while something is being received.
    buffer: Cell<Vec<u8>>,
}

struct Table {
    entries: Slab<(usize, Rc<dyn Source>)>,
    next_generation: usize,
}

impl Sources {
    pub(super) fn new(waiter: Rc<LazyWaiter>) -> Rc<Self> {
        Rc::new(Sources {
            waiter,
            table: RefCell::new(Table {
                entries: Slab::new(),
                next_generation: 0,
            }),
            to_flush: FlushList::new(),
            buffer: Cell::new(Vec::new()),
        })
    }

    /// Adds the source that `make` makes for a key. To be told of its events, it has to be flushed.
    pub(crate) fn insert<S: Source + 'static>(&self, make: impl FnOnce(usize) -> Rc<S>) -> Rc<S> {
        let mut table = self.table.borrow_mut();
        let own_generation = table.next_generation;
        table.next_generation = next_generation(own_generation);
        let entry = table.entries.vacant_entry();
        let source = make(source_key(entry.key(), own_generation));
        entry.insert((own_generation, source.clone()));
        source
    }

    /// Takes a source out. Its events are passed over from now on.
    pub(crate) fn remove(&self, key: usize) {
        let removed = {
            let mut table = self.table.borrow_mut();
            match table.entries.get(place(key)) {
                Some((own, _)) if *own == generation(key) => table.entries.try_remove(place(key)),
                _ => None,
            }
        };
        drop(removed);
    }

    /// Has a source flushed before the reactor waits.
    pub(crate) fn flush_later(&self, source: Rc<dyn Source>) {
        self.to_flush.add(source);
    }

    /// What has the poller, if there is one already.
    pub(crate) fn waiter(&self) -> Option<Arc<Waiter>> {
        self.waiter.get()
    }

    /// Whether no source has anything to do before the reactor waits.
    pub(super) fn is_flushed(&self) -> bool {
        self.to_flush.is_empty()
    }

    /// Has all sources do what they have left for now.
    pub(super) fn flush(&self, poller: &Poller) {
        self.to_flush.work_off(|source| source.flush(poller));
    }

    /// Passes an event on, unless its source is gone.
    pub(super) fn on_event(&self, event: Event) {
        let source = match self.table.borrow().entries.get(place(event.key)) {
            Some((own, source)) if *own == generation(event.key) => source.clone(),
            _ => return,
        };
        let mut buffer = self.buffer.take();
        buffer.resize(BUFFER_SIZE, 0);
        source.on_event(event, &mut buffer);
        self.buffer.set(buffer);
    }

    /// Has all sources end.
    pub(super) fn disconnect_all(&self) {
        let sources: Vec<_> = {
            let table = self.table.borrow();
            let sources = table.entries.iter().map(|(_, (_, source))| source.clone());
            sources.collect()
        };
        for source in sources {
            source.disconnect();
        }
    }
}
