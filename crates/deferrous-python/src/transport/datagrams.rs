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
    names::names,
    plan::Part,
    read::{Reading, unless_interrupted},
    stock::Datagrams,
    stream::Stream,
    system,
};
use crate::interp::{Field, fallible, forget, handling};

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

/// `Port.write(datagram, address)`, for an address of numbers. Returns how many bytes were sent; `None` if Twisted's
/// method is to do it, and nothing has been done.
pub fn write_datagram(
    port: &Bound<'_, PyAny>,
    datagram: &Bound<'_, PyAny>,
    address: &Bound<'_, PyAny>,
) -> Option<usize> {
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
    if !stream.get(Attribute::ConnectedAddress)?.is_none() {
        return None;
    }
    let (socket, to) = (
        stream.get(Attribute::Socket)?,
        SocketAddr::new(host, number),
    );
    // `sendto` of Python tells of itself. If that is refused, Twisted's method is refused, too, and does what is to be done.
    let event = names(port.py()).sendto_event.bind(port.py());
    let audit = stream.stock.datagrams.audit.bind(port.py());
    if let Err(error) = audit.call1((event, &socket, address)) {
        forget(port.py(), error);
        return None;
    }
    // On an error Twisted's method sends again, and does with a second error what is to be done.
    let fd = stream.stock.socket.descriptor(&socket)?;
    system::transmit_datagram(fd, datagram.as_bytes(), &to).ok()
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
