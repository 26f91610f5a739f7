//! The room for the events of a poller, in an object of Python, which any thread may end.

use deferrous::event_loop::Events;

/// Room for events.
pub struct EventRoom(Events);

// SAFETY: an event of the system has a pointer in it that is only what the poller has given to the system, a number.
// Nothing is reached through it, so it does not matter which thread has the room.
unsafe impl Send for EventRoom {}

impl EventRoom {
    /// Room for as many events at once as there usually are.
    pub fn new() -> Self {
        EventRoom(Events::new())
    }

    /// The same, for so many.
    pub fn with_capacity(capacity: usize) -> Self {
        EventRoom(Events::with_capacity(capacity))
    }

    /// The events.
    pub const fn get(&self) -> &Events {
        &self.0
    }

    /// Where a poller writes the events.
    pub const fn get_mut(&mut self) -> &mut Events {
        &mut self.0
    }
}
