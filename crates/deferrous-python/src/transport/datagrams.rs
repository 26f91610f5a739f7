//! `doRead` of a port: one datagram after the other goes to the protocol.

use std::{
    io,
    mem::MaybeUninit,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use pyo3::{
    prelude::*,
    types::{PyBytes, PyInt, PyString, PyTuple},
};

use super::{
    attribute::Attribute,
    failed_datagram::write_failed,
    names::names,
    plan::Part,
    read::{Reading, unless_interrupted},
    stock::Datagrams,
    stream::Stream,
    system,
};
use crate::interp::{Field, fallible, handling};

/// What came of a call for a datagram.
enum Came {
    /// So many bytes, which the protocol has been given.
    Bytes(usize),
    /// Nothing more for now.
    Nothing,
}

impl<'py> Reading<'_, 'py> {
    /// `doRead()` of a port.
    ///
    /// # Errors
    ///
    /// What the protocol's `connectionRefused` raises, and errors of the system. Those of `datagramReceived` are logged.
    pub(super) fn read_datagrams(&self) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (object, mut read) = (self.stream.object, 0);
        if self.stream.facts.limit == 0 {
            return Ok(None);
        }
        let mut came = self.read_datagram()?;
        loop {
            match came {
                Came::Nothing => return Ok(None),
                Came::Bytes(length) => read += length,
            }
            // The protocol may have changed everything.
            match Reading::of(object).filter(|next| next.stream.facts.has(Part::DATAGRAMS)) {
                Some(next) if read < next.stream.facts.limit => came = next.read_datagram()?,
                Some(_) => return Ok(None),
                None => {
                    let do_read = self.port().do_read.bind(object.py());
                    let object = fallible::tuple(object.py(), [object.clone()])?;
                    return do_read.call1(object).map(Some);
                }
            }
        }
    }

    const fn port(&self) -> &'static Datagrams {
        &self.stream.stock.datagrams
    }

    fn read_datagram(&self) -> PyResult<Came> {
        let py = self.stream.object.py();
        let receive = |room: &mut [MaybeUninit<u8>]| match system::receive_datagram(self.fd, room) {
            Ok((received, from)) => fallible::bytes(py, received).map(|data| Ok((data, from))),
            Err(error) => Ok(Err(error)),
        };
        let received = unless_interrupted(|| self.in_room(receive))?;
        match received {
            Ok((data, from)) => {
                if let Err(error) = self.hand_over_datagram(&data, &self.address(from)?) {
                    self.log(error)?;
                }
                Ok(Came::Bytes(data.as_bytes().len()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Came::Nothing),
            Err(error) => self.fail(&error).map(|()| Came::Nothing),
        }
    }

    /// `self.protocol.datagramReceived(data, address)`.
    fn hand_over_datagram(
        &self,
        data: &Bound<'py, PyBytes>,
        address: &Bound<'py, PyTuple>,
    ) -> PyResult<()> {
        let (protocol, name) = (self.protocol()?, &names(data.py()).datagram_received);
        protocol
            .call_method1(name.bind(data.py()), (data, address))
            .map(drop)
    }

    fn protocol(&self) -> PyResult<Bound<'py, PyAny>> {
        let object = self.stream.object;
        let name = &names(object.py()).protocol;
        let found = self.stream.get(Attribute::Protocol);
        found.map_or_else(|| object.getattr(name.bind(object.py())), Ok)
    }

    /// `log.err()`, for what was raised by `datagramReceived`.
    #[cold]
    fn log(&self, error: PyErr) -> PyResult<()> {
        let (py, port) = (self.stream.object.py(), self.port());
        let exception = port.received.exception(py, error);
        handling(&exception, || {
            let err = port.log.bind(py).getattr(names(py).err.bind(py))?;
            err.call0().map(drop)
        })
    }

    /// Tells the protocol of a connected port that its peer has refused a datagram, or raises the error.
    #[cold]
    fn fail(&self, error: &io::Error) -> PyResult<()> {
        let (py, port, object) = (self.stream.object.py(), self.port(), self.stream.object);
        let is_refusal = error.kind() == io::ErrorKind::ConnectionRefused;
        let exception = port.failed.exception(py, fallible::io_error(py, error));
        if !is_refusal {
            return Err(PyErr::from_value(exception.into_any()));
        }
        let names = names(py);
        handling(&exception, || {
            let connected = object.getattr(names.connected_address.bind(py))?;
            if connected.is_truthy()? {
                let refused = names.connection_refused.bind(py);
                self.protocol()?.call_method0(refused)?;
            }
            Ok(())
        })
        .map_err(|error| port.refused.through(py, error))
    }

    /// The address of a peer, as the program sees it: its host and its port.
    fn address(&self, from: SocketAddr) -> PyResult<Bound<'py, PyTuple>> {
        let py = self.stream.object.py();
        let known = LAST_HOST.take(py).filter(|(known, _)| *known == from.ip());
        let (ip, host) = match known {
            Some((ip, host)) => (ip, host),
            None => (from.ip(), fallible::text(py, &host(from.ip()))?.unbind()),
        };
        let own = host.bind(py).clone().into_any();
        LAST_HOST.set(py, Some((ip, host)));
        fallible::tuple(py, [own, fallible::int(py, from.port())?])
    }
}

