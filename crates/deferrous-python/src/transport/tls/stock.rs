//! What TLS is done in place of: the methods of Twisted and of pyOpenSSL, as they were when the reactor was loaded.

use std::sync::OnceLock;

use pyo3::{
    prelude::*,
    types::{PyDict, PyString, PyType},
};

use super::{library::Library, names::names};
use crate::{
    failure::Trail,
    interp::{class_attribute, class_attributes, fallible, finds, item},
};

/// The methods, and what belongs to them.
pub struct Stock {
    /// Twisted's own functions, which ours call where they do not know how.
    pub data_received: Py<PyAny>,
    pub write: Py<PyAny>,
    pub write_small: Py<PyAny>,
    pub flush: Py<PyAny>,
    pub scheduled_flush: Py<PyAny>,
    /// The methods that a protocol looks up in itself.
    methods: Vec<(Py<PyString>, Py<PyAny>)>,
    /// The class of pyOpenSSL's connections, and the names of the methods that Twisted looks up in one.
    pub connection: Py<PyType>,
    pub connection_methods: Vec<Py<PyString>>,
    /// The class of what connections share.
    pub context: Py<PyType>,
    /// The class of what keeps errors of callbacks, and its method that raises them.
    pub helper: Py<PyType>,
    pub raise_if_problem: Py<PyAny>,
    /// The function that a read has found when it looked for the rest, and that a write has found.
    pub flush_receive_bio: Py<PyAny>,
    pub write_encrypted: Py<PyAny>,
    /// Methods that have to be where they were: of which class, their names, and the methods.
    fixed: Vec<(Py<PyType>, Py<PyString>, Py<PyAny>)>,
    /// Names that these methods look up: of which module, and what they find.
    globals: Vec<(Py<PyDict>, Py<PyString>, Py<PyAny>)>,
    /// `object.__getattribute__`.
    getattribute: Py<PyAny>,
    pub library: Library,
    /// Have pyOpenSSL's next `recv`, or its next `send`, go on with what OpenSSL has returned.
    pub returned_by_read: Py<PyAny>,
    pub returned_by_write: Py<PyAny>,
    pub frames: Frames,
}

/// Where errors pass through.
pub struct Frames {
    /// Of the `dataReceived` of what is wrapped.
    pub received: Trail,
    /// Of the method `_flushReceiveBIO`.
    pub receiving: Trail,
    /// Of the transport's `write`, after something was received or written.
    pub answered: Trail,
    pub written: Trail,
    /// Of the methods by which small writes are put together.
    pub write_small: Trail,
    pub flush: Trail,
    pub scheduled_flush: Trail,
}

static STOCK: OnceLock<Stock> = OnceLock::new();

/// The methods, if a reactor has been made, and there is TLS as it is known here.
#[inline(always)]
pub fn stock() -> Option<&'static Stock> {
    STOCK.get()
}

impl Stock {
    /// Keeps the methods, unless that has been done.
    ///
    /// Args:
    ///     found: what `deferrous._tls.find` returns.
    ///     frames: the trails of Twisted's functions.
    pub fn keep(found: &Bound<'_, PyDict>, frames: &Bound<'_, PyDict>) -> PyResult<()> {
        let py = found.py();
        let of = |name| found.as_any().get_item(fallible::text(py, name)?);
        let own = |name| of(name).map(Bound::unbind);
        let class = |name| PyResult::Ok(of(name)?.cast_into::<PyType>()?.unbind());
        let passed = |name| Trail::new(frames, name);
        let getattribute = fallible::import(py, "builtins", "object")?;
        let getattribute = class_attribute(getattribute.cast()?, names(py).getattribute.bind(py));
        let stock = Stock {
            data_received: own("TLSMemoryBIOProtocol.dataReceived")?,
            write: own("TLSMemoryBIOProtocol.write")?,
            write_small: own("_AggregateSmallWrites.write")?,
            flush: own("_AggregateSmallWrites.flush")?,
            scheduled_flush: own("_AggregateSmallWrites._scheduledFlush")?,
            methods: of("methods")?.extract()?,
            connection: class("connection")?,
            connection_methods: of("connection methods")?.extract()?,
            context: class("context")?,
            helper: class("helper")?,
            raise_if_problem: own("raise_if_problem")?,
            flush_receive_bio: own("TLSMemoryBIOProtocol._flushReceiveBIO")?,
            write_encrypted: own("TLSMemoryBIOProtocol._write")?,
            fixed: of("fixed")?.extract()?,
            globals: of("globals")?.extract()?,
            getattribute: getattribute.map_or_else(|| py.None(), Bound::unbind),
            library: Library::new(of("library")?.cast()?)?,
            returned_by_read: own("returned_by_read")?,
            returned_by_write: own("returned_by_write")?,
            frames: Frames {
                received: passed("TLS, dataReceived")?,
                receiving: passed("TLS, _flushReceiveBIO")?,
                answered: passed("TLS, write after dataReceived")?,
                written: passed("TLS, write")?,
                write_small: passed("TLS, small write")?,
                flush: passed("TLS, flush")?,
                scheduled_flush: passed("TLS, _scheduledFlush")?,
            },
        };
        let _ = STOCK.set(stock);
        Ok(())
    }

    /// Whether everything that does not belong to one protocol is as it was.
    pub fn is_in_use(&self, py: Python<'_>) -> bool {
        let has_methods = self.fixed.iter().all(|(class, name, own)| {
            class_attribute(class.bind(py), name.bind(py)).is_some_and(|found| found.is(own))
        });
        has_methods
            && self.globals.iter().all(|(module, name, value)| {
                item(module.bind(py), name.bind(py)).is_some_and(|found| found.is(value))
            })
    }

    /// What that depends on.
    pub fn dicts<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let classes = self.fixed.iter().map(|(class, ..)| class.bind(py));
        let mut dicts: Vec<_> = classes.map(class_attributes).collect::<PyResult<_>>()?;
        dicts.extend(
            self.globals
                .iter()
                .map(|(module, ..)| module.bind(py).clone()),
        );
        Ok(dicts)
    }

    /// Whether the object finds its methods where Twisted has them, and its attributes as most objects do.
    pub fn has_methods(&self, object: &Bound<'_, PyAny>) -> bool {
        finds(object, &names(object.py()).getattribute, &self.getattribute)
            && self
                .methods
                .iter()
                .all(|(name, own)| finds(object, name, own))
    }

    /// The names of these methods.
    pub fn names_of_methods(&self) -> impl Iterator<Item = &Py<PyString>> + Clone {
        self.methods.iter().map(|(name, _)| name)
    }
}
