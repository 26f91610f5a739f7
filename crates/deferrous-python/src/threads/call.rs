//! A job as a function without arguments, for teams of another kind.

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
};

use super::job::Job;
use crate::interp::{Field, name};

/// Something for a worker to do.
#[pyclass(frozen, name = "Job", module = "deferrous._core")]
struct Once(Field<Option<Box<Job>>>);

#[pymethods]
impl Once {
    /// Do the job, once.
    fn run(&self, py: Python<'_>) {
        if let Some(job) = self.0.take(py) {
            drop(job.run(py, None));
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0
            .traverse_with(&visit, |job, visit| job.traverse(visit))
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.0.take(py));
    }
}

/// A function that does the job.
pub fn of(py: Python<'_>, job: Job) -> PyResult<Bound<'_, PyAny>> {
    Bound::new(py, Once(Field::new(Some(Box::new(job)))))?.getattr(name!(py, "run")?)
}
