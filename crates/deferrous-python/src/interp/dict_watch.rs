//! Noticing that one of a few dicts has changed, at the cost of one comparison where none has.
//!
//! CPython 3.12 and later call a function when a watched dict is about to change. The versions before give each
//! change of any dict a number of its own, which is looked at here.

use std::sync::{Mutex, PoisonError};
#[cfg(not(Py_3_12))]
use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use pyo3::{prelude::*, types::PyDict};

#[cfg(not(Py_3_12))]
use super::dict_version::version;
#[cfg(Py_3_12)]
use super::dict_watcher::{OnChange, Watcher};

/// How many dicts of a group there may be. Reactors and streams of a usual program have about 40.
#[cfg(not(Py_3_12))]
const MOST_DICTS: usize = 96;

/// Whose dicts these are. Before 3.12 they are looked at one by one, and Deferreds ask most often: they have a few.
#[derive(Clone, Copy)]
pub enum Group {
    Deferreds,
    Others,
}

/// Is called after a change, or before it. Nothing of Python may run in there.
type Listener = fn();

static LISTENERS: Mutex<Vec<Listener>> = Mutex::new(Vec::new());

fn add(listener: Listener) {
    let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
    if !listeners
        .iter()
        .any(|&known| std::ptr::fn_addr_eq(known, listener))
    {
        listeners.push(listener);
    }
}

fn changed() {
    let listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
    for listener in listeners.iter() {
        listener();
    }
}

/// Has `on_change` called when one of `dicts` changes, and perhaps when another watched dict does. The dicts are
/// kept alive for ever, since another dict at the same place in memory would not be watched.
///
/// Returns whether that works: an interpreter has a small number of watchers, which may be used up.
#[cfg(Py_3_12)]
pub fn watch(_group: Group, dicts: &[Bound<'_, PyDict>], on_change: Listener) -> PyResult<bool> {
    let Some(first) = dicts.first() else {
        return Ok(true);
    };
    let Some(watcher) = watcher(first.py()) else {
        return Ok(false);
    };
    for dict in dicts {
        watcher.watch(dict)?;
        std::mem::forget(dict.clone());
    }
    add(on_change);
    Ok(true)
}

/// The watcher of the interpreter, made the first time; `None` if it has no more.
#[cfg(Py_3_12)]
fn watcher(py: Python<'_>) -> Option<Watcher> {
    static WATCHER: std::sync::OnceLock<Option<Watcher>> = std::sync::OnceLock::new();

    struct CallListeners;

    impl OnChange for CallListeners {
        fn before_change(_dict: usize) {
            changed();
        }
    }

    *WATCHER.get_or_init(|| Watcher::new::<CallListeners>(py))
}

/// A dict that is kept alive for ever, and the number of the last change of it that was noticed.
#[cfg(not(Py_3_12))]
struct Place(OnceLock<Py<PyDict>>, AtomicU64);

/// The dicts of each group, from the first place on. Threads that have the interpreter read and write it.
#[cfg(not(Py_3_12))]
static PLACES: [[Place; MOST_DICTS]; Group::Others as usize + 1] =
    [const { [const { Place(OnceLock::new(), AtomicU64::new(0)) }; MOST_DICTS] };
        Group::Others as usize + 1];

#[cfg(not(Py_3_12))]
impl Place {
    /// The number of the dict's last change, where there is a dict.
    #[inline(always)]
    fn version(&self, py: Python<'_>) -> Option<u64> {
        self.0.get().map(|dict| version(dict.bind(py)))
    }
}

/// Has `on_change` called by [`notice_changes`] of the group when one of `dicts` has changed, and perhaps when another
/// watched dict has. The dicts are kept alive for ever.
///
/// Returns whether that works, which it does not if there are too many.
#[cfg(not(Py_3_12))]
pub fn watch(group: Group, dicts: &[Bound<'_, PyDict>], on_change: Listener) -> PyResult<bool> {
    for dict in dicts {
        // A dict that is watched already keeps its place.
        let fits = |place: &&Place| place.0.get().is_none_or(|watched| watched.is(dict));
        let Some(place) = PLACES[group as usize].iter().find(fits) else {
            return Ok(false);
        };
        if place.0.set(dict.clone().unbind()).is_ok() {
            place.1.store(version(dict), Relaxed);
        }
    }
    add(on_change);
    Ok(true)
}

/// Looks whether a dict of a group has changed since this was last called.
#[cfg(not(Py_3_12))]
#[inline(always)]
pub fn notice_changes(py: Python<'_>, group: Group) {
    for place in &PLACES[group as usize] {
        match place.version(py) {
            None => break,
            Some(version) if version == place.1.load(Relaxed) => {}
            Some(_) => note_versions(py, group),
        }
    }
}

#[cfg(not(Py_3_12))]
#[cold]
fn note_versions(py: Python<'_>, group: Group) {
    for place in &PLACES[group as usize] {
        if let Some(version) = place.version(py) {
            place.1.store(version, Relaxed);
        }
    }
    changed();
}
