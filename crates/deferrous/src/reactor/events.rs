//! What is to be done when a reactor starts and stops: system event triggers.

use std::{cell::RefCell, collections::BTreeMap, fmt, mem};

use super::Reactor;
use crate::{
    combine::{ListOptions, deferred_list},
    deferred::{CallbackResult, Deferred, maybe_deferred},
    unhandled::{Origin, drop_reporting, report},
};

/// What triggers are for: the event types of Twisted's `addSystemEventTrigger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
type Place = (SystemEvent, Phase);

/// The triggers of one reactor, each under a number that orders them.
pub(super) struct Triggers(RefCell<Numbered>);

struct Numbered {
    next: u64,
    triggers: BTreeMap<(Place, u64), Trigger>,
}

/// A system event trigger, for [`Reactor::remove_system_event_trigger`].
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

    fn remove(&self, id: TriggerId) -> Result<(), NoSuchTrigger> {
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

impl Reactor {
    /// Has `trigger` called when the reactor starts or stops; Twisted's `addSystemEventTrigger`.
    ///
    /// Within a phase, triggers are called in the order in which they were added. One may return a
    /// Deferred, which is waited for before the next phase. One that fails or panics is reported,
    /// and the others go on. After the end of the reactor it is dropped.
    ///
    /// ```
    /// use deferrous::{Phase, Reactor, SystemEvent};
    /// let reactor = Reactor::new()?;
    /// reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, || println!("closing"));
    /// let stop = reactor.clone();
    /// reactor.call_when_running(move || stop.stop().unwrap());
    /// reactor.run()?; // prints "closing"
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn add_system_event_trigger<R: CallbackResult<Value = ()>>(
        &self,
        phase: Phase,
        event: SystemEvent,
        trigger: impl FnOnce() -> R + 'static,
    ) -> TriggerId {
        let id = self.triggers().add((event, phase), trigger);
        if self.has_ended() {
            self.triggers().clear();
        }
        id
    }

    /// Takes a trigger back; Twisted's `removeSystemEventTrigger`.
    ///
    /// # Errors
    ///
    /// [`NoSuchTrigger`] if it was fired or removed already.
    pub fn remove_system_event_trigger(&self, id: TriggerId) -> Result<(), NoSuchTrigger> {
        self.triggers().remove(id)
    }
}
