//! What is Twisted's own in one stream, in its class and in the object itself. It is found out again only after one of
//! them has changed.

use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyInt, PyString},
};
use rustc_hash::FxHashMap;
use rustix::net::AddressFamily;

use super::{
    names::{Names, names},
    plan::{Part, Plan},
    stock::Stock,
    system,
};
use crate::interp::{
    Field, Snapshot, Versioned, attributes, changes, class_attribute, item, mro_address,
    versioned_attributes,
};

/// What may be done for a stream in the place of its methods, and what it has.
#[derive(Clone, Copy)]
pub struct Facts {
    parts: Part,
    /// `bufferSize`, or `maxPacketSize` of a port, in bytes; 0 if it is no number.
    pub size: usize,
    /// `SEND_LIMIT`, or `maxThroughput` of a port, the same.
    pub limit: usize,
    /// How many bytes may wait until its producer is to be paused.
    pub room: usize,
    /// What the object itself has, if that has a version.
    pub own: Option<Snapshot<6>>,
}

/// What a stream itself has: the places in a snapshot.
#[derive(Clone, Copy)]
pub enum Own {
    Socket,
    Protocol,
    Reactor,
    Logstr,
    TempDataBuffer,
    TempDataLen,
}

impl Own {
    const ALL: [Own; 6] = [
        Own::Socket,
        Own::Protocol,
        Own::Reactor,
        Own::Logstr,
        Own::TempDataBuffer,
        Own::TempDataLen,
    ];

    /// The name of the attribute.
    pub const fn name(self, names: &Names) -> &Py<PyString> {
        match self {
            Own::Socket => &names.socket,
            Own::Protocol => &names.protocol,
            Own::Reactor => &names.reactor,
            Own::Logstr => &names.logstr,
            Own::TempDataBuffer => &names.temp_data_buffer,
            Own::TempDataLen => &names.temp_data_len,
        }
    }
}

