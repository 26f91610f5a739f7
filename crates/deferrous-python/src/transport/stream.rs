//! A stream as its methods see it: its attributes, without the detour over its class.

use std::os::fd::RawFd;

use pyo3::{
    prelude::*,
    types::{PyDict, PyInt, PyString},
};

use super::{
    facts::{Facts, still_true},
    names::names,
    plan::Part,
    stock::{Stock, stock},
};
use crate::interp::item;

/// An object some of whose methods are Twisted's own for streams.
pub struct Stream<'a, 'py> {
    pub object: &'a Bound<'py, PyAny>,
    pub(super) stock: &'static Stock,
    pub(super) facts: Facts,
    attributes: Bound<'py, PyDict>,
}

impl<'a, 'py> Stream<'a, 'py> {
    /// The object, if it is a stream for which this may be done in the place of its methods.
    #[inline]
    pub(super) fn of(object: &'a Bound<'py, PyAny>, part: Part) -> Option<Self> {
        let stock = stock()?;
        let (facts, attributes) = Facts::of(object, stock)?;
        facts.has(part).then_some(Stream {
            object,
            stock,
            facts,
            attributes,
        })
    }

    /// What the object itself has by this name.
    #[inline]
    pub(super) fn get(&self, name: &Py<PyString>) -> Option<Bound<'py, PyAny>> {
        item(&self.attributes, name.bind(self.object.py()))
    }

    /// `self._tempDataLen`, in bytes, if it is an `int` and not negative.
    #[inline]
    pub(super) fn waiting(&self) -> Option<usize> {
        let waiting = self.get(&names(self.object.py()).temp_data_len)?;
        waiting.cast_exact::<PyInt>().ok()?.extract().ok()
    }

    /// Sets `self._tempDataLen`.
    #[inline]
    pub(super) fn set_waiting(&self, length: &Bound<'py, PyAny>) -> PyResult<()> {
        self.set(&names(self.object.py()).temp_data_len, length)?;
        still_true(self.object, &self.attributes);
        Ok(())
    }

    /// Sets an attribute of the object itself.
    #[inline]
    pub(super) fn set(&self, name: &Py<PyString>, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.attributes.set_item(name.bind(self.object.py()), value)
    }

    /// The descriptor of its socket, unless that is closed.
    #[inline]
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        let socket = self.get(&names(self.object.py()).socket)?;
        self.stock.socket.descriptor(&socket)
    }
}
