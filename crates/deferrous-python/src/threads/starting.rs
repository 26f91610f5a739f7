//! Which threads are starting workers of a team.
//!
//! Twisted's teams do one thing at a time, and whoever ends one waits for whoever else starts a worker. Here
//! only that waits: the threads are joined next, and one that has not started cannot be.

use std::{
    thread::{self, ThreadId},
    time::Duration,
};

use pyo3::prelude::*;

use crate::interp::{Field, detached};

/// How long to wait before looking again.
const PATIENCE: Duration = Duration::from_millis(1);

/// The threads that are starting workers of a team, each as often as it does.
pub struct Starting(Field<Vec<ThreadId>>);

impl Starting {
    /// None does.
    pub const fn new() -> Self {
        Starting(Field::new(Vec::new()))
    }

    fn change(&self, py: Python<'_>, change: impl FnOnce(&mut Vec<ThreadId>)) {
        let mut threads = self.0.take(py);
        change(&mut threads);
        self.0.set(py, threads);
    }

    /// In a process that was forked off, there is no thread but this one.
    pub fn keep_this_thread(&self, py: Python<'_>) {
        let own = thread::current().id();
        self.change(py, |threads| threads.retain(|&thread| thread == own));
    }

    /// Whether other threads do, and this one does not.
    fn only_others(&self, py: Python<'_>) -> bool {
        let own = thread::current().id();
        let mut found = false;
        self.change(py, |threads| {
            found = !threads.is_empty() && !threads.contains(&own);
        });
        found
    }
}

/// This thread starts workers as long as this is there.
pub struct Start<'a, 'py> {
    starting: &'a Starting,
    py: Python<'py>,
}

impl<'a, 'py> Start<'a, 'py> {
    /// Begins to start workers of a team.
    pub fn begin(starting: &'a Starting, py: Python<'py>) -> Self {
        let own = thread::current().id();
        starting.change(py, |threads| threads.push(own));
        Start { starting, py }
    }
}

impl Drop for Start<'_, '_> {
    fn drop(&mut self) {
        let own = thread::current().id();
        self.starting.change(self.py, |threads| {
            if let Some(place) = threads.iter().position(|&thread| thread == own) {
                threads.swap_remove(place);
            }
        });
    }
}

/// Waits until no other thread starts a worker of a team, unless this one does itself. Signals are handled
/// meanwhile, and what their handlers raise ends the wait. As they may fork, `starting` is asked each time.
///
/// It looks again and again, since that needs no lock that a fork could leave locked, and is for once in a
/// pool's life.
pub fn wait_for_others<'a>(py: Python<'_>, starting: impl Fn() -> &'a Starting) -> PyResult<()> {
    while starting().only_others(py) {
        detached(py, || thread::sleep(PATIENCE));
        py.check_signals()?;
    }
    Ok(())
}
