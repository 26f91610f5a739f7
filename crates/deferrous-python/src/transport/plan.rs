//! Which methods of a class of streams are Twisted's own, found out once for each class.

use pyo3::{
    prelude::*,
    types::{PyString, PyType},
};

use super::{
    names::{Names, names},
    stock::{Moving, Stock},
};
use crate::interp::{
    ClassFacts, KnownClasses, class_attribute, class_attributes, finds, is_descriptor, is_subtype,
};

/// What may be done for a stream in the place of its methods.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Part(u16);

impl Part {
    pub const NOTHING: Part = Part(0);
    /// Reading.
    pub const READ: Part = Part(1);
    /// Keeping what is written.
    pub const WRITE: Part = Part(2);
    /// It does not encrypt what is written.
    pub const PLAIN: Part = Part(4);
    /// Sending without waiting until the system has room.
    pub const FLUSH: Part = Part(8);
    /// Doing all that is to be done when what was written is sent.
    pub const SEND: Part = Part(16);
    /// Its producer is to be paused when more than `bufferSize` waits.
    pub const PACED: Part = Part(64);
    /// Its prefix of log lines is its `logstr`.
    pub const PREFIX: Part = Part(32);
    /// Its `write` and `writeSequence` are those of `FileDescriptor`, if it does not encrypt.
    pub const BASE: Part = Part(128);
    /// Its methods are those of UNIX connections, which take and send descriptors of files, too.
    pub const DESCRIPTORS: Part = Part(256);
    /// It is a port that receives datagrams.
    pub const DATAGRAMS: Part = Part(512);
    /// The datagrams come by IPv6.
    pub const IPV6: Part = Part(1024);

    /// The same with another part, if it may be done.
    #[must_use]
    pub const fn with(self, part: Part, may_be_done: bool) -> Part {
        Part(if may_be_done { self.0 | part.0 } else { self.0 })
    }

    /// What may be done by both.
    #[must_use]
    pub const fn and(self, other: Part) -> Part {
        Part(self.0 & other.0)
    }

    /// Whether there is anything to be done for a stream.
    pub const fn is_of_stream(self) -> bool {
        self.0 & (Part::READ.0 | Part::WRITE.0 | Part::FLUSH.0 | Part::DATAGRAMS.0) != 0
    }

    /// Whether all of `part` may be done.
    #[inline(always)]
    pub const fn has(self, part: Part) -> bool {
        self.0 & part.0 == part.0
    }
}

/// What may be done for streams of a class.
pub struct Plan {
    pub parts: Part,
    /// Whether the number of changes tells when that is no longer so.
    pub is_watched: bool,
}

impl Plan {
    /// That of the object's class.
    pub fn of(object: &Bound<'_, PyAny>, stock: &Stock) -> Self {
        let examine = || {
            let parts = examine(object, stock);
            if parts.is_of_stream() { parts.0 } else { 0 }
        };
        let found = KNOWN.flags(object, examine, || {
            let sockets = stock.socket.class.bind(object.py());
            let mut dicts = vec![class_attributes(sockets)?];
            dicts.extend(stock.modules(object.py()));
            Ok(dicts)
        });
        Plan {
            parts: Part(found.flags),
            is_watched: found.are_watched,
        }
    }
}

/// The classes of streams.
static KNOWN: KnownClasses = KnownClasses::new();