/// The host that a datagram came from last, and its text. The next one is often from there, and an answer goes there.
static LAST_HOST: Field<Option<(IpAddr, Py<PyString>)>> = Field::new(None);

/// The numbers of a host.
fn numbers(host: &Bound<'_, PyString>, is_ipv6: bool) -> Option<IpAddr> {
    let py = host.py();
    let known = LAST_HOST.take(py);
    let last = known.as_ref().filter(|(_, text)| text.is(host));
    let last = last.map(|(ip, _)| *ip).filter(|ip| ip.is_ipv6() == is_ipv6);
    LAST_HOST.set(py, known);
    if last.is_some() {
        return last;
    }
    let text = host.to_str().ok()?;
    Some(if is_ipv6 {
        IpAddr::V6(text.parse().ok()?)
    } else {
        IpAddr::V4(text.parse().ok()?)
    })
}

/// `Port.write(datagram, address)`, for an address of numbers. Returns how many bytes were sent, or what Twisted's method
/// makes of an error; `None` if that method is to do it all, and nothing has been done.
///
/// # Errors
///
/// Those of Twisted's method.
pub fn write_datagram<'py>(
    port: &Bound<'py, PyAny>,
    datagram: &Bound<'py, PyAny>,
    address: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = port.py();
    let Some((stream, data, to)) = sending(port, datagram, address) else {
        return Ok(None);
    };
    let failed = match send(&stream, data, address, &to) {
        Ok(sent) => return fallible::int(py, sent).map(Some),
        Err(error) => error,
    };
    write_failed(&stream, datagram, address, failed).map(Some)
}

/// The port, its datagram and the address, if the datagram can be sent here.
fn sending<'a, 'py>(
    port: &'a Bound<'py, PyAny>,
    datagram: &'a Bound<'py, PyAny>,
    address: &Bound<'py, PyAny>,
) -> Option<(Stream<'a, 'py>, &'a [u8], SocketAddr)> {
    let stream = Stream::of(port, Part::DATAGRAMS)?;
    let datagram = datagram.cast_exact::<PyBytes>().ok()?;
    let [host, number] = address.cast_exact::<PyTuple>().ok()?.as_slice() else {
        return None;
    };
    let host = numbers(
        host.cast_exact::<PyString>().ok()?,
        stream.facts.has(Part::IPV6),
    )?;
    let number = number.cast_exact::<PyInt>().ok()?.extract().ok()?;
    let is_unconnected = stream.get(Attribute::ConnectedAddress)?.is_none();
    let to = SocketAddr::new(host, number);
    is_unconnected.then_some((stream, datagram.as_bytes(), to))
}

/// `socket.sendto(datagram, address)`, which tells of itself first. Returns how many bytes were sent.
fn send(
    stream: &Stream<'_, '_>,
    datagram: &[u8],
    address: &Bound<'_, PyAny>,
    to: &SocketAddr,
) -> PyResult<usize> {
    let py = address.py();
    let event = names(py).sendto_event.bind(py);
    let socket = stream.get(Attribute::Socket);
    let audit = stream.stock.datagrams.audit.bind(py);
    audit.call1((event, &socket, address))?;
    // A hook may have closed it.
    let fd = socket.and_then(|socket| stream.stock.socket.descriptor(&socket));
    let sent = fd.map_or_else(
        || Err(io::Error::from_raw_os_error(libc::EBADF)),
        |fd| system::transmit_datagram(fd, datagram, to),
    );
    sent.map_err(|error| fallible::io_error(py, &error))
}

/// The text of an address, as the C library writes it.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V6(v6) if v6.segments()[..6] == [0; 6] && v6.segments()[6] != 0 => {
            let [.., a, b, c, d] = v6.octets();
            format!("::{}", Ipv4Addr::new(a, b, c, d))
        }
        address => address.to_string(),
    }
}
