//! Putting methods of ours into Twisted's classes.

use pyo3::{prelude::*, types::PyDict};

use crate::interp::{FastMethod, fallible, method_descriptor};

/// Puts a method of ours into a class, if that has Twisted's, and returns it.
///
/// Args:
///     found: Twisted's methods, by the names of class and method.
///     method: the name of the one that is replaced.
pub fn replace<'py, M: FastMethod<Class = PyAny>>(
    found: &Bound<'py, PyDict>,
    method: &str,
    class: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = found.py();
    if !found.contains(fallible::text(py, method)?)? {
        return Ok(None);
    }
    let name = fallible::text(py, &M::NAME.to_string_lossy())?;
    let ours = method_descriptor::<M>(class.cast()?)?;
    class.setattr(name, &ours)?;
    Ok(Some(ours))
}
