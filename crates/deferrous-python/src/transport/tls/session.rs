//! A TLS protocol as its methods see it: its attributes, those of its connection, and OpenSSL's objects.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyInt, PyList, PyString, PyType},
};

use super::{
    super::classes::KnownClasses,
    absent::Absent,
    names::{Names, names},
    stock::{Stock, stock},
};
use crate::interp::{ClassFacts, attributes, class_attribute, is_descriptor, is_exactly, item};

static CLASSES: KnownClasses = KnownClasses::new();

/// The methods that a protocol, and that pyOpenSSL's connection, finds in its class.
static METHODS: Absent = Absent::new();
static HANDLE_METHODS: Absent = Absent::new();

/// Whether memory of pyOpenSSL's has been seen to wait for more when it was empty, as all of it does.
static WAITS: AtomicBool = AtomicBool::new(false);

/// A protocol that has done its handshake, and all of whose methods are Twisted's own.
pub struct Session<'a, 'py> {
    pub object: &'a Bound<'py, PyAny>,
    pub stock: &'static Stock,
    attributes: Bound<'py, PyDict>,
    /// What may hold errors of callbacks.
    context: Bound<'py, PyDict>,
    /// pyOpenSSL's connection.
    pub connection: Bound<'py, PyAny>,
    /// OpenSSL's, what has come for it, and what it has to send.
    pub ssl: Bound<'py, PyAny>,
    pub into_ssl: Bound<'py, PyAny>,
    pub from_ssl: Bound<'py, PyAny>,
}

impl<'a, 'py> Session<'a, 'py> {
    /// The protocol, unless something is not as Twisted and pyOpenSSL have it.
    #[inline]
    pub fn of(object: &'a Bound<'py, PyAny>) -> Option<Self> {
        let (py, stock) = (object.py(), stock()?);
        let names = names(py);
        let examine = || u16::from(is_stock(object, stock));
        // The attributes of what is no such protocol stay as they are: 3.13 makes a dict where one is asked for.
        let class = CLASSES.flags(object, examine, || stock.dicts(py));
        let (may_be, lives) = (class.flags != 0, class.are_watched);
        may_be.then_some(())?;
        let own = attributes(object).ok()?;
        let connection = item(&own, names.connection.bind(py))?;
        is_exactly(&connection, &stock.connection).then_some(())?;
        let handles = attributes(&connection).ok()?;
        let handle = |name: &Py<PyString>| item(&handles, name.bind(py));
        let context = handle(&names.context)?;
        is_exactly(&context, &stock.context).then_some(())?;
        let is_left = METHODS.are_absent(object, &own, lives, stock.names_of_methods())
            && HANDLE_METHODS.are_absent(
                &connection,
                &handles,
                true,
                stock.connection_methods.iter(),
            );
        let session = Session {
            ssl: handle(&names.ssl)?,
            into_ssl: handle(&names.into_ssl)?,
            from_ssl: handle(&names.from_ssl)?,
            context: attributes(&context).ok()?,
            attributes: own,
            object,
            stock,
            connection,
        };
        let is_open = is_left && session.flag(&names.handshake_done)?;
        is_open.then_some(session)
    }

    /// Whether it is open, and what comes is for what it wraps.
    #[inline]
    pub fn reads(&self) -> bool {
        self.is_off(|names| &names.lost) && self.is_off(|names| &names.aborted)
    }

    /// Whether it is open, and takes what is written.
    #[inline]
    pub fn writes(&self) -> bool {
        self.is_off(|names| &names.lost) && self.is_off(|names| &names.disconnecting)
    }

    /// Whether what was received is to be delivered: it was not aborted, and no callback of OpenSSL has left an error.
    #[inline]
    pub fn delivers(&self) -> bool {
        self.is_off(|names| &names.aborted) && !self.has_problem()
    }

