//! Tells whether a few dicts have changed since their state was last noted. The one who notes it may change them, too.

#[cfg(Py_3_12)]
use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::PyDict,
};

#[cfg(not(Py_3_12))]
use super::dict_version::version;
#[cfg(Py_3_12)]
use super::dict_watcher::{OnChange, Watcher};

/// Dicts, and how they were when that was last noted.
pub struct NotedDicts<const N: usize> {
    dicts: [Py<PyDict>; N],
    #[cfg(Py_3_12)]
    noted: u64,
    #[cfg(not(Py_3_12))]
    noted: [u64; N],
}

impl<const N: usize> NotedDicts<N> {
    /// Keeps dicts, and notes how they are. `None` if the interpreter does not tell of their changes.
    pub fn new(dicts: [Bound<'_, PyDict>; N]) -> Option<Self> {
        #[cfg(Py_3_12)]
        {
            let py = dicts.first()?.py();
            let watcher = (*WATCHER.get_or_init(|| Watcher::new::<Count>(py)))?;
            for dict in &dicts {
                watcher.watch(dict).ok()?;
            }
        }
        Some(NotedDicts {
            noted: Self::state(dicts.each_ref()),
            dicts: dicts.map(Bound::unbind),
        })
    }

    /// The dicts.
    #[inline(always)]
    pub fn dicts<'a, 'py>(&'a self, py: Python<'py>) -> [&'a Bound<'py, PyDict>; N] {
        self.dicts.each_ref().map(|dict| dict.bind(py))
    }

    /// Notes how they are now.
    #[inline(always)]
    pub fn note(&mut self, py: Python<'_>) {
        self.noted = Self::state(self.dicts(py));
    }

    /// Whether they are as was noted.
    #[inline(always)]
    pub fn are_unchanged(&self, py: Python<'_>) -> bool {
        self.noted == Self::state(self.dicts(py))
    }

    #[cfg(Py_3_12)]
    #[inline(always)]
    fn state(_dicts: [&Bound<'_, PyDict>; N]) -> u64 {
        CHANGES.load(Relaxed)
    }

    #[cfg(not(Py_3_12))]
    #[inline(always)]
    fn state(dicts: [&Bound<'_, PyDict>; N]) -> [u64; N] {
        dicts.map(version)
    }

    /// Shows the collector the dicts.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.dicts.iter().try_for_each(|dict| visit.call(dict))
    }
}

/// The watcher of the interpreter for these dicts; `None` if it has no more.
#[cfg(Py_3_12)]
static WATCHER: OnceLock<Option<Watcher>> = OnceLock::new();

/// How often one of these dicts has changed. Threads that have the interpreter read and write it.
#[cfg(Py_3_12)]
static CHANGES: AtomicU64 = AtomicU64::new(0);

#[cfg(Py_3_12)]
struct Count;

#[cfg(Py_3_12)]
impl OnChange for Count {
    fn before_change(_dict: usize) {
        CHANGES.store(CHANGES.load(Relaxed) + 1, Relaxed);
    }
}
