//! What the fast ways are used in place of: the methods of Twisted's classes, as they were when the reactor was loaded.

use std::{os::fd::RawFd, sync::OnceLock};

use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyString, PyType},
};

use rustix::net::AddressFamily;

use super::names::names;
use crate::{
    failure::Trail,
    interp::{
        bound_function, class_attribute, fallible, finds, is_exactly, item, name, socket_descriptor,
    },
};

/// The methods of Twisted's classes, and what belongs to them.
///
/// A method that a program has replaced before is `None` here, which no class has: nothing is done in its place.
pub struct Stock {
    /// Of `tcp.Connection` and `FileDescriptor`.
    pub tcp: Moving,
    /// Of `unix.Server` and `unix.Client`.
    pub unix: Moving,
    /// Of `udp.Port`.
    pub datagrams: Datagrams,
    /// Gives the `doRead` of these, for a message that has been received.
    pub message_reader: Py<PyAny>,
    /// `_dataReceived`.
    pub hand_over: Py<PyAny>,
    pub log_prefix: Py<PyAny>,
    pub do_write: Py<PyAny>,
    pub start_writing: Py<PyAny>,
    pub stop_writing: Py<PyAny>,
    pub maybe_pause_producer: Py<PyAny>,
    /// Twisted's own functions, which ours call where they do not know how.
    pub write: Py<PyAny>,
    pub write_sequence: Py<PyAny>,
    pub write_or_encrypt: Py<PyAny>,
    pub write_sequence_or_encrypt: Py<PyAny>,
    pub socket: Socket,
    /// `FileDescriptor`, and our `write` and `writeSequence`, if they were put there.
    base: Py<PyType>,
    base_methods: PyOnceLock<[Py<PyAny>; 2]>,
    /// Names that these methods look up: of which module, and what they find.
    globals: Vec<(Py<PyDict>, Py<PyString>, Py<PyAny>)>,
    pub connection_done: Py<PyAny>,
    pub connection_lost: Py<PyAny>,
}

/// What belongs to ports that receive datagrams.
pub struct Datagrams {
    pub do_read: Py<PyAny>,
    pub log_prefix: Py<PyAny>,
    /// Twisted's own function, which ours calls where it does not know how.
    pub write: Py<PyAny>,
    /// `AF_INET` and `AF_INET6`.
    pub families: [(Py<PyAny>, AddressFamily); 2],
    /// Where errors pass through: of `datagramReceived`, of `connectionRefused`, and of the system.
    pub received: Trail,
    pub refused: Trail,
    pub failed: Trail,
    /// The module `twisted.python.log`.
    pub log: Py<PyAny>,
    /// `sys.audit`
    pub audit: Py<PyAny>,
}

/// The methods in which connections of TCP and of UNIX differ.
pub struct Moving {
    pub do_read: Py<PyAny>,
    pub write_some_data: Py<PyAny>,
    pub is_send_buffer_full: Py<PyAny>,
    /// Where errors of `dataReceived` pass through.
    pub frames: Trail,
}

/// The class of sockets, and its methods.
pub struct Socket {
    pub class: Py<PyType>,
    recv: Py<PyAny>,
    recvfrom: Py<PyAny>,
    recvmsg: Py<PyAny>,
    send: Py<PyAny>,
    sendto: Py<PyAny>,
    /// The C function of `fileno`, if the descriptor of a socket can be read without calling that.
    fileno: Option<usize>,
}

static STOCK: OnceLock<Stock> = OnceLock::new();

/// Twisted's methods, if a reactor has been made.
#[inline(always)]
pub fn stock() -> Option<&'static Stock> {
    STOCK.get()
}

impl Stock {
    /// Keeps Twisted's methods, unless that has been done.
    ///
    /// Args:
    ///     found: what `deferrous._transports.find` returns.
    ///     globals: what `deferrous._transports.looked_up` returns.
    ///     frames: the trails of Twisted's functions.
    pub fn keep(
        found: &Bound<'_, PyDict>,
        globals: &Bound<'_, PyAny>,
        frames: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let py = found.py();
        let of = |name: &str| {
            let found = found.get_item(fallible::text(py, name)?)?;
            PyResult::Ok(found.unwrap_or_else(|| py.None().into_bound(py)).unbind())
        };
        let family = |name| fallible::import(py, "socket", name).map(Bound::unbind);
        let main = "twisted.internet.main";
        let stock = Stock {
            tcp: Moving {
                do_read: of("Connection.doRead")?,
                write_some_data: of("Connection.writeSomeData")?,
                is_send_buffer_full: of("FileDescriptor._isSendBufferFull")?,
                frames: Trail::new(frames, "dataReceived")?,
            },
            unix: Moving {
                do_read: of("_SendmsgMixin.doRead")?,
                write_some_data: of("_SendmsgMixin.writeSomeData")?,
                is_send_buffer_full: of("_SendmsgMixin._isSendBufferFull")?,
                frames: Trail::new(frames, "dataReceived by a message")?,
            },
            datagrams: Datagrams {
                do_read: of("Port.doRead")?,
                log_prefix: of("Port.logPrefix")?,
                write: of("Port.write")?,
                families: [
                    (family("AF_INET")?, AddressFamily::INET),
                    (family("AF_INET6")?, AddressFamily::INET6),
                ],
                received: Trail::new(frames, "datagramReceived")?,
                refused: Trail::new(frames, "connectionRefused")?,
                failed: Trail::new(frames, "recvfrom")?,
                log: fallible::import(py, "twisted.python", "log")?.unbind(),
                audit: fallible::import(py, "sys", "audit")?.unbind(),
            },
            message_reader: of("message_reader")?,
            hand_over: of("Connection._dataReceived")?,
            log_prefix: of("Connection.logPrefix")?,
            do_write: of("FileDescriptor.doWrite")?,
            start_writing: of("FileDescriptor.startWriting")?,
            stop_writing: of("FileDescriptor.stopWriting")?,
            maybe_pause_producer: of("FileDescriptor._maybePauseProducer")?,
            write: of("FileDescriptor.write")?,
            write_sequence: of("FileDescriptor.writeSequence")?,
            write_or_encrypt: of("ConnectionMixin.write")?,
            write_sequence_or_encrypt: of("ConnectionMixin.writeSequence")?,
            socket: Socket::load(py)?,
            base: fallible::import(py, "twisted.internet.abstract", "FileDescriptor")?.extract()?,
            base_methods: PyOnceLock::new(),
            globals: globals.extract()?,
            connection_done: fallible::import(py, main, "CONNECTION_DONE")?.unbind(),
            connection_lost: fallible::import(py, main, "CONNECTION_LOST")?.unbind(),
        };
        let _ = STOCK.set(stock);
        Ok(())
    }

