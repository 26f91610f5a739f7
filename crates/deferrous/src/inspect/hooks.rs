//! What the rest of the crate calls where it makes, joins and ends things.

use std::{any::type_name, ops::Deref, panic::Location, rc::Rc};

use super::{
    jobs,
    model::{Kind, State},
    names::{function, short},
    registry::{self, Look, Record},
};

/// The number of something that has a record, or had one.
#[derive(Clone, Copy)]
pub(crate) struct Id(u64);

/// Removes a record when it is dropped.
pub(crate) struct Entry(Id);

/// A place in the program.
#[derive(Clone, Copy)]
pub(crate) struct Place(&'static Location<'static>);

/// Restores something when it is dropped.
pub(crate) struct Guard(Before);

enum Before {
    Place(Option<&'static Location<'static>>),
    Polled { before: u64, now: u64 },
}

/// The record of a job, which goes with the job to its thread.
pub(crate) struct JobEntry(Id);

/// What the state of a Deferred tells of itself.
pub(crate) trait Subject: 'static {
    fn entry(&self) -> &Entry;

    /// How far it has come. Runs no code of the program.
    fn look(&self) -> Look;
}

/// A Deferred of a `T` was made by a function.
#[track_caller]
pub(crate) fn made<T, S: Subject>(subject: &Rc<S>, by: &'static str) {
    let weak = Rc::downgrade(subject);
    let mut record = Record::new(Kind::Deferred, by);
    record.type_name = type_name::<T>();
    record.probe = Some(Box::new(move || Some(weak.upgrade()?.look())));
    registry::insert(subject.entry().number(), record);
}

/// The coroutine that is being polled.
pub(crate) fn polled() -> Id {
    Id(registry::polled())
}

impl Id {
    pub(crate) const NONE: Id = Id(0);

    /// A number that is found out here alone, and not where nothing is remembered.
    pub(crate) fn of(id: impl FnOnce() -> Id) -> Id {
        id()
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// It was made by another function than the record says.
    pub(crate) fn named(self, name: &'static str) {
        registry::change(self.0, |record| record.name = name.into());
    }

    pub(crate) fn detail(self, detail: impl FnOnce() -> String) {
        let detail = detail();
        registry::change(self.0, |record| record.detail = detail);
    }

    /// It is the Deferred of a coroutine that runs an `F`.
    pub(crate) fn coroutine<F>(self) {
        registry::change(self.0, |record| {
            record.kind = Kind::Coroutine;
            record.name = function(type_name::<F>()).into();
        });
    }

    /// Its value will be a `T`.
    pub(crate) fn typed<T>(self) {
        registry::change(self.0, |record| record.type_name = type_name::<T>());
    }

    /// It fires when the target has come to its end.
    pub(crate) fn waits_for(self, target: Id) {
        registry::add_wait(self.0, target.0, jobs::is_there);
    }

    /// A delayed call will end the wait.
    pub(crate) fn limited_by(self, call: Id) {
        registry::change(self.0, |record| record.limited_by = call.0);
    }

    /// A permit is for whom has asked for it by a Deferred.
    pub(crate) fn held_by(self, asked_by: Id) {
        let asked = registry::read(|records| {
            let record = records.get(&asked_by.0)?;
            Some((record.place, record.within))
        });
        registry::change(self.0, |record| {
            if let Some((_, holder)) = &mut record.permit {
                *holder = asked_by.0;
            }
            if let Some((place, within)) = asked {
                (record.place, record.within) = (place, within);
            }
        });
    }

    pub(crate) fn awaited_by(self, coroutine: Id) {
        registry::change(self.0, |record| record.awaited_by = coroutine.0);
    }

    /// The caller awaits it.
    #[track_caller]
    pub(crate) fn awaited_here(self) {
        let place = registry::place();
        registry::change(self.0, |record| record.awaited_at = Some(place));
    }

    pub(crate) fn paused(self, paused: bool) {
        registry::change(self.0, |record| record.paused = paused);
    }

    /// The state of a delayed call is what `probe` finds.
    pub(crate) fn due<P>(self, probe: impl FnOnce() -> P)
    where
        P: Fn() -> Option<State> + 'static,
    {
        let probe = probe();
        let look = move || {
            Some(Look {
                state: probe()?,
                chained_to: 0,
                wanted: true,
            })
        };
        registry::change(self.0, |record| record.probe = Some(Box::new(look)));
    }

    /// It has ended, and is dropped later.
    pub(crate) fn forget(self) {
        registry::remove(self.0);
    }

    /// It is a coroutine, and being polled until the guard is dropped.
    pub(crate) fn polling(self) -> Guard {
        registry::change(self.0, |record| record.running = true);
        Guard(Before::Polled {
            before: registry::replace_polled(self.0),
            now: self.0,
        })
    }
}

impl Entry {
    /// An entry without a record so far.
    pub(crate) fn unmade() -> Entry {
        Entry(Id(registry::new_id()))
    }

    fn add(record: Record) -> Entry {
        let entry = Entry::unmade();
        registry::insert(entry.number(), record);
        entry
    }

    #[track_caller]
    pub(crate) fn delayed_call() -> Entry {
        Entry::add(Record::new(Kind::DelayedCall, "call_later"))
    }

    /// A lock, semaphore or queue of `T`.
    #[track_caller]
    pub(crate) fn primitive<T>(name: &'static str) -> Entry {
        let mut record = Record::new(Kind::Primitive, name);
        if name == "DeferredQueue" {
            record.name = format!("{name}<{}>", short(type_name::<T>())).into();
        }
        Entry::add(record)
    }

    #[track_caller]
    pub(crate) fn permit(of: Id) -> Entry {
        let mut record = Record::new(Kind::Permit, "permit");
        record.permit = Some((of.0, 0));
        Entry::add(record)
    }

    #[track_caller]
    pub(crate) fn watch(name: &'static str) -> Entry {
        Entry::add(Record::new(Kind::Watch, name))
    }

    #[track_caller]
    pub(crate) fn socket(name: &'static str) -> Entry {
        let kind = match name {
            "connection" => Kind::Connection,
            _ => Kind::Port,
        };
        Entry::add(Record::new(kind, name))
    }

    pub(crate) const fn id(&self) -> Id {
        self.0
    }
}

impl Deref for Entry {
    type Target = Id;

    fn deref(&self) -> &Id {
        &self.0
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Place {
    #[track_caller]
    pub(crate) fn caller() -> Place {
        Place(registry::place())
    }

    /// What `make` makes was made there. It must call no code of the program.
    pub(crate) fn of<R>(self, make: impl FnOnce() -> R) -> R {
        let _restore = Guard(Before::Place(registry::replace_place(Some(self.0))));
        make()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        match self.0 {
            Before::Place(before) => {
                registry::replace_place(before);
            }
            Before::Polled { before, now } => {
                registry::replace_polled(before);
                registry::change(now, |record| record.running = false);
            }
        }
    }
}

impl JobEntry {
    #[track_caller]
    pub(crate) fn new<J>() -> JobEntry {
        JobEntry(Id(jobs::add::<J>()))
    }

    pub(crate) const fn id(&self) -> Id {
        self.0
    }

    /// The thread that this is called on does the job.
    pub(crate) fn begin(&self) {
        jobs::begin(self.0.0);
    }
}

impl Drop for JobEntry {
    fn drop(&mut self) {
        jobs::remove(self.0.0);
    }
}
