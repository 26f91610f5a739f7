"""The ends of connections: protocols, and the producers that write for them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IPullProducer, IPushProducer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.connections.program import Op, Reaction

#: What may be given to `write` and is no bytes.
BAD = ("text", 7, None, [b"bytes"])
_ADDRESS = re.compile("0x[0-9a-f]+")
_CLOSING = {"raise", "lose", "abort", "half"}


class Boom(Exception):
    """Raised in callbacks."""


def described(failure: Failure) -> str:
    """Give the type and the text of what a failure is about; of OpenSSL's errors the type alone."""
    kind = failure.type
    assert kind is not None
    return kind.__name__ if kind.__module__.startswith("OpenSSL") else f"{kind.__name__}: {failure.value}"


class End(Protocol):
    """One end of a connection: it notes what it is told, and does what its plan says."""

    #: The other end.
    other: Any = None

    def __init__(self, reactor: Any, name: str, plan: dict[str, Any]) -> None:
        self.reactor = reactor
        self.name = name
        self.buffer_size = plan["buffer"]
        self.reactions: list[Reaction] = list(plan["reactions"])
        self.notes: list[str] = []
        self.wire: Any = None
        self.made = self.lost = self.eof = self.dropped = self.reacted = False
        #: Whether it has been told of the end of all data, without having asked for an end.
        self.ended_by_other = False
        self.count = self.sum = 0
        self._writes = 0
        self._times: dict[str, int] = {}

    # What is told by the transport.

    def connectionMade(self) -> None:
        """The connection is there."""
        self.wire = self.transport
        self.made = True
        if self.buffer_size is not None:
            self.wire.bufferSize = self.buffer_size
        self.notes.append("made")
        self._react("made")

    def dataReceived(self, data: bytes) -> None:
        """Some bytes have come."""
        if type(data) is not bytes or not data:
            self.notes.append(f"no data: {data!r}")
        if not self.wire.TLS and not self.reading:
            self.notes.append("data that was not asked for")
        self.count += len(data)
        self.sum = zlib.crc32(data, self.sum)
        self._react("data")

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        """The connection is gone."""
        told = described(reason)
        self.dropped = self.buffered() > 0
        # Where the other end closes while our data is under way, it is chance whether reading or writing
        # is what finds out.
        if self.dropped and self.other.reacted and told.startswith(("ConnectionDone", "ConnectionLost")):
            told = "one way or another"
        self.notes.append(f"lost, {told}")
        self.ended_by_other = told.startswith("ConnectionDone") and not self.wire.disconnecting
        self.lost = self.eof = True
        self._react("lost")

    def _react(self, event: str) -> None:
        now = self._times[event] = self.count if event == "data" else self._times.get(event, 0) + 1
        for reaction in list(self.reactions):
            if reaction[0] == event and reaction[1] <= now:
                self.reactions.remove(reaction)
                self.reacted = self.reacted or reaction[2][0] in _CLOSING
                self.notes.append(f"reaction to {event}")
                self.do(reaction[2])

    # What it does.

    def do(self, op: Op) -> None:
        """Do an operation, and note what it raises. Only those whose business it is raise to the caller."""
        if op[0] == "raise":
            self.notes.append("raise")
            raise Boom(f"{self.name} raises")
        try:
            result = getattr(self, f"do_{op[0]}")(*op[1:])
        except Exception as error:
            result = f"{type(error).__name__}: {_ADDRESS.sub('somewhere', str(error))}"
        self.notes.append(f"{op} gives {result}")

    def data(self, size: int) -> bytes:
        """Make bytes of which every write has others."""
        self._writes += 1
        return bytes([self._writes % 251]) * size

    def do_write(self, size: int) -> object:
        """Write that many bytes."""
        return self.wire.write(self.data(size))

    def do_sequence(self, sizes: list[int], kind: str) -> object:
        """Write some pieces."""
        pieces: Iterable[bytes] = [self.data(size) for size in sizes]
        if kind == "tuple":
            pieces = tuple(pieces)
        elif kind == "generator":
            pieces = (piece for piece in pieces)
        return self.wire.writeSequence(pieces)

    def do_bad(self) -> str:
        """Write what is no bytes."""
        raised = []
        for value in BAD:
            try:
                self.wire.writeSequence([b"never sent", value])
            except Exception as error:
                raised.append(type(error).__name__)
        return str(raised)

    def do_lose(self) -> object:
        """Close when all is sent."""
        return self.wire.loseConnection()

    def do_abort(self) -> object:
        """Close at once."""
        return self.wire.abortConnection()

    def do_half(self) -> object:
        """Close the direction to the other end."""
        return self.wire.loseWriteConnection()

    def do_pause(self) -> object:
        """Take no more data."""
        return self.wire.pauseProducing()

    def do_resume(self) -> object:
        """Take data again."""
        return self.wire.resumeProducing()

    def do_stop_producing(self) -> object:
        """Close, in the words of producers."""
        return self.wire.stopProducing()

    def do_stop_consuming(self) -> object:
        """Close, in the words of consumers."""
        return self.wire.stopConsuming()

    def do_unregister(self) -> object:
        """Let go of the producer."""
        return self.wire.unregisterProducer()

    def do_ask(self) -> str:
        """Ask for the addresses, and whether they are the same as before."""
        host, peer = self.wire.getHost(), self.wire.getPeer()
        kinds = f"{type(host).__name__} {type(peer).__name__} {self.wire.getTcpNoDelay()}"
        return f"{kinds} {host == self.wire.getHost()} {peer == self.wire.getPeer()}"

    def do_push(self, chunks: int, size: int, raising: str | None, ends: bool) -> None:
        """Register a producer that is paused, and let it begin."""
        producer = Pushing(self, chunks, size, raising, ends)
        self.wire.registerProducer(producer, True)
        producer.go()

    def do_pull(self, chunks: int, size: int, raising: str | None, ends: bool) -> None:
        """Register a producer that is asked for each piece."""
        self.wire.registerProducer(Pulled(self, chunks, size, raising, ends), False)

    # What is to be seen of it.

    def buffered(self) -> int:
        """Give how many bytes its transport has not yet handed to the system."""
        wire = self.wire
        return 0 if wire is None else len(wire.dataBuffer) - wire.offset + wire._tempDataLen

    @property
    def socket(self) -> Any:
        """Its socket, while it is open."""
        return getattr(self.wire, "socket", None)

    @property
    def reading(self) -> bool:
        """Whether its transport waits for data."""
        return self.wire in self.reactor.getReaders()

    @property
    def writing(self) -> bool:
        """Whether its transport waits until it can send."""
        return self.wire in self.reactor.getWriters()

    @property
    def sending(self) -> bool:
        """Whether data waits to be handed to the system. After an error in `write` it may only lie there."""
        return self.writing and self.buffered() > 0

    @property
    def sends_no_more(self) -> bool:
        """Whether it has closed the direction to the other end."""
        return self.made and (self.socket is None or self.wire._writeDisconnected)

    @property
    def closing(self) -> bool:
        """Whether it is about to close something that nothing stands in the way of."""
        wire = self.wire
        if wire is None or not wire.connected or wire.producer is not None or self.buffered():
            return False
        return bool(wire.disconnecting or (wire._writeDisconnecting and not wire._writeDisconnected))

    def state(self) -> str:
        """Describe it between two steps."""
        wire = self.wire
        names = ["connected", "disconnected", "disconnecting", "_writeDisconnecting", "_writeDisconnected"]
        names += ["streamingProducer", "producerPaused", "TLS", "_aborting"]
        true = [name for name in names if getattr(wire, name)]
        true += [name for name in ("producer", "protocol", "socket") if getattr(wire, name, None) is not None]
        true += [name for name in ("doRead", "doWrite", "fileno") if name in vars(wire)]
        true += [name for name in ("reading", "writing") if getattr(self, name)]
        return f"{' '.join(true)}{' with data' if self.buffered() else ''}"

    def force(self) -> None:
        """Take away what has been left behind by an error."""
        if self.socket is not None:
            self.notes.append("left open")
            self.reactor.removeReader(self.wire)
            self.reactor.removeWriter(self.wire)
            self.socket.close()


