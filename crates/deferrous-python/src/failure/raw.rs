//! The same for modules that do not use PyO3 yet.

use pyo3::{exceptions::PyBaseException, prelude::*, types::PyDict};

use super::{Trail, caught_here};
use crate::interp::{Maybe, Obj, Raised, attached, from_result, reraise, take_raised};

fn with_exception<R>(
    exception: &Obj,
    body: impl FnOnce(&Bound<'_, PyBaseException>) -> R,
) -> Option<R> {
    attached(|py| exception.bind(py).cast().ok().map(body))
}

/// As [`caught_here`].
pub fn from_exception_here(exception: &Obj) -> Obj {
    with_exception(exception, |exception| {
        Obj::from_bound(&caught_here(exception))
    })
    .unwrap_or_else(|| exception.clone())
}

/// As [`super::while_handling`].
pub fn handling<T>(exception: &Obj, body: impl FnOnce() -> Maybe<T>) -> Maybe<T> {
    with_exception(exception, |exception| {
        super::while_handling(exception, body)
    })
    .unwrap_or(Err(Raised))
}

impl Trail {
    /// As [`Trail::new`].
    pub fn find(found: &Obj, name: &str) -> Maybe<Self> {
        attached(|py| {
            let trail = found.bind(py).cast::<PyDict>().map_err(PyErr::from);
            from_result(py, trail.and_then(|found| Trail::new(found, name)))
        })
    }

    /// As [`Trail::add_to`].
    #[cold]
    pub fn lead_to(&self, exception: &Obj) {
        with_exception(exception, |exception| self.add_to(exception));
    }

    /// The same for an exception that is raised.
    #[cold]
    pub fn through(&self, raised: Raised) -> Raised {
        let exception = take_raised(raised);
        self.lead_to(&exception);
        reraise(exception)
    }
}
