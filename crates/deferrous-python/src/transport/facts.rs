//! What is Twisted's own in one stream, in its class and in the object itself. It is found out again only after one of
//! them has changed.

use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyInt, PyString},
};
use rustc_hash::FxHashMap;

use super::{
    names::{Names, names},
    plan::{Part, Plan},
    stock::Stock,
};
use crate::interp::{
    Field, attributes, changes, class_attribute, dict_version, item, versioned_attributes,
};

/// What may be done for a stream in the place of its methods.
#[derive(Clone, Copy)]
pub struct Facts {
    parts: Part,
    /// `bufferSize`, in bytes; 0 if it is no number.
    pub size: usize,
    /// `SEND_LIMIT`, the same.
    pub limit: usize,
}

/// Facts of an object, and of which state of it.
#[derive(Clone, Copy)]
struct Known {
    facts: Facts,
    class: usize,
    /// The number of changes of classes.
    changes: u64,
    dict: usize,
    version: u64,
}

/// The facts of streams, by their addresses. None of these is used unless all the rest is as it was.
static KNOWN: Field<Option<Box<FxHashMap<usize, Known>>>> = Field::new(None);

/// How many streams are kept at least, before all are found out again.
const MOST: usize = 1 << 16;

impl Facts {
    /// Those of an object, with its attributes. `None` if nothing may be done for it.
    #[inline]
    pub fn of<'py>(
        object: &Bound<'py, PyAny>,
        stock: &Stock,
    ) -> Option<(Facts, Bound<'py, PyDict>)> {
        let attributes = attributes(object).ok()?;
        let known = find(object);
        match known {
            Some(known)
                if known.dict == attributes.as_ptr().addr()
                    && known.version == dict_version(&attributes)
                    && known.changes == changes()
                    && known.class == object.get_type_ptr().addr() =>
            {
                Some((known.facts, attributes))
            }
            _ => {
                // Another reference would keep the object from getting other attributes.
                drop(attributes);
                find_out(object, stock)
            }
        }
    }

    /// Whether this may be done.
    #[inline(always)]
    pub const fn has(self, part: Part) -> bool {
        self.parts.has(part)
    }
}

#[inline]
fn find(object: &Bound<'_, PyAny>) -> Option<Known> {
    let py = object.py();
    let all = KNOWN.take(py);
    let known = all
        .as_ref()
        .and_then(|all| all.get(&object.as_ptr().addr()).copied());
    KNOWN.set(py, all);
    known
}

fn keep(object: &Bound<'_, PyAny>, known: Known) {
    let py = object.py();
    let mut all = KNOWN.take(py).unwrap_or_default();
    if all.len() >= MOST {
        all.clear();
    }
    all.insert(object.as_ptr().addr(), known);
    KNOWN.set(py, Some(all));
}

/// Forgets what was found out of an object.
pub fn forget(object: &Bound<'_, PyAny>) {
    let py = object.py();
    let mut all = KNOWN.take(py);
    if let Some(all) = &mut all {
        all.remove(&object.as_ptr().addr());
    }
    KNOWN.set(py, all);
}

/// Notes that an attribute was set on which no facts depend, and nothing else was changed.
#[inline]
pub fn still_true(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) {
    let py = object.py();
    let mut all = KNOWN.take(py);
    if let Some(known) = all
        .as_mut()
        .and_then(|all| all.get_mut(&object.as_ptr().addr()))
    {
        known.version = dict_version(attributes);
    }
    KNOWN.set(py, all);
}

#[cold]
fn find_out<'py>(object: &Bound<'py, PyAny>, stock: &Stock) -> Option<(Facts, Bound<'py, PyDict>)> {
    let plan = Plan::of(object, stock);
    if plan.parts == Part::NOTHING {
        return None;
    }
    let versioned = plan
        .is_watched
        .then(|| versioned_attributes(object))
        .flatten();
    let is_versioned = versioned.is_some();
    let attributes = match versioned {
        Some(versioned) => versioned,
        None => attributes(object).ok()?,
    };
    let looking = Looking {
        object,
        attributes: &attributes,
        names: names(object.py()),
        stock,
    };
    let facts = Facts {
        parts: plan.parts.and(looking.parts()),
        size: looking.number(&looking.names.buffer_size).unwrap_or(0),
        limit: looking.number(&looking.names.send_limit).unwrap_or(0),
    };
    if is_versioned {
        let known = Known {
            facts,
            class: object.get_type_ptr().addr(),
            changes: changes(),
            dict: attributes.as_ptr().addr(),
            version: dict_version(&attributes),
        };
        keep(object, known);
    }
    Some((facts, attributes))
}

