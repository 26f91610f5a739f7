//! What is Twisted's own in one stream, in its class and in the object itself. It is found out again only after one of
//! them has changed.

use std::os::fd::RawFd;

use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyInt},
};
use rustix::net::AddressFamily;

use super::{
    attribute::Attribute,
    facts::Facts,
    known::{self, Held},
    names::names,
    plan::{Part, Plan},
    stock::Stock,
    system,
};
use crate::interp::class_attribute;

/// The facts of an object, where it has its attributes, and its descriptor if it has a socket of Python's that is open.
/// `None` if nothing may be done for it.
#[inline]
pub fn facts<'py>(
    object: &Bound<'py, PyAny>,
    stock: &Stock,
) -> Option<(Facts, Held<'py>, Option<RawFd>)> {
    known::find(object, stock).or_else(|| find_out(object, stock))
}

#[cold]
fn find_out<'py>(
    object: &Bound<'py, PyAny>,
    stock: &Stock,
) -> Option<(Facts, Held<'py>, Option<RawFd>)> {
    let plan = Plan::of(object, stock);
    // The attributes of what is no stream stay as they are: 3.13 makes a dict where one is asked for.
    if !plan.parts.is_of_stream() {
        return None;
    }
    let held = Held::of(object, plan.is_watched)?;
    let looking = Looking {
        object,
        held: &held,
        stock,
    };
    let (size, limit) = if plan.parts.has(Part::DATAGRAMS) {
        (Attribute::MaxPacketSize, Attribute::MaxThroughput)
    } else {
        (Attribute::BufferSize, Attribute::SendLimit)
    };
    let facts = Facts {
        parts: plan.parts.and(looking.parts(plan.parts)),
        room: looking.room(),
        size: looking.number(size).unwrap_or(0),
        limit: looking.number(limit).unwrap_or(0),
        has_buffer: looking.has_buffer(),
    };
    if plan.is_watched && facts.parts.is_of_stream() {
        known::keep(object, &held, facts, stock);
    }
    let socket = held.get(object, Attribute::Socket);
    let descriptor = socket.and_then(|socket| stock.socket.descriptor(&socket));
    Some((facts, held, descriptor))
}

/// An object whose class has nothing but plain data by the names that are looked up.
struct Looking<'a, 'py> {
    object: &'a Bound<'py, PyAny>,
    held: &'a Held<'py>,
    stock: &'a Stock,
}