@implementer(IHalfCloseableProtocol)
class HalfEnd(End):
    """An end that goes on when one direction has ended."""

    def readConnectionLost(self) -> None:
        """The other end sends no more."""
        self.notes.append("read lost")
        self.eof = self.ended_by_other = True
        self._react("read lost")

    def writeConnectionLost(self) -> None:
        """We send no more."""
        self.notes.append("write lost")
        self._react("write lost")


class _Producer:
    """Writes a number of chunks, and notes what it is told."""

    def __init__(self, end: End, chunks: int, size: int, raising: str | None, ends: bool) -> None:
        self.end = end
        self.chunks = chunks
        self.size = size
        self.raising = raising
        self.ends = ends

    def told(self, what: str) -> None:
        """Note it, and raise once if that is the plan."""
        self.end.notes.append(f"producer: {what}")
        if self.raising == what:
            self.raising = None
            raise Boom(f"the producer of {self.end.name} raises in {what}")

    def write(self) -> None:
        """Write a chunk. After the last one it may unregister."""
        self.chunks -= 1
        self.end.wire.write(self.end.data(self.size))
        if self.chunks == 0 and self.ends:
            self.end.notes.append("producer: unregisters")
            self.end.wire.unregisterProducer()

    def stopProducing(self) -> None:
        """No more is wanted."""
        self.chunks = 0
        self.told("stop")


@implementer(IPushProducer)
class Pushing(_Producer):
    """Writes until it is told to pause."""

    paused = False

    def go(self) -> None:
        """Write."""
        while self.chunks and not self.paused:
            self.write()

    def pauseProducing(self) -> None:
        """Write no more for now."""
        self.paused = True
        self.told("pause")

    def resumeProducing(self) -> None:
        """Go on."""
        self.paused = False
        self.told("resume")
        self.go()


@implementer(IPullProducer)
class Pulled(_Producer):
    """Writes a chunk when asked for it."""

    def resumeProducing(self) -> None:
        """Write one."""
        self.told("resume")
        if self.chunks:
            self.write()
