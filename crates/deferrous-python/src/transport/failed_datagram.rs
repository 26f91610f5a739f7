//! Datagrams that were not sent: Twisted's `write` decides what comes of that.

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyString, PyTuple},
};

use super::stream::Stream;
use crate::interp::{Field, fallible};

/// A port, for Twisted's `write`, whose socket is this object, too.
#[pyclass(frozen, name = "_FailedPort", module = "deferrous._core")]
struct FailedPort {
    port: Py<PyAny>,
    /// What `sendto` raises. It is not kept, as its traceback refers to this object.
    error: Field<Option<PyErr>>,
}

#[pymethods]
impl FailedPort {
    #[getter]
    const fn socket(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_arguments))]
    fn sendto(&self, py: Python<'_>, _arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
        Err(self.error.take(py).unwrap_or_else(|| fallible::raised(py)))
    }

    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.port.bind(name.py()).getattr(name)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.port)
    }
}

/// Twisted's `port.write(datagram, address)`, for a datagram that was not sent because of `error`.
///
/// # Errors
///
/// What that raises.
#[cold]
pub fn write_failed<'py>(
    stream: &Stream<'_, 'py>,
    datagram: &Bound<'py, PyAny>,
    address: &Bound<'py, PyAny>,
    error: PyErr,
) -> PyResult<Bound<'py, PyAny>> {
    let py = stream.object.py();
    let failed = FailedPort {
        port: stream.object.clone().unbind(),
        error: Field::new(Some(error)),
    };
    let failed = Bound::new(py, failed)?.into_any();
    let arguments = fallible::tuple(py, [failed, datagram.clone(), address.clone()])?;
    stream.stock.datagrams.write.bind(py).call1(arguments)
}
