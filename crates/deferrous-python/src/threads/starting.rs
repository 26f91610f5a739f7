//! Who is starting a worker of a team.
//!
//! Twisted's teams do one thing at a time, and whoever ends one waits for whoever else starts a worker. Here
//! only that waits: the threads are joined next, and one that has not started cannot be.

use std::{
    thread::{self, ThreadId},
    time::Duration,
};

use pyo3::ffi;

use super::team::with_team;
use crate::interp::{Maybe, Obj, Raised, detached};

/// How long to wait before looking again.
const PATIENCE: Duration = Duration::from_millis(1);

/// This thread starts workers as long as this is there.
pub struct Start<'a>(&'a Obj);

impl<'a> Start<'a> {
    /// Begins to start workers of `team`.
    pub fn begin(team: &'a Obj) -> Maybe<Self> {
        with_team(team, |parts| parts.starting.push(thread::current().id()))?;
        Ok(Start(team))
    }
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        let own = thread::current().id();
        let _ = with_team(self.0, |parts| {
            let place = parts.starting.iter().position(|&thread| thread == own);
            place.map(|place| parts.starting.swap_remove(place))
        });
    }
}

/// Waits until no other thread starts a worker of `team`, unless this one does itself. Signals are handled
/// meanwhile, and what their handlers raise ends the wait.
///
/// It looks again and again, since that needs no lock that a fork could leave locked, and is for once in a
/// pool's life.
pub fn wait_for_others(team: &Obj) -> Maybe<()> {
    let own: ThreadId = thread::current().id();
    loop {
        let waits = with_team(team, |parts| {
            !parts.starting.is_empty() && !parts.starting.contains(&own)
        })?;
        if !waits {
            return Ok(());
        }
        detached(|| thread::sleep(PATIENCE));
        // SAFETY: the thread is attached.
        if unsafe { ffi::PyErr_CheckSignals() } < 0 {
            return Err(Raised);
        }
    }
}