/// An object whose class has nothing but plain data by the names that are looked up.
struct Looking<'a, 'py> {
    object: &'a Bound<'py, PyAny>,
    attributes: &'a Bound<'py, PyDict>,
    names: &'static Names,
    stock: &'a Stock,
}

impl<'py> Looking<'_, 'py> {
    /// What the object itself leaves as it is in its class, and has the right state for.
    fn parts(&self) -> Part {
        let names = self.names;
        let is_off = |name| self.flag(name) == Some(false);
        let has_socket = self.has_own_socket();
        let reads = has_socket && self.leaves(&[&names.do_read, &names.hand_over]);
        let writes = self.leaves(&[&names.start_writing, &names.maybe_pause_producer])
            && self.flag(&names.connected) == Some(true)
            && is_off(&names.write_disconnected)
            && self.has_no_producer();
        let flushes = has_socket
            && self.leaves(&[&names.do_write, &names.write_some_data, &names.stop_writing]);
        let sends = flushes
            && self.has_no_producer()
            && is_off(&names.disconnecting)
            && is_off(&names.write_disconnecting)
            && self.has_nothing_left();
        Part::NOTHING
            .with(Part::READ, reads)
            .with(Part::WRITE, writes)
            .with(Part::PLAIN, is_off(&names.tls))
            .with(Part::FLUSH, flushes)
            .with(Part::SEND, sends)
            .with(Part::PREFIX, self.leaves(&[&names.log_prefix]))
    }

    /// Whether the object itself has none of these attributes, which would be used in place of those of its class.
    fn leaves(&self, names: &[&Py<PyString>]) -> bool {
        let py = self.object.py();
        names
            .iter()
            .all(|name| item(self.attributes, name.bind(py)).is_none())
    }

    /// `self.name`.
    fn get(&self, name: &Py<PyString>) -> Option<Bound<'py, PyAny>> {
        let name = name.bind(self.object.py());
        item(self.attributes, name).or_else(|| class_attribute(&self.object.get_type(), name))
    }

    /// A flag, if it is a `bool` or an `int`.
    fn flag(&self, name: &Py<PyString>) -> Option<bool> {
        let value = self.get(name)?;
        let is_plain =
            value.is_exact_instance_of::<PyBool>() || value.is_exact_instance_of::<PyInt>();
        is_plain.then(|| value.is_truthy().ok()).flatten()
    }

    /// A number, if it is an `int` and not negative.
    fn number(&self, name: &Py<PyString>) -> Option<usize> {
        self.get(name)?.cast_exact::<PyInt>().ok()?.extract().ok()
    }

    fn has_no_producer(&self) -> bool {
        self.get(&self.names.producer)
            .is_some_and(|producer| producer.is_none())
    }

    /// Whether the object itself has a socket of Python's own.
    fn has_own_socket(&self) -> bool {
        let py = self.object.py();
        let own = |name: &Py<PyString>| item(self.attributes, name.bind(py));
        match (own(&self.names.socket), own(&self.names.fileno)) {
            (Some(socket), Some(fileno)) => self.stock.socket.is_own(&socket, &fileno),
            _ => false,
        }
    }

    /// Whether an earlier send has left nothing.
    fn has_nothing_left(&self) -> bool {
        let left = self.get(&self.names.data_buffer);
        let is_empty = |left: Bound<'py, PyAny>| {
            left.cast_exact::<PyBytes>()
                .is_ok_and(|left| left.as_bytes().is_empty())
        };
        left.is_some_and(is_empty) && self.number(&self.names.offset) == Some(0)
    }
}
