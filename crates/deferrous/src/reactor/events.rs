//! What is to be done when a reactor starts and stops: adding and removing system event triggers.

use super::{
    state::Reactor,
    triggers::{NoSuchTrigger, Phase, SystemEvent, TriggerId},
};
use crate::deferred::CallbackResult;

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
        let id = self.0.triggers.add((event, phase), trigger);
        if self.has_ended() {
            self.0.triggers.clear();
        }
        id
    }

    /// Takes a trigger back; Twisted's `removeSystemEventTrigger`.
    ///
    /// # Errors
    ///
    /// [`NoSuchTrigger`] if it was fired or removed already.
    pub fn remove_system_event_trigger(&self, id: TriggerId) -> Result<(), NoSuchTrigger> {
        self.0.triggers.remove(id)
    }
}