    /// Whether a callback of OpenSSL may have left an error, which pyOpenSSL raises.
    #[inline]
    pub fn has_problem(&self) -> bool {
        let py = self.object.py();
        names_of_helpers(names(py)).iter().any(|name| {
            item(&self.context, name.bind(py))
                .is_none_or(|helper| !helper.is_none() && has_problem(&helper))
        })
    }

    /// What the protocol itself has.
    #[inline]
    pub fn get(&self, name: &Py<PyString>) -> Option<Bound<'py, PyAny>> {
        item(&self.attributes, name.bind(self.object.py()))
    }

    /// Whether nothing that was written waits to be encrypted.
    #[inline]
    pub fn has_encrypted_all(&self) -> bool {
        let unsent = self.get(&names(self.object.py()).unsent);
        unsent.is_some_and(|unsent| {
            unsent
                .cast_exact::<PyList>()
                .is_ok_and(PyListMethods::is_empty)
        })
    }

    /// Whether OpenSSL has nothing to be sent, after `BIO_read` has returned this.
    pub fn has_nothing_to_send(&self, returned: i32) -> PyResult<bool> {
        if returned == -1 && WAITS.load(Relaxed) {
            return Ok(true);
        }
        let is_empty = self.stock.library.is_empty(&self.from_ssl)?;
        if is_empty && returned == -1 {
            WAITS.store(true, Relaxed);
        }
        Ok(is_empty)
    }

    /// A flag, if it is a `bool` or an `int`.
    #[inline]
    fn flag(&self, name: &Py<PyString>) -> Option<bool> {
        let class = || class_attribute(&self.object.get_type(), name.bind(self.object.py()));
        let value = self.get(name).or_else(class)?;
        let is_plain =
            value.is_exact_instance_of::<PyBool>() || value.is_exact_instance_of::<PyInt>();
        is_plain.then(|| value.is_truthy().ok()).flatten()
    }

    #[inline]
    fn is_off(&self, name: impl FnOnce(&'static Names) -> &'static Py<PyString>) -> bool {
        self.flag(name(names(self.object.py()))) == Some(false)
    }
}

/// Whether a helper of pyOpenSSL has an error of a callback.
fn has_problem(helper: &Bound<'_, PyAny>) -> bool {
    let problems = helper.getattr(names(helper.py()).problems.bind(helper.py()));
    !problems.is_ok_and(|problems| {
        problems
            .cast_exact::<PyList>()
            .is_ok_and(PyListMethods::is_empty)
    })
}

const fn names_of_own(names: &Names) -> [&Py<PyString>; 8] {
    [
        &names.connection,
        &names.wrapped,
        &names.transport,
        &names.unsent,
        &names.handshake_done,
        &names.lost,
        &names.aborted,
        &names.disconnecting,
    ]
}

const fn names_of_handles(names: &Names) -> [&Py<PyString>; 4] {
    [&names.ssl, &names.into_ssl, &names.from_ssl, &names.context]
}

const fn names_of_helpers(names: &Names) -> [&Py<PyString>; 3] {
    [
        &names.verify_helper,
        &names.alpn_select_helper,
        &names.ocsp_helper,
    ]
}

/// Whether the object's class, and all that does not belong to one protocol, are as Twisted and pyOpenSSL have them.
#[cold]
fn is_stock(object: &Bound<'_, PyAny>, stock: &Stock) -> bool {
    let (py, names) = (object.py(), names(object.py()));
    let has_plain = |class: &Bound<'_, PyType>, names: &[&Py<PyString>]| {
        names.iter().all(|name| {
            class_attribute(class, name.bind(py)).is_none_or(|found| !is_descriptor(&found))
        })
    };
    ClassFacts::of(object).sets_plain_attributes
        && stock.has_methods(object)
        && stock.is_in_use(py)
        && has_plain(&object.get_type(), &names_of_own(names))
        && has_plain(stock.connection.bind(py), &names_of_handles(names))
        && has_plain(stock.context.bind(py), &names_of_helpers(names))
}
