//! Deferreds for modules that do not use PyO3 yet.

use pyo3::{Bound, Python};

use super::{
    deferred::Deferred,
    firing::{call_callback, call_errback},
    making::unfired,
};
use crate::interp::{Maybe, Obj, attached, from_result};

/// A Deferred.
#[derive(Clone)]
pub struct RawDeferred(Obj);

impl RawDeferred {
    fn with(
        &self,
        body: impl FnOnce(Python<'_>, &Bound<'_, Deferred>) -> pyo3::PyResult<()>,
    ) -> Maybe<()> {
        attached(|py| {
            let done = self.0.bind(py).cast().map_err(pyo3::PyErr::from);
            from_result(py, done.and_then(|deferred| body(py, deferred)))
        })
    }

    /// One that has not been fired.
    pub fn unfired() -> Maybe<Self> {
        attached(|py| {
            let made = unfired(py, None).map(|made| RawDeferred(Obj::from_bound(made.as_any())));
            from_result(py, made)
        })
    }

    /// Fires it.
    pub fn call_callback(&self, result: Obj) -> Maybe<()> {
        self.with(|py, deferred| call_callback(deferred, result.into_bound(py)))
    }

    /// Fails it.
    pub fn call_errback(&self, fail: Option<&Obj>) -> Maybe<()> {
        self.with(|py, deferred| call_errback(deferred, fail.map(|fail| fail.bind(py))))
    }

    /// The object.
    pub const fn object(&self) -> &Obj {
        &self.0
    }

    /// The object, given away.
    pub fn into_object(self) -> Obj {
        self.0
    }
}
