//! The jobs that threads were given, which are made and done on different threads.

use std::{
    any::type_name,
    collections::BTreeMap,
    panic::Location,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use super::{
    model::{Item, Kind, State},
    names::function,
    registry::{new_id, place},
};

struct Record {
    name: &'static str,
    place: &'static Location<'static>,
    made: Instant,
    /// When a thread has taken it, and which.
    started: Option<(Instant, String)>,
}

static JOBS: Mutex<BTreeMap<u64, Record>> = Mutex::new(BTreeMap::new());

fn jobs() -> MutexGuard<'static, BTreeMap<u64, Record>> {
    JOBS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
pub(super) fn add<J>() -> u64 {
    let id = new_id();
    let record = Record {
        name: type_name::<J>(),
        place: place(),
        made: Instant::now(),
        started: None,
    };
    jobs().insert(id, record);
    id
}

/// This thread does it from now on.
pub(super) fn begin(id: u64) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name").to_owned();
    if let Some(record) = jobs().get_mut(&id) {
        record.started = Some((Instant::now(), name));
    }
}

pub(super) fn remove(id: u64) {
    jobs().remove(&id);
}

pub(super) fn is_there(id: u64) -> bool {
    jobs().contains_key(&id)
}

pub(super) fn items() -> Vec<Item> {
    let item = |(id, record): (&u64, &Record)| Item {
        id: *id,
        kind: Kind::Job,
        name: function(record.name),
        type_name: "",
        detail: String::new(),
        place: record.place,
        age: record.made.elapsed(),
        state: match &record.started {
            None => State::Queued,
            Some((since, thread)) => State::Started {
                thread: thread.clone(),
                ago: since.elapsed(),
            },
        },
        awaits_at: None,
        times_out: None,
        wanted: true,
        waits_for: Vec::new(),
        limited_by: 0,
    };
    jobs().iter().map(item).collect()
}