/// Facts of an object, and of which state of its class.
#[derive(Clone, Copy)]
struct Known {
    facts: Facts,
    class: usize,
    mro: usize,
    /// The number of changes of classes.
    changes: u64,
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
        // The attributes of what is no stream stay as they are: 3.13 makes a dict where one is asked for.
        let Some(known) = find(object) else {
            return find_out(object, stock);
        };
        let attributes = attributes(object).ok()?;
        if known.facts.own.is_some_and(|own| own.is_true(&attributes))
            && known.changes == changes()
            && known.class == object.get_type_ptr().addr()
            && known.mro == mro_address(object)
        {
            return Some((known.facts, attributes));
        }
        // Another reference would keep the object from getting other attributes.
        drop(attributes);
        find_out(object, stock)
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

/// Keeps what an object has after one of its attributes was set on which no facts depend.
#[inline]
pub fn still_true(object: &Bound<'_, PyAny>, own: Snapshot<6>) {
    let py = object.py();
    let mut all = KNOWN.take(py);
    if let Some(known) = all
        .as_mut()
        .and_then(|all| all.get_mut(&object.as_ptr().addr()))
    {
        known.facts.own = Some(own);
    }
    KNOWN.set(py, all);
}

#[cold]
fn find_out<'py>(object: &Bound<'py, PyAny>, stock: &Stock) -> Option<(Facts, Bound<'py, PyDict>)> {
    let plan = Plan::of(object, stock);
    if !plan.parts.is_of_stream() {
        return None;
    }
    let versioned = plan
        .is_watched
        .then(|| versioned_attributes(object))
        .flatten();
    let attributes = match &versioned {
        Some(versioned) => versioned.dict().clone(),
        None => attributes(object).ok()?,
    };
    let looking = Looking {
        object,
        attributes: &attributes,
        names: names(object.py()),
        stock,
    };
    let names = looking.names;
    let (size, limit) = if plan.parts.has(Part::DATAGRAMS) {
        (&names.max_packet_size, &names.max_throughput)
    } else {
        (&names.buffer_size, &names.send_limit)
    };
    // First, so that it is no longer true if code of the program runs while the rest is looked at.
    let own = versioned.as_ref().map(|versioned| looking.own(versioned));
    let facts = Facts {
        own,
        parts: plan.parts.and(looking.parts(plan.parts)),
        room: looking.room(),
        size: looking.number(size).unwrap_or(0),
        limit: looking.number(limit).unwrap_or(0),
    };
    if versioned.is_some() && facts.parts.is_of_stream() {
        let known = Known {
            facts,
            class: object.get_type_ptr().addr(),
            mro: mro_address(object),
            changes: changes(),
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
    fn parts(&self, plan: Part) -> Part {
        let (names, paced) = (self.names, plan.has(Part::PACED));
        let passes_descriptors = plan.has(Part::DESCRIPTORS);
        if passes_descriptors && !self.leaves_limits_of_descriptors() {
            return Part::NOTHING;
        }
        let is_off = |name| self.flag(name) == Some(false);
        let has_quiet_producer = self.has_no_producer()
            || paced
                && self.leaves(&[&names.is_send_buffer_full])
                && self.flag(&names.streaming_producer) == Some(true)
                && is_off(&names.producer_paused);
        let has_socket = self.has_own_socket();
        let receives_datagrams = plan.has(Part::DATAGRAMS);
        let family = receives_datagrams
            .then(|| self.family_of_datagrams())
            .flatten();
        let reads = has_socket
            && self.leaves(&[&names.do_read, &names.hand_over])
            && (!receives_datagrams || family.is_some());
        let writes = self.leaves(&[&names.start_writing, &names.maybe_pause_producer])
            && self.flag(&names.connected) == Some(true)
            && is_off(&names.write_disconnected)
            && has_quiet_producer;
        let flushes = has_socket
            && self.leaves(&[&names.do_write, &names.write_some_data, &names.stop_writing]);
        let sends = flushes
            && has_quiet_producer
            && is_off(&names.disconnecting)
            && is_off(&names.write_disconnecting)
            && self.has_nothing_left();
        Part::NOTHING
            .with(Part::READ, reads)
            .with(Part::WRITE, writes)
            .with(Part::PLAIN, is_off(&names.tls))
            .with(Part::BASE, true)
            .with(Part::FLUSH, flushes)
            .with(Part::SEND, sends)
            .with(Part::PACED, paced)
            .with(Part::PREFIX, self.leaves(&[&names.log_prefix]))
            .with(Part::DESCRIPTORS, passes_descriptors)
            .with(Part::DATAGRAMS, has_socket && family.is_some())
            .with(Part::IPV6, family == Some(AddressFamily::INET6))
    }

    /// Whether no descriptors are too many only where there are some.
    fn leaves_limits_of_descriptors(&self) -> bool {
        let names = self.names;
        self.leaves(&[&names.write_some_data_base])
            && self.number(&names.file_descriptor_buffer_size).is_some()
    }

    /// Whether datagrams come by IPv4 or IPv6, if their addresses and limits are as Twisted has them.
    fn family_of_datagrams(&self) -> Option<AddressFamily> {
        let (py, names) = (self.object.py(), self.names);
        self.number(&names.max_throughput)?;
        let found = self.get(&names.address_family)?;
        let is_known = |(own, _): &&(Py<PyAny>, AddressFamily)| found.is(own);
        let (_, family) = self.stock.datagrams.families.iter().find(is_known)?;
        let socket = item(self.attributes, names.socket.bind(py))?;
        let actual = system::family(self.stock.socket.descriptor(&socket)?).ok()?;
        (actual == *family).then_some(actual)
    }

    /// What the object itself has.
    fn own(&self, versioned: &Versioned<'py>) -> Snapshot<6> {
        let py = self.object.py();
        Snapshot::of(versioned, Own::ALL.map(|own| own.name(self.names).bind(py)))
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

    /// How many bytes may wait until its producer is to be paused.
    fn room(&self) -> usize {
        if self.has_no_producer() {
            return usize::MAX;
        }
        let left = self.get(&self.names.data_buffer);
        let left = left
            .as_ref()
            .and_then(|left| left.cast_exact::<PyBytes>().ok());
        let size = self.number(&self.names.buffer_size);
        left.zip(size)
            .map_or(0, |(left, size)| size.saturating_sub(left.as_bytes().len()))
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
