//! A stream as its methods see it: its attributes, without the detour over its class.

use std::os::fd::RawFd;

use pyo3::{
    prelude::*,
    types::{PyInt, PyList},
};

use super::{
    attribute::Attribute,
    examine::facts,
    facts::Facts,
    known::Held,
    plan::Part,
    stock::{Stock, stock},
};

/// An object some of whose methods are Twisted's own for streams.
pub struct Stream<'a, 'py> {
    pub object: &'a Bound<'py, PyAny>,
    pub(super) stock: &'static Stock,
    pub(super) facts: Facts,
    held: Held<'py>,
    /// The descriptor of its socket, if that was open.
    pub(super) fd: Option<RawFd>,
}

impl<'a, 'py> Stream<'a, 'py> {
    /// The object, if it is a stream for which this may be done in the place of its methods.
    #[inline]
    pub(super) fn of(object: &'a Bound<'py, PyAny>, part: Part) -> Option<Self> {
        let stock = stock()?;
        let (facts, held, fd) = facts(object, stock)?;
        facts.has(part).then_some(Stream {
            object,
            stock,
            facts,
            held,
            fd,
        })
    }

    /// What the object itself has.
    #[inline(always)]
    pub(super) fn get(&self, attribute: Attribute) -> Option<Bound<'py, PyAny>> {
        self.held.get(self.object, attribute)
    }

    /// `self._tempDataLen`, in bytes, if it is an `int` and not negative.
    #[inline]
    pub(super) fn waiting(&self) -> Option<usize> {
        let waiting = self.get(Attribute::TempDataLen)?;
        waiting.cast_exact::<PyInt>().ok()?.extract().ok()
    }

    /// Whether descriptors of files may wait to be sent, which is left to Twisted's methods.
    #[inline]
    pub(super) fn has_descriptors(&self) -> bool {
        if !self.facts.has(Part::DESCRIPTORS) {
            return false;
        }
        let queue = self.get(Attribute::DescriptorQueue);
        !queue.is_some_and(|queue| {
            queue
                .cast_exact::<PyList>()
                .is_ok_and(PyListMethods::is_empty)
        })
    }

    /// Sets an attribute of the object itself, on which no facts depend or which ends them.
    #[inline]
    pub(super) fn set(&self, attribute: Attribute, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.held.set(self.object, attribute, value)
    }

    /// The descriptor of its socket now, unless that is closed.
    #[inline]
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        self.stock.socket.descriptor(&self.get(Attribute::Socket)?)
    }
}