    /// Whether the names that Twisted's methods look up still have what they had.
    pub fn globals_are_in_use(&self, py: Python<'_>) -> bool {
        self.globals.iter().all(|(module, name, value)| {
            item(module.bind(py), name.bind(py)).is_some_and(|found| found.is(value))
        })
    }

    /// The modules of these names.
    pub fn modules<'py>(&self, py: Python<'py>) -> impl Iterator<Item = Bound<'py, PyDict>> {
        self.globals
            .iter()
            .map(move |(module, ..)| module.bind(py).clone())
    }

    /// Keeps our `write` and `writeSequence`, which were put into `FileDescriptor`.
    pub fn keep_base_methods(&self, methods: [Bound<'_, PyAny>; 2]) {
        let _ = self
            .base_methods
            .set(methods[0].py(), methods.map(Bound::unbind));
    }

    /// Whether `FileDescriptor` has them still.
    pub fn base_writes(&self, py: Python<'_>) -> bool {
        let (base, names) = (self.base.bind(py), names(py));
        let names = [&names.write, &names.write_sequence];
        self.base_methods.get(py).is_some_and(|own| {
            names.iter().zip(own).all(|(name, own)| {
                class_attribute(base, name.bind(py)).is_some_and(|found| found.is(own))
            })
        })
    }
}

impl Socket {
    fn load(py: Python<'_>) -> PyResult<Self> {
        let class = match fallible::import(py, "socket", "socket")?.cast_into() {
            Ok(class) => class,
            // A program has put something else there.
            Err(_) => fallible::import(py, "_socket", "socket")?.cast_into()?,
        };
        let of = |name: &Py<PyString>| {
            let found = class_attribute(&class, name.bind(py));
            found.map_or_else(|| py.None(), Bound::unbind)
        };
        let names = names(py);
        Ok(Socket {
            recv: of(&names.recv),
            recvfrom: of(&names.recvfrom),
            recvmsg: of(&names.recvmsg),
            sendto: of(&names.sendto),
            send: of(&names.send),
            // There may be no descriptor left to try it with.
            fileno: Self::function_of_fileno(&class).unwrap_or(None),
            class: class.unbind(),
        })
    }

    /// The C function of `fileno`, if what it gives can be read without calling it.
    fn function_of_fileno(class: &Bound<'_, PyType>) -> PyResult<Option<usize>> {
        let py = class.py();
        let unconnected = class.call0()?;
        let fileno = unconnected.getattr(name!(py, "fileno")?)?;
        let number: RawFd = fileno.call0()?.extract()?;
        let is_readable = socket_descriptor(&unconnected) == number;
        unconnected.call_method0(name!(py, "close")?)?;
        let function = bound_function(&fileno).filter(|_| is_readable);
        Ok(function.map(|(function, _)| function))
    }

    /// Whether `socket` is a socket of Python's own, with its own methods, and `fileno` is its method.
    pub fn is_own(&self, socket: &Bound<'_, PyAny>, fileno: &Bound<'_, PyAny>) -> bool {
        let names = names(socket.py());
        is_exactly(socket, &self.class)
            && finds(socket, &names.recv, &self.recv)
            && finds(socket, &names.recvfrom, &self.recvfrom)
            && finds(socket, &names.recvmsg, &self.recvmsg)
            && finds(socket, &names.sendto, &self.sendto)
            && finds(socket, &names.send, &self.send)
            && bound_function(fileno)
                .is_some_and(|(function, owner)| Some(function) == self.fileno && owner.is(socket))
    }

    /// The descriptor of a socket, which is of Python's own class, unless it is closed.
    #[inline(always)]
    pub fn descriptor(&self, socket: &Bound<'_, PyAny>) -> Option<RawFd> {
        if !is_exactly(socket, &self.class) {
            return None;
        }
        let fd = socket_descriptor(socket);
        (fd >= 0).then_some(fd)
    }
}
