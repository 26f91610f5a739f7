//! The jobs that the workers of a team have begun, for whoever inspects it.

use std::time::Instant;

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::PyTuple,
};

use crate::{
    interp::{Field, Record, fallible},
    metrics::turns,
};

/// The jobs that have been begun and not done.
pub struct RunningJobs(Field<Vec<Running>>);

struct Running {
    worker: Worker,
    function: Py<PyAny>,
    tells: usize,
    /// When it was begun, if somebody wants to know such times.
    since: Option<Instant>,
}

/// A worker's thread, by the number that `threading` knows it by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Worker(u64);

impl Worker {
    /// This thread.
    pub fn current(py: Python<'_>) -> PyResult<Self> {
        let ident = fallible::import(py, "threading", "get_ident")?.call0()?;
        ident.extract().map(Worker)
    }
}

impl RunningJobs {
    /// None.
    pub const fn new() -> Self {
        RunningJobs(Field::new(Vec::new()))
    }

    fn change<R>(&self, py: Python<'_>, change: impl FnOnce(&mut Vec<Running>) -> R) -> R {
        let mut jobs = self.0.take(py);
        let result = change(&mut jobs);
        self.0.set(py, jobs);
        result
    }

    /// Notes that `worker` has begun to call `function`, and will tell whoever is at the address `tells` of the result.
    /// The job counts as running until the returned guard is dropped.
    pub fn begin<'a, 'py>(
        &'a self,
        worker: Worker,
        function: &Bound<'py, PyAny>,
        tells: usize,
    ) -> Begun<'a, 'py> {
        let job = Running {
            worker,
            function: function.clone().unbind(),
            tells,
            since: (Record::are_kept() || turns::are_timed()).then(Instant::now),
        };
        let py = function.py();
        self.change(py, |jobs| jobs.push(job));
        Begun {
            jobs: self,
            worker,
            py,
        }
    }

    /// In a process that was forked off, no other thread's job runs.
    pub fn keep(&self, py: Python<'_>, worker: Option<Worker>) {
        let others = self.change(py, |jobs| {
            let others = jobs.extract_if(.., |job| Some(job.worker) != worker);
            others.collect::<Vec<_>>()
        });
        drop(others);
    }

    /// Shows the collector the functions.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0
            .traverse_each(visit, |job, visit| visit.call(&job.function))
    }

    /// Each as (function, address of who is told, ident of the thread, seconds since it was begun or None).
    pub fn list<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let parts: Vec<_> = self.change(py, |jobs| {
            let parts = jobs.iter().map(|job| {
                let function = job.function.bind(py).clone();
                let age = job.since.map(|since| since.elapsed());
                (function, job.tells, job.worker.0, age)
            });
            parts.collect()
        });
        let rows = parts.into_iter().map(|(function, tells, ident, age)| {
            let (tells, ident) = (fallible::int(py, tells)?, fallible::int(py, ident)?);
            let age = match age {
                Some(age) => fallible::float(py, age.as_secs_f64())?,
                None => py.None().into_bound(py),
            };
            fallible::tuple(py, [function, tells, ident, age])
        });
        rows.collect()
    }
}

/// A job is running as long as this is there.
pub struct Begun<'a, 'py> {
    jobs: &'a RunningJobs,
    worker: Worker,
    py: Python<'py>,
}

impl Drop for Begun<'_, '_> {
    fn drop(&mut self) {
        let done = self.jobs.change(self.py, |jobs| {
            let at = jobs.iter().position(|job| job.worker == self.worker)?;
            Some(jobs.swap_remove(at))
        });
        drop(done.map(|job| job.function.into_bound(self.py)));
    }
}
