//! Putting our methods into Twisted's classes, when the first reactor is made.

use pyo3::{prelude::*, types::PyDict};

use super::{
    log_context, names,
    stock::Stock,
    write::{Write, WriteOrEncrypt, WriteSequence, WriteSequenceOrEncrypt},
};
use crate::interp::{FastMethod, fallible, method_descriptor};

/// Keeps Twisted's methods, and puts ours in the place of those by which programs write.
///
/// Args:
///     found: what `deferrous._transports.find` returns.
///     frames: the trails of Twisted's functions.
pub fn load(found: &Bound<'_, PyDict>, frames: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = found.py();
    names::load(py)?;
    log_context::load(py)?;
    if !Stock::keep(found, frames)? {
        return Ok(());
    }
    let descriptor = fallible::import(py, "twisted.internet.abstract", "FileDescriptor")?;
    let connection = fallible::import(py, "twisted.internet.tcp", "_TLSConnectionMixin")?;
    replace::<Write>(found, "FileDescriptor.write", &descriptor)?;
    replace::<WriteSequence>(found, "FileDescriptor.writeSequence", &descriptor)?;
    replace::<WriteOrEncrypt>(found, "ConnectionMixin.write", &connection)?;
    replace::<WriteSequenceOrEncrypt>(found, "ConnectionMixin.writeSequence", &connection)
}

/// Puts a method of ours into a class, if that has Twisted's.
fn replace<M: FastMethod<Class = PyAny>>(
    found: &Bound<'_, PyDict>,
    method: &str,
    class: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = found.py();
    if found.contains(fallible::text(py, method)?)? {
        let name = fallible::text(py, &M::NAME.to_string_lossy())?;
        class.setattr(name, method_descriptor::<M>(class.cast()?)?)?;
    }
    Ok(())
}
