//! The room for the events of a poller, in an object of Python, which any thread may end.

use deferrous::event_loop::Events;

/// Room for events.
pub struct EventRoom(pub Events);

// SAFETY: an event of the system has a pointer in it that is only what the poller has given to the system, a number.
// Nothing is reached through it, so it does not matter which thread has the room.
unsafe impl Send for EventRoom {}
