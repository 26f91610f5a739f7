//! What a thread knows of what was made on it, by number. A record is removed when what it is about is dropped.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::BTreeMap,
    panic::Location,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::model::{Kind, State};

/// How far something has come, which is asked when a snapshot is taken.
pub(crate) struct Look {
    pub(crate) state: State,
    /// The number of the Deferred that a callback has returned.
    pub(crate) chained_to: u64,
    pub(crate) wanted: bool,
}

/// Asks how far something has come. It must run no code of the program, and make or drop nothing that has a record.
pub(super) type Probe = Box<dyn Fn() -> Option<Look>>;

pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) name: Cow<'static, str>,
    pub(super) type_name: &'static str,
    pub(super) detail: String,
    pub(super) place: &'static Location<'static>,
    pub(super) made: Instant,
    /// The coroutine that was being polled when this was made.
    pub(super) within: u64,
    /// What it waits for, as long as that is there and this was not fired.
    pub(super) waits_for: Vec<u64>,
    /// The lock or semaphore of a permit, and the Deferred that it was asked for by.
    pub(super) permit: Option<(u64, u64)>,
    /// The coroutine that awaits it, and where.
    pub(super) awaited_by: u64,
    pub(super) awaited_at: Option<&'static Location<'static>>,
    /// The delayed call of a timeout.
    pub(super) limited_by: u64,
    pub(super) paused: bool,
    /// A coroutine that is being polled.
    pub(super) running: bool,
    pub(super) probe: Option<Probe>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static RECORDS: RefCell<BTreeMap<u64, Record>> = const { RefCell::new(BTreeMap::new()) };
    /// The coroutine that is being polled.
    static POLLED: Cell<u64> = const { Cell::new(0) };
    /// Where the crate itself makes things for a function that the program has called there.
    static PLACE: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// A number that nothing has had.
pub(super) fn new_id() -> u64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

impl Record {
    #[track_caller]
    pub(super) fn new(kind: Kind, name: impl Into<Cow<'static, str>>) -> Self {
        Record {
            kind,
            name: name.into(),
            type_name: "",
            detail: String::new(),
            place: place(),
            made: Instant::now(),
            within: POLLED.get(),
            waits_for: Vec::new(),
            permit: None,
            awaited_by: 0,
            awaited_at: None,
            limited_by: 0,
            paused: false,
            running: false,
            probe: None,
        }
    }

    pub(super) fn look(&self) -> Option<Look> {
        match &self.probe {
            Some(probe) => probe(),
            None => Some(Look {
                state: State::Open {
                    paused: self.paused,
                },
                chained_to: 0,
                wanted: true,
            }),
        }
    }

    pub(super) fn age(&self) -> Duration {
        self.made.elapsed()
    }
}

/// The caller, unless the crate makes things for somebody else.
#[track_caller]
pub(super) fn place() -> &'static Location<'static> {
    let caller = Location::caller();
    PLACE.get().unwrap_or(caller)
}

pub(super) fn replace_place(
    place: Option<&'static Location<'static>>,
) -> Option<&'static Location<'static>> {
    PLACE.replace(place)
}

pub(super) fn polled() -> u64 {
    POLLED.get()
}

pub(super) fn replace_polled(id: u64) -> u64 {
    POLLED.replace(id)
}

/// Keeps a record. On a thread that is ending nobody will ask for it.
pub(super) fn insert(id: u64, record: Record) {
    let _ = RECORDS.try_with(|records| records.borrow_mut().insert(id, record));
}

pub(super) fn remove(id: u64) {
    let removed = RECORDS.try_with(|records| records.borrow_mut().remove(&id));
    drop(removed);
}

/// Changes a record, if it is there.
pub(super) fn change(id: u64, change: impl FnOnce(&mut Record)) {
    let _ = RECORDS.try_with(|records| {
        if let Some(record) = records.borrow_mut().get_mut(&id) {
            change(record);
        }
    });
}

/// Reads all records.
pub(super) fn read<R: Default>(read: impl FnOnce(&BTreeMap<u64, Record>) -> R) -> R {
    RECORDS
        .try_with(|records| read(&records.borrow()))
        .unwrap_or_default()
}

/// Has one item wait for another. `is_there` knows the items that have no record here.
pub(super) fn add_wait(waiting: u64, target: u64, is_there: impl Fn(u64) -> bool) {
    let _ = RECORDS.try_with(|records| {
        let mut records = records.borrow_mut();
        let Some(record) = records.get_mut(&waiting) else {
            return;
        };
        let mut waits_for = std::mem::take(&mut record.waits_for);
        // What has gone is swept out when the list would grow.
        if waits_for.len() == waits_for.capacity() {
            waits_for.retain(|id| records.contains_key(id) || is_there(*id));
        }
        waits_for.push(target);
        if let Some(record) = records.get_mut(&waiting) {
            record.waits_for = waits_for;
        }
    });
}