/// Looks at the object's class.
#[cold]
fn examine(object: &Bound<'_, PyAny>, stock: &Stock) -> Part {
    let facts = ClassFacts::of(object);
    if !facts.has_plain_attributes || !facts.sets_plain_attributes {
        return Part::NOTHING;
    }
    if !stock.globals_are_in_use(object.py()) {
        return Part::NOTHING;
    }
    let names = names(object.py());
    let has = |methods: &[(&Py<PyString>, &Py<PyAny>)]| {
        methods.iter().all(|(name, own)| finds(object, name, own))
    };
    let passes_descriptors = has_methods_of_unix(object, stock);
    let data = if passes_descriptors {
        &stock.unix
    } else {
        &stock.tcp
    };
    let reads = [
        (&names.do_read, &data.do_read),
        (&names.hand_over, &stock.hand_over),
    ];
    let receives_datagrams = has(&[(&names.do_read, &stock.datagrams.do_read)])
        && is_plain(object, &datagram_state(names));
    let log_prefix = if receives_datagrams {
        &stock.datagrams.log_prefix
    } else {
        &stock.log_prefix
    };
    let writes = [
        (&names.start_writing, &stock.start_writing),
        (&names.maybe_pause_producer, &stock.maybe_pause_producer),
    ];
    let flushes = [
        (&names.do_write, &stock.do_write),
        (&names.write_some_data, &data.write_some_data),
        (&names.stop_writing, &stock.stop_writing),
    ];
    let paces = [(&names.is_send_buffer_full, &data.is_send_buffer_full)];
    let prefix = [(&names.log_prefix, log_prefix)];
    let flushes = has(&flushes) && is_plain(object, &flush_state(names));
    Part::NOTHING
        .with(
            Part::READ,
            receives_datagrams || has(&reads) && is_plain(object, &read_state(names)),
        )
        .with(
            Part::WRITE,
            has(&writes) && is_plain(object, &write_state(names)),
        )
        .with(Part::PLAIN, is_plain(object, &[&names.tls]))
        .with(Part::BASE, stock.base_writes(object.py()))
        .with(Part::FLUSH, flushes)
        .with(Part::SEND, flushes)
        .with(
            Part::PACED,
            has(&paces) && is_plain(object, &pace_state(names)),
        )
        .with(
            Part::PREFIX,
            has(&prefix) && is_plain(object, &[&names.logstr]),
        )
        .with(Part::DESCRIPTORS, passes_descriptors)
        .with(Part::DATAGRAMS.with(Part::IPV6, true), receives_datagrams)
}

/// Whether all methods that pass descriptors are those of Twisted's UNIX connections, and data go by those of TCP.
fn has_methods_of_unix(object: &Bound<'_, PyAny>, stock: &Stock) -> bool {
    let (py, names, class) = (object.py(), names(object.py()), object.get_type());
    let is_own = |class: &Bound<'_, PyType>, name: &Py<PyString>, own: &Py<PyAny>| {
        class_attribute(class, name.bind(py)).is_some_and(|found| found.is(own))
    };
    let moves = |class: &Bound<'_, PyType>, own: &Moving| {
        is_own(class, &names.write_some_data, &own.write_some_data)
            && is_own(class, &names.is_send_buffer_full, &own.is_send_buffer_full)
    };
    let base = class_attribute(&class, names.write_some_data_base.bind(py));
    let base = base.as_ref().and_then(|base| base.cast_exact().ok());
    is_own(&class, &names.do_read, &stock.unix.do_read)
        && moves(&class, &stock.unix)
        // The changes of a class that is no base would not be seen.
        && base.is_some_and(|base| is_subtype(&class, base) && moves(base, &stock.tcp))
        && is_plain(
            object,
            &[&names.descriptor_queue, &names.file_descriptor_buffer_size],
        )
}

const fn read_state(names: &Names) -> [&Py<PyString>; 3] {
    [&names.protocol, &names.socket, &names.buffer_size]
}

const fn datagram_state(names: &Names) -> [&Py<PyString>; 6] {
    [
        &names.protocol,
        &names.socket,
        &names.max_packet_size,
        &names.max_throughput,
        &names.address_family,
        &names.connected_address,
    ]
}

const fn write_state(names: &Names) -> [&Py<PyString>; 6] {
    [
        &names.connected,
        &names.write_disconnected,
        &names.temp_data_buffer,
        &names.temp_data_len,
        &names.producer,
        &names.reactor,
    ]
}

const fn pace_state(names: &Names) -> [&Py<PyString>; 4] {
    [
        &names.streaming_producer,
        &names.producer_paused,
        &names.buffer_size,
        &names.data_buffer,
    ]
}

const fn flush_state(names: &Names) -> [&Py<PyString>; 9] {
    [
        &names.socket,
        &names.data_buffer,
        &names.offset,
        &names.temp_data_buffer,
        &names.temp_data_len,
        &names.producer,
        &names.disconnecting,
        &names.write_disconnecting,
        &names.send_limit,
    ]
}

/// Whether the class has nothing by these names that would run code when they are read or set.
fn is_plain(object: &Bound<'_, PyAny>, names: &[&Py<PyString>]) -> bool {
    let (py, class) = (object.py(), object.get_type());
    names.iter().all(|name| {
        class_attribute(&class, name.bind(py)).is_none_or(|found| !is_descriptor(&found))
    })
}
