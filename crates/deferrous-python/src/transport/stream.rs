//! A stream as its methods see it: its attributes, without the detour over its class.

use std::os::fd::RawFd;

use pyo3::{
    prelude::*,
    types::{PyDict, PyInt, PyList, PyString},
};

use super::{
    facts::{Facts, Own, still_true},
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

    /// What the object itself has.
    #[inline(always)]
    pub(super) fn get(&self, own: Own) -> Option<Bound<'py, PyAny>> {
        match &self.facts.own {
            Some(snapshot) => snapshot.value(&self.attributes, own as usize),
            None => item(
                &self.attributes,
                own.name(names(self.object.py())).bind(self.object.py()),
            ),
        }
    }

    /// `self._tempDataLen`, in bytes, if it is an `int` and not negative.
    #[inline]
    pub(super) fn waiting(&self) -> Option<usize> {
        let waiting = self.get(Own::TempDataLen)?;
        waiting.cast_exact::<PyInt>().ok()?.extract().ok()
    }

    /// Whether descriptors of files may wait to be sent, which is left to Twisted's methods.
    #[inline]
    pub(super) fn has_descriptors(&self) -> bool {
        if !self.facts.has(Part::DESCRIPTORS) {
            return false;
        }
        let py = self.object.py();
        let queue = item(&self.attributes, names(py).descriptor_queue.bind(py));
        !queue.is_some_and(|queue| {
            queue
                .cast_exact::<PyList>()
                .is_ok_and(PyListMethods::is_empty)
        })
    }

    /// Whether the object itself has `None` by this name.
    pub(super) fn is_none(&self, name: &Py<PyString>) -> bool {
        let found = item(&self.attributes, name.bind(self.object.py()));
        found.is_some_and(|found| found.is_none())
    }

    /// Sets `self._tempDataLen`.
    #[inline]
    pub(super) fn set_waiting(&self, length: &Bound<'py, PyAny>) -> PyResult<()> {
        let (py, own) = (self.object.py(), Own::TempDataLen);
        let name = own.name(names(py));
        let Some(mut snapshot) = self.facts.own else {
            return self.set(name, length);
        };
        snapshot.set_value(&self.attributes, own as usize, name.bind(py), length)?;
        still_true(self.object, snapshot);
        Ok(())
    }

    /// Sets an attribute of the object itself.
    pub(super) fn set(&self, name: &Py<PyString>, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.attributes.set_item(name.bind(self.object.py()), value)
    }

    /// The descriptor of its socket, unless that is closed.
    #[inline]
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        self.stock.socket.descriptor(&self.get(Own::Socket)?)
    }
}
