//! What the methods of a Deferred have in common: its result, and what its class and a program have changed.

use pyo3::{exceptions::PyAttributeError, prelude::*};

use super::{
    deferred::Deferred,
    kinds::{self, Kind, Method, kind},
};
use crate::interp::{fallible, has_attributes, own_attributes};

/// What the methods of a Deferred have in common.
pub trait DeferredParts<'py> {
    /// `self.result`.
    fn result(&self) -> Option<Bound<'py, PyAny>>;

    /// `self.result`, which a program may have deleted.
    fn required_result(&self) -> PyResult<Bound<'py, PyAny>>;

    /// `self.result = result`. Dropping the old result may run user code, which sees the new one.
    fn set_result(&self, result: Bound<'py, PyAny>);

    /// What `self.result` is to a chain.
    fn result_kind(&self) -> PyResult<Kind>;

    /// Notes the result of a Deferred that is fired. Its callbacks have not run.
    fn set_called_with(&self, result: Bound<'py, PyAny>);

    /// Whether a subclass, or a program, has put another method in the place of this one.
    fn overrides(&self, method: Method) -> bool;

    /// `self.debug`.
    fn debug(&self) -> bool;
}

impl<'py> DeferredParts<'py> for Bound<'py, Deferred> {
    #[inline(always)]
    fn result(&self) -> Option<Bound<'py, PyAny>> {
        self.get().result.clone_out(self.py())
    }

    #[inline(always)]
    fn required_result(&self) -> PyResult<Bound<'py, PyAny>> {
        match self.result() {
            Some(result) => Ok(result),
            None => Err(no_attribute(self, "result")),
        }
    }

    #[inline(always)]
    fn set_result(&self, result: Bound<'py, PyAny>) {
        self.get().result.set(self.py(), Some(result));
    }

    #[inline(always)]
    fn result_kind(&self) -> PyResult<Kind> {
        let result = self.required_result()?;
        Ok(kind(&result))
    }

    #[inline(always)]
    fn set_called_with(&self, result: Bound<'py, PyAny>) {
        let py = self.py();
        self.get().called.set(py, true);
        // The canceller isn't called any more, and could be part of a cycle.
        drop(self.get().canceller.take(py));
        self.set_result(result);
    }

    #[inline(always)]
    fn overrides(&self, method: Method) -> bool {
        kinds::overrides_in_class(self, method)
            || (has_attributes(self) && is_among_attributes(self, method))
    }

    #[inline(always)]
    fn debug(&self) -> bool {
        if has_attributes(self) {
            return kinds::look_up_debug(self);
        }
        kinds::class_debug(self)
    }
}

/// Whether a program has set the method as an attribute of this Deferred.
#[cold]
#[inline(never)]
fn is_among_attributes(deferred: &Bound<'_, Deferred>, method: Method) -> bool {
    let name = method.name(deferred.py());
    own_attributes(deferred).is_some_and(|attributes| attributes.contains(name).unwrap_or(true))
}

/// That there is no such attribute.
#[cold]
#[inline(never)]
pub fn no_attribute(deferred: &Bound<'_, Deferred>, name: &str) -> PyErr {
    let after = format!("' object has no attribute '{name}'");
    match deferred.get_type().name() {
        Ok(class) => fallible::error_around::<PyAttributeError>("'", &class, &after),
        Err(error) => error,
    }
}
