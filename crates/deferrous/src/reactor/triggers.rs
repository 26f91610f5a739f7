//! The system event triggers of a reactor.

use std::{cell::RefCell, collections::BTreeMap, fmt, mem};

use crate::{
    combine::{ListOptions, deferred_list},
    deferred::{CallbackResult, Deferred, maybe_deferred},
    unhandled::{Origin, drop_reporting, report},
};

/// What triggers are for: the event types of Twisted's `addSystemEventTrigger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SystemEvent {
    /// The reactor begins to run.
    Startup,
    /// The reactor was stopped and is about to end.
    Shutdown,
}

/// When during its event a trigger is fired. The next phase begins when all Deferreds of this one
/// have fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// First: what needs everything else to work still.
    Before,
    /// The event itself. At shutdown, threads finish their work in this phase.
    During,
    /// Last.
    After,
}

type Trigger = Box<dyn FnOnce() -> Deferred<()>>;
pub(super) type Place = (SystemEvent, Phase);

/// The triggers of one reactor, each under a number that orders them.
pub(super) struct Triggers(RefCell<Numbered>);

struct Numbered {
    next: u64,
    triggers: BTreeMap<(Place, u64), Trigger>,
}

/// A system event trigger, for
/// [`Reactor::remove_system_event_trigger`](crate::Reactor::remove_system_event_trigger).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerId(Place, u64);

/// The trigger has been fired or removed already; Twisted raises `KeyError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchTrigger;

impl fmt::Display for NoSuchTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this system event trigger was fired or removed already")
    }
}

impl std::error::Error for NoSuchTrigger {}

impl Triggers {
    pub(super) const fn new() -> Self {
        Triggers(RefCell::new(Numbered {
            next: 0,
            triggers: BTreeMap::new(),
        }))
    }

    pub(super) fn add<R: CallbackResult<Value = ()>>(
        &self,
        place: Place,
        trigger: impl FnOnce() -> R + 'static,
    ) -> TriggerId {
        let mut numbered = self.0.borrow_mut();
        let id = numbered.next;
        numbered.next += 1;
        let trigger = Box::new(move || maybe_deferred(trigger));
        numbered.triggers.insert((place, id), trigger);
        TriggerId(place, id)
    }

    pub(super) fn remove(&self, id: TriggerId) -> Result<(), NoSuchTrigger> {
        let removed = self.0.borrow_mut().triggers.remove(&(id.0, id.1));
        removed.map(drop).ok_or(NoSuchTrigger)
    }

    /// Takes the first trigger of a phase, one at a time, so that a trigger may add and remove
    /// others.
    fn next(&self, place: Place) -> Option<Trigger> {
        let triggers = &mut self.0.borrow_mut().triggers;
        let key = *triggers.range((place, 0)..=(place, u64::MAX)).next()?.0;
        triggers.remove(&key)
    }

    /// Fires the triggers of one phase. The Deferred fires when all that they returned have.
    pub(super) fn fire(&self, place: Place) -> Deferred<()> {
        let mut waiting = Vec::new();
        while let Some(trigger) = self.next(place) {
            waiting.push(trigger().add_errback(|failure| report(Origin::Trigger, failure)));
        }
        deferred_list(waiting, ListOptions::new()).map(|_| ())
    }

    pub(super) fn clear(&self) {
        let triggers = mem::take(&mut self.0.borrow_mut().triggers);
        for trigger in triggers.into_values() {
            drop_reporting(Origin::Trigger, trigger);
        }
    }
}
