//! `gatherResults`: the results of many Deferreds as one list.

use pyo3::{
    prelude::*,
    types::{PyList, PyTuple},
};

use super::{
    deferred::Deferred,
    deferred_list::{DeferredList, flag, initialise},
    firing,
    functions::call_stock,
    kinds::classes,
};
use crate::{interp::fallible, replaced, twisted::objects};

/// Make a Deferred of the list of the results of several.
///
/// Args:
///     deferredList: the Deferreds.
///     consumeErrors: leave those that fail with None, so that nobody else has to handle that.
///
/// Returns:
///     a Deferred, for the thread that runs the reactor. It fails with FirstError as soon as one of them
///     fails. Cancelling it cancels them all.
#[pyfunction(name = "gatherResults")]
#[pyo3(
    signature = (deferredList, consumeErrors=None),
    text_signature = "(deferredList, consumeErrors=False)"
)]
#[allow(non_snake_case, reason = "the names of keyword arguments")]
pub fn gather_results<'py>(
    py: Python<'py>,
    deferredList: Bound<'py, PyAny>,
    consumeErrors: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let consume = consumeErrors.unwrap_or_else(|| flag(py, false));
    if replaced::any(py) {
        return call_stock(py, "gatherResults", [deferredList, consume]);
    }
    let parts = PyClassInitializer::from(Deferred::unfired(None));
    let list = Bound::new(py, parts.add_subclass(DeferredList::default()))?;
    initialise(
        &list,
        &deferredList,
        [flag(py, false), flag(py, true), consume],
    )?;
    let parse = classes(py).parse_results.bind(py).as_any().clone();
    firing::call_add_callback(list.as_super(), parse)
}

/// The results of a DeferredList without the flags.
#[pyfunction(name = "_parseDeferredListResult")]
#[pyo3(
    signature = (resultList, _fireOnOneErrback=None, /),
    text_signature = "(resultList, fireOnOneErrback=False, /)"
)]
#[allow(non_snake_case, reason = "the names of the parameters")]
pub fn parse_results<'py>(
    resultList: &Bound<'py, PyAny>,
    _fireOnOneErrback: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    match values_of(resultList)? {
        Some(values) => Ok(values.into_any()),
        // Twisted's function says what is wrong with it.
        None => objects(resultList.py())
            .parse_results
            .bind(resultList.py())
            .call1((resultList,)),
    }
}

/// The values, if this is a list of pairs that say that all have succeeded.
fn values_of<'py>(results: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyList>>> {
    let py = results.py();
    let Ok(results) = results.cast_exact::<PyList>() else {
        return Ok(None);
    };
    let yes = flag(py, true);
    let values = results.iter().map_while(|pair| {
        match pair.cast_exact::<PyTuple>().map(|pair| pair.as_slice()) {
            Ok([succeeded, value]) if succeeded.is(&yes) => Some(value.clone()),
            _ => None,
        }
    });
    fallible::list_filled(py, results.len(), values)
}