impl<'py> Looking<'_, 'py> {
    /// What the object itself leaves as it is in its class, and has the right state for.
    fn parts(&self, plan: Part) -> Part {
        let paced = plan.has(Part::PACED);
        let passes_descriptors = plan.has(Part::DESCRIPTORS);
        if passes_descriptors && !self.leaves_limits_of_descriptors() {
            return Part::NOTHING;
        }
        let is_off = |attribute| self.flag(attribute) == Some(false);
        let has_quiet_producer = self.has_no_producer()
            || paced
                && self.leaves(&[Attribute::IsSendBufferFull])
                && self.flag(Attribute::StreamingProducer) == Some(true)
                && is_off(Attribute::ProducerPaused);
        let has_socket = self.has_own_socket();
        let receives_datagrams = plan.has(Part::DATAGRAMS);
        let family = receives_datagrams
            .then(|| self.family_of_datagrams())
            .flatten();
        let reads = has_socket
            && self.leaves(&[Attribute::DoRead, Attribute::HandOver])
            && (!receives_datagrams || family.is_some());
        let writes = self.leaves(&[Attribute::StartWriting, Attribute::MaybePauseProducer])
            && self.flag(Attribute::Connected) == Some(true)
            && is_off(Attribute::WriteDisconnected)
            && has_quiet_producer;
        let flushes = has_socket
            && self.leaves(&[
                Attribute::DoWrite,
                Attribute::WriteSomeData,
                Attribute::StopWriting,
            ]);
        let sends = flushes
            && has_quiet_producer
            && is_off(Attribute::Disconnecting)
            && is_off(Attribute::WriteDisconnecting)
            && self.has_nothing_left();
        Part::NOTHING
            .with(Part::READ, reads)
            .with(Part::WRITE, writes)
            .with(Part::PLAIN, is_off(Attribute::Tls))
            .with(Part::BASE, true)
            .with(Part::FLUSH, flushes)
            .with(Part::SEND, sends)
            .with(Part::PACED, paced)
            .with(Part::PREFIX, self.leaves(&[Attribute::LogPrefix]))
            .with(Part::DESCRIPTORS, passes_descriptors)
            .with(Part::DATAGRAMS, has_socket && family.is_some())
            .with(Part::IPV6, family == Some(AddressFamily::INET6))
    }

    /// Whether no descriptors are too many only where there are some.
    fn leaves_limits_of_descriptors(&self) -> bool {
        self.leaves(&[Attribute::WriteSomeDataBase])
            && self.number(Attribute::FileDescriptorBufferSize).is_some()
    }

    /// Whether datagrams come by IPv4 or IPv6, if their addresses and limits are as Twisted has them.
    fn family_of_datagrams(&self) -> Option<AddressFamily> {
        self.number(Attribute::MaxThroughput)?;
        let found = self.get(Attribute::AddressFamily)?;
        let is_known = |(own, _): &&(Py<PyAny>, AddressFamily)| found.is(own);
        let (_, family) = self.stock.datagrams.families.iter().find(is_known)?;
        let socket = self.own(Attribute::Socket)?;
        let actual = system::family(self.stock.socket.descriptor(&socket)?).ok()?;
        (actual == *family).then_some(actual)
    }

    /// Whether the object itself has none of these attributes, which would be used in place of those of its class.
    fn leaves(&self, attributes: &[Attribute]) -> bool {
        attributes
            .iter()
            .all(|attribute| self.own(*attribute).is_none())
    }

    /// What the object itself has.
    fn own(&self, attribute: Attribute) -> Option<Bound<'py, PyAny>> {
        self.held.get(self.object, attribute)
    }

    /// `self.attribute`.
    fn get(&self, attribute: Attribute) -> Option<Bound<'py, PyAny>> {
        self.own(attribute).or_else(|| {
            let name = attribute.name(names(self.object.py()));
            class_attribute(&self.object.get_type(), name.bind(self.object.py()))
        })
    }

    /// A flag, if it is a `bool` or an `int`.
    fn flag(&self, attribute: Attribute) -> Option<bool> {
        let value = self.get(attribute)?;
        let is_plain =
            value.is_exact_instance_of::<PyBool>() || value.is_exact_instance_of::<PyInt>();
        is_plain.then(|| value.is_truthy().ok()).flatten()
    }

    /// A number, if it is an `int` and not negative.
    fn number(&self, attribute: Attribute) -> Option<usize> {
        self.get(attribute)?
            .cast_exact::<PyInt>()
            .ok()?
            .extract()
            .ok()
    }

    fn has_no_producer(&self) -> bool {
        self.get(Attribute::Producer)
            .is_some_and(|producer| producer.is_none())
    }

    /// How many bytes may wait until its producer is to be paused.
    fn room(&self) -> usize {
        if self.has_no_producer() {
            return usize::MAX;
        }
        let left = self.get(Attribute::DataBuffer);
        let left = left
            .as_ref()
            .and_then(|left| left.cast_exact::<PyBytes>().ok());
        let size = self.number(Attribute::BufferSize);
        left.zip(size)
            .map_or(0, |(left, size)| size.saturating_sub(left.as_bytes().len()))
    }

    /// Whether the object itself has a socket of Python's own.
    fn has_own_socket(&self) -> bool {
        match (self.own(Attribute::Socket), self.own(Attribute::Fileno)) {
            (Some(socket), Some(fileno)) => self.stock.socket.is_own(&socket, &fileno),
            _ => false,
        }
    }

    /// Whether the object itself has what Twisted sets when it sends, or cannot get that without becoming slower.
    fn has_buffer(&self) -> bool {
        let buffer = [Attribute::DataBuffer, Attribute::Offset];
        !self.held.may_add(self.object, &buffer)
            || buffer
                .iter()
                .all(|attribute| self.own(*attribute).is_some())
    }

    /// Whether an earlier send has left nothing.
    fn has_nothing_left(&self) -> bool {
        let left = self.get(Attribute::DataBuffer);
        let is_empty = |left: Bound<'py, PyAny>| {
            left.cast_exact::<PyBytes>()
                .is_ok_and(|left| left.as_bytes().is_empty())
        };
        left.is_some_and(is_empty) && self.number(Attribute::Offset) == Some(0)
    }
}
