//! `Deferred.cancel`.

use pyo3::prelude::*;

use super::{
    deferred::{Canceller, Deferred},
    firing::call_errback,
    kinds::{Method, as_deferred},
    parts::DeferredParts,
};
use crate::{
    failure::{self, Place},
    interp::{check_stack, deeper, limited, name, outcome, too_deep},
    replaced,
    twisted::objects,
};

/// `cancel()`, where the class may say what that is.
pub fn call_cancel(deferred: &Bound<'_, Deferred>) -> PyResult<()> {
    if deferred.overrides(Method::Cancel) {
        deferred.call_method0(name!(deferred.py(), "cancel")?)?;
        return Ok(());
    }
    cancel(deferred, false)
}

/// `cancel()`. A row of Deferreds that wait for each other is walked by a loop. `has_frame` says that the call is in
/// tracebacks without being added.
pub fn cancel(deferred: &Bound<'_, Deferred>, has_frame: bool) -> PyResult<()> {
    let py = deferred.py();
    let mut current = deferred.clone();
    // One of the Deferreds that were passed, another after 2, 4, 8... more: in a circle, it comes again.
    let (mut passed, mut steps, mut until) = (deferred.clone(), 0_usize, 1_usize);
    while current.get().called.get(py) {
        let result = current.required_result()?;
        let Some(inner) = as_deferred(&result) else {
            return Ok(());
        };
        current = inner.clone();
        if current.overrides(Method::Cancel) {
            let name = name!(py, "cancel")?;
            return deeper(py, || current.call_method0(name)).map(drop);
        }
        if current.is(&passed) {
            return Err(too_deep(
                py,
                "while cancelling Deferreds that wait for each other",
            ));
        }
        steps += 1;
        if steps == until {
            (passed, steps, until) = (current.clone(), 0, until * 2);
        }
    }
    cancel_unfired(&current, has_frame)
}

fn cancel_unfired(deferred: &Bound<'_, Deferred>, has_frame: bool) -> PyResult<()> {
    let (py, parts) = (deferred.py(), deferred.get());
    check_stack(py)?;
    match parts.canceller.clone_out(py) {
        Some(Canceller {
            target,
            native: Some(native),
        }) => (native.cancel)(&target, deferred)?,
        Some(Canceller { target, .. }) if target.is_truthy()? => {
            limited(&target, || outcome(py, target.call1((deferred,)))).map_err(|exception| {
                if !has_frame {
                    failure::add_frames(&exception, Place::Cancel);
                }
                PyErr::from_value(exception.into_any())
            })?;
        }
        _ => parts.suppress_already_called.set(py, true),
    }
    if parts.called.get(py) {
        return Ok(());
    }
    // The canceller may have replaced it.
    let name = name!(py, "CancelledError")?;
    let error = replaced::current(py, name, &objects(py).cancelled_error)?;
    let failure = failure::failure_of(&error.call0()?)?;
    call_errback(deferred, Some(&failure))
}
