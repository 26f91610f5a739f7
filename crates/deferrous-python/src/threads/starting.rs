//! Who is starting a worker.
//!
//! Twisted's teams do one thing at a time, and whoever ends one waits meanwhile. Here only the end waits: the
//! threads are joined next, and one that has not started cannot be.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

/// The threads that are starting workers of one team.
#[derive(Default)]
pub struct Starting {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Default)]
struct State {
    threads: Vec<ThreadId>,
    /// How many wait for them. Telling nobody would be a call of the system all the same.
    waiting: usize,
}

/// Workers are being started as long as this is there.
pub struct Start<'a>(&'a Starting);

impl Starting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This thread begins to start workers.
    pub fn begin(&self) -> Start<'_> {
        self.state().threads.push(thread::current().id());
        Start(self)
    }

    /// Waits for all other threads that are at it. For a thread that is not attached: they need the
    /// interpreter.
    pub fn wait_for_others(&self) {
        let own = thread::current().id();
        let others = |state: &mut State| state.threads.iter().any(|&thread| thread != own);
        let mut state = self.state();
        state.waiting += 1;
        let waited = self.done.wait_while(state, others);
        waited.unwrap_or_else(PoisonError::into_inner).waiting -= 1;
    }
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        let own = thread::current().id();
        let mut state = self.0.state();
        if let Some(place) = state.threads.iter().position(|&thread| thread == own) {
            state.threads.swap_remove(place);
        }
        let expected = state.waiting > 0;
        drop(state);
        if expected {
            self.0.done.notify_all();
        }
    }
}
