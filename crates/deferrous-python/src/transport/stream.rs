//! A stream as its methods see it: its attributes, without the detour over its class.

use std::os::fd::RawFd;

use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyInt, PyString},
};

use super::{
    names::names,
    plan::Plan,
    stock::{Stock, stock},
};
use crate::interp::{attributes, bound_function, class_attribute, finds, is_exactly, item};

/// An object some of whose methods are Twisted's own for streams.
pub struct Stream<'a, 'py> {
    pub object: &'a Bound<'py, PyAny>,
    pub(super) stock: &'static Stock,
    attributes: Bound<'py, PyDict>,
    plan: Plan,
}

impl<'a, 'py> Stream<'a, 'py> {
    /// The object as a stream whose class has Twisted's methods for this part.
    #[inline]
    pub(super) fn of(object: &'a Bound<'py, PyAny>, part: Plan) -> Option<Self> {
        let plan = Plan::of(object);
        if !plan.has(part) {
            return None;
        }
        Some(Stream {
            object,
            stock: stock()?,
            attributes: attributes(object).ok()?,
            plan,
        })
    }

    /// Whether the class has Twisted's methods for another part, too.
    #[inline(always)]
    pub(super) const fn has(&self, part: Plan) -> bool {
        self.plan.has(part)
    }

    /// Whether the object itself has none of these attributes, which would be used in place of those of its class.
    #[inline]
    pub(super) fn leaves(&self, names: &[&Py<PyString>]) -> bool {
        let py = self.object.py();
        names.iter().all(|name| self.own(name.bind(py)).is_none())
    }

    /// What the object itself has by this name.
    #[inline(always)]
    pub(super) fn own(&self, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
        item(&self.attributes, name)
    }

    /// `self.name`, if that is plain data of the object or its class.
    #[inline]
    pub(super) fn get(&self, name: &Py<PyString>) -> Option<Bound<'py, PyAny>> {
        let name = name.bind(self.object.py());
        self.own(name)
            .or_else(|| class_attribute(&self.object.get_type(), name))
    }

    /// Sets an attribute of the object itself.
    #[inline]
    pub(super) fn set(&self, name: &Py<PyString>, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.attributes.set_item(name.bind(self.object.py()), value)
    }

    /// A flag, if it is a `bool`, an `int` or `None`, or nobody has set it in the object and it is off in the class.
    #[inline]
    pub(super) fn flag(&self, name: &Py<PyString>) -> Option<bool> {
        let value = self.get(name)?;
        if value.is_none() {
            return Some(false);
        }
        if value.is_exact_instance_of::<PyBool>() || value.is_exact_instance_of::<PyInt>() {
            return value.is_truthy().ok();
        }
        None
    }

    /// A number, if it is an `int` and not negative.
    #[inline]
    pub(super) fn number(&self, name: &Py<PyString>) -> Option<usize> {
        let value = self.get(name)?;
        value.cast_exact::<PyInt>().ok()?.extract().ok()
    }

    /// The descriptor of its socket, if that is one of Python's own, which nobody has put anything in the way of.
    #[inline]
    pub(super) fn descriptor(&self, method: &Py<PyString>, own: &Py<PyAny>) -> Option<RawFd> {
        let (py, own_socket) = (self.object.py(), &self.stock.socket);
        let socket = self.own(names(py).socket.bind(py))?;
        if !is_exactly(&socket, &own_socket.class) || !finds(&socket, method, own) {
            return None;
        }
        let fileno = self.own(names(py).fileno.bind(py))?;
        let (function, owner) = bound_function(&fileno)?;
        if function != own_socket.fileno || !owner.is(&socket) {
            return None;
        }
        let fd: RawFd = fileno.call0().ok()?.extract().ok()?;
        (fd >= 0).then_some(fd)
    }
}
