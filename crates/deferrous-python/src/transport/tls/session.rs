//! A TLS protocol as its methods see it: its attributes, those of its connection, and OpenSSL's objects.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::{
    prelude::*,
    types::{PyBool, PyInt, PyList, PyString, PyType},
};

use super::{
    absent::Absent,
    names::{Names, names},
    own::Own,
    stock::{Stock, stock},
};
use crate::interp::{
    ClassFacts, KnownClasses, class_attribute, finds, is_descriptor, is_exactly, is_kind_of,
};

static CLASSES: KnownClasses = KnownClasses::new();
static HELPERS: KnownClasses = KnownClasses::new();

/// The methods that a protocol, and that pyOpenSSL's connection, finds in its class.
static METHODS: Absent = Absent::new();
static HANDLE_METHODS: Absent = Absent::new();

/// What a protocol has itself.
static CONNECTION: Own = Own::new(|names| &names.connection);
static HANDSHAKE_DONE: Own = Own::new(|names| &names.handshake_done);
static LOST: Own = Own::new(|names| &names.lost);
static ABORTED: Own = Own::new(|names| &names.aborted);
static DISCONNECTING: Own = Own::new(|names| &names.disconnecting);
static UNSENT: Own = Own::new(|names| &names.unsent);
pub static WRAPPED: Own = Own::new(|names| &names.wrapped);
pub static TRANSPORT: Own = Own::new(|names| &names.transport);

/// What a connection of pyOpenSSL has.
static SSL: Own = Own::new(|names| &names.ssl);
static INTO_SSL: Own = Own::new(|names| &names.into_ssl);
static FROM_SSL: Own = Own::new(|names| &names.from_ssl);
static CONTEXT: Own = Own::new(|names| &names.context);

/// What has errors of callbacks, and the errors.
static VERIFY_HELPER: Own = Own::new(|names| &names.verify_helper);
static ALPN_SELECT_HELPER: Own = Own::new(|names| &names.alpn_select_helper);
static OCSP_HELPER: Own = Own::new(|names| &names.ocsp_helper);
static PROBLEMS: Own = Own::new(|names| &names.problems);

/// Whether memory of pyOpenSSL's has been seen to wait for more when it was empty, as all of it does.
static WAITS: AtomicBool = AtomicBool::new(false);

/// A protocol that has done its handshake, and all of whose methods are Twisted's own.
pub struct Session<'a, 'py> {
    pub object: &'a Bound<'py, PyAny>,
    pub stock: &'static Stock,
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
        let examine = || u16::from(is_stock(object, stock));
        // The attributes of what is no such protocol stay as they are: 3.13 may make a dict where one is asked for.
        let class = CLASSES.flags(object, examine, || stock.dicts(py));
        let (may_be, lives) = (class.flags != 0, class.are_watched);
        may_be.then_some(())?;
        let connection = CONNECTION.get(object)?;
        is_exactly(&connection, &stock.connection).then_some(())?;
        let is_open = METHODS.are_absent(object, lives, stock.names_of_methods())
            && HANDLE_METHODS.are_absent(&connection, true, stock.connection_methods.iter())
            && HANDSHAKE_DONE.is(object, PyBool::new(py, true).as_any());
        is_open.then_some(())?;
        Some(Session {
            ssl: SSL.get(&connection)?,
            into_ssl: INTO_SSL.get(&connection)?,
            from_ssl: FROM_SSL.get(&connection)?,
            object,
            stock,
            connection,
        })
    }

    /// Whether it is open, and what comes is for what it wraps.
    #[inline]
    pub fn reads(&self) -> bool {
        self.is_off(&LOST) && self.is_off(&ABORTED)
    }

    /// Whether it is open, and takes what is written.
    #[inline]
    pub fn writes(&self) -> bool {
        self.is_off(&LOST) && self.is_off(&DISCONNECTING)
    }

    /// Whether what was received is to be delivered: it was not aborted, and no callback of OpenSSL has left an error.
    #[inline]
    pub fn delivers(&self) -> bool {
        self.is_off(&ABORTED) && !self.has_problem()
    }

    /// Whether a callback of OpenSSL may have left an error, which pyOpenSSL raises.
    #[inline]
    pub fn has_problem(&self) -> bool {
        let is_own = |context: &Bound<'py, PyAny>| is_exactly(context, &self.stock.context);
        let Some(context) = CONTEXT.get(&self.connection).filter(is_own) else {
            return true;
        };
        [&VERIFY_HELPER, &ALPN_SELECT_HELPER, &OCSP_HELPER]
            .iter()
            .any(|own| {
                own.get(&context)
                    .is_none_or(|helper| !helper.is_none() && has_problem(&helper, self.stock))
            })
    }

    /// Whether it has the same connection still, as callbacks of OpenSSL may have changed it.
    #[inline]
    pub fn keeps_connection(&self) -> bool {
        CONNECTION.is(self.object, &self.connection)
    }

    /// Whether nothing that was written waits to be encrypted.
    #[inline]
    pub fn has_encrypted_all(&self) -> bool {
        UNSENT
            .get(self.object)
            .is_some_and(|unsent| is_empty(&unsent))
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

    /// Whether a flag is off, as it is in the class ([`is_stock`]).
    #[inline]
    fn is_off(&self, own: &Own) -> bool {
        own.get(self.object).is_none_or(|value| !is_on(&value))
    }
}

/// Whether a flag is on, or is neither a `bool` nor an `int`.
#[inline]
fn is_on(value: &Bound<'_, PyAny>) -> bool {
    let is_plain = value.is_exact_instance_of::<PyBool>() || value.is_exact_instance_of::<PyInt>();
    !is_plain || value.is_truthy().unwrap_or(true)
}

/// Whether it is an empty `list`.
#[inline]
fn is_empty(list: &Bound<'_, PyAny>) -> bool {
    list.cast_exact::<PyList>()
        .is_ok_and(PyListMethods::is_empty)
}

/// Whether a helper of pyOpenSSL has an error of a callback, or is none of pyOpenSSL's.
#[inline]
fn has_problem(helper: &Bound<'_, PyAny>, stock: &Stock) -> bool {
    let examine = || u16::from(is_stock_helper(helper, stock));
    let class = HELPERS.flags(helper, examine, || stock.dicts(helper.py()));
    class.flags == 0
        || PROBLEMS
            .get(helper)
            .is_none_or(|problems| !is_empty(&problems))
}

/// Whether the helper's class is as pyOpenSSL has it.
#[cold]
fn is_stock_helper(helper: &Bound<'_, PyAny>, stock: &Stock) -> bool {
    let name = &names(helper.py()).raise_if_problem;
    let facts = ClassFacts::of(helper);
    facts.has_plain_attributes
        && is_kind_of(helper, &stock.helper)
        && finds(helper, name, &stock.raise_if_problem)
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

const fn names_of_flags(names: &Names) -> [&Py<PyString>; 3] {
    [&names.lost, &names.aborted, &names.disconnecting]
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
    let class = object.get_type();
    let is_off = |name: &&Py<PyString>| {
        class_attribute(&class, name.bind(py)).is_some_and(|value| !is_on(&value))
    };
    ClassFacts::of(object).sets_plain_attributes
        && stock.has_methods(object)
        && stock.is_in_use(py)
        && has_plain(&class, &names_of_own(names))
        && names_of_flags(names).iter().all(is_off)
        && has_plain(stock.connection.bind(py), &names_of_handles(names))
        && has_plain(stock.context.bind(py), &names_of_helpers(names))
}
