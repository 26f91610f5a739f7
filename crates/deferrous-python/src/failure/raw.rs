//! The same for modules that do not use PyO3 yet.

use pyo3::{exceptions::PyBaseException, prelude::*, types::PyDict};

use super::{Place, Trail, add_frames, caught, caught_here, exception_in, failure_of};
use crate::interp::{Maybe, Obj, Raised, attached, from_result, reraise, take_raised};

fn with_exception<R>(
    exception: &Obj,
    body: impl FnOnce(&Bound<'_, PyBaseException>) -> R,
) -> Option<R> {
    attached(|py| exception.bind(py).cast().ok().map(body))
}

/// As [`super::caught_error`].
pub fn from_raised(raised: Raised, owner: Option<Obj>, place: Place) -> Obj {
    from_exception(&take_raised(raised), owner, place)
}

/// As [`caught`].
pub fn from_exception(exception: &Obj, owner: Option<Obj>, place: Place) -> Obj {
    with_exception(exception, |exception| {
        let owner = owner.map(|owner| owner.into_bound(exception.py()));
        Obj::from_bound(&caught(exception, owner.as_ref(), place))
    })
    .unwrap_or_else(|| exception.clone())
}

/// As [`caught_here`].
pub fn from_exception_here(exception: &Obj) -> Obj {
    with_exception(exception, |exception| {
        Obj::from_bound(&caught_here(exception))
    })
    .unwrap_or_else(|| exception.clone())
}

/// As [`super::current_failure`].
pub fn current(capture: bool) -> Maybe {
    attached(|py| {
        let failure = super::current_failure(py, capture);
        from_result(py, failure.map(|failure| Obj::from_bound(&failure)))
    })
}

/// As [`failure_of`].
pub fn from_value(value: &Obj) -> Maybe {
    attached(|py| {
        let failure = failure_of(value.bind(py));
        from_result(py, failure.map(|failure| Obj::from_bound(&failure)))
    })
}

/// As [`super::while_handling`].
pub fn handling<T>(exception: &Obj, body: impl FnOnce() -> Maybe<T>) -> Maybe<T> {
    with_exception(exception, |exception| {
        super::while_handling(exception, body)
    })
    .unwrap_or(Err(Raised))
}

/// As [`exception_in`].
#[inline]
pub fn exception_of(failure: &Obj, method: &Obj) -> Option<Obj> {
    attached(|py| {
        let method = method.bind(py).cast().ok()?;
        exception_in(failure.bind(py), method).map(|exception| Obj::from_bound(&exception))
    })
}

/// As [`super::add_frames_to`].
#[cold]
pub fn pass_raised(raised: Raised, place: Place) -> Raised {
    let exception = take_raised(raised);
    pass(&exception, place);
    reraise(exception)
}

/// As [`add_frames`].
pub fn pass(exception: &Obj, place: Place) {
    with_exception(exception, |exception| add_frames(exception, place));
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
