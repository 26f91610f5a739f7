"""UDP: how much is read at a time, which errors end nothing, and which addresses are refused."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from twisted.internet import udp
from twisted.internet.protocol import DatagramProtocol

from tests import logs
from tests.transports.cases import Cases
from tests.transports.kit import LOCAL, Kit, nothing

CASES = Cases()


class Datagrams(DatagramProtocol):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.told: list[str] = []
        self.on_data: Any = nothing
        self.wire: Any = None

    def startProtocol(self) -> None:
        """Keep the transport."""
        self.wire = self.transport
        self.told.append("start")

    def stopProtocol(self) -> None:
        """Note it."""
        self.told.append("stop")

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Note it."""
        self.got.append(datagram.decode())
        self.on_data(addr)

    def connectionRefused(self) -> None:
        """Note it."""
        self.told.append("refused")


def _listen(kit: Kit, protocol: Any = None, port: Any = None) -> tuple[Datagrams, tuple[str, int]]:
    """Give a protocol that listens, and its address."""
    made = protocol or Datagrams()
    if port is None:
        listening = kit.reactor.listenUDP(0, made, interface=LOCAL)
    else:
        listening = port(0, made, LOCAL, reactor=kit.reactor)
        listening.startListening()
    kit.ports.append(listening)
    host = listening.getHost()
    return made, (host.host, host.port)


def _peer(kit: Kit) -> socket.socket:
    """Give a socket to send from."""
    own: socket.socket = kit.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    own.bind((LOCAL, 0))
    own.setblocking(False)
    return own


@CASES([["one", "two"], True, "answer"])
async def datagrams(kit: Kit) -> Any:
    """Each comes by itself, with its address, to which an answer goes."""
    made, address = _listen(kit)
    peer = _peer(kit)
    froms: list[Any] = []
    made.on_data = froms.append
    for data in (b"one", b"two"):
        peer.sendto(data, address)
    await kit.becomes(lambda: len(made.got) == 2)
    made.wire.write(b"answer", froms[0])
    return [made.got, froms == [peer.getsockname()] * 2, (await kit.received(peer, 6)).decode()]


@CASES([["", "x"]])
async def empty_datagrams(kit: Kit) -> Any:
    """An empty one is one, too."""
    made, address = _listen(kit)
    peer = _peer(kit)
    peer.sendto(b"", address)
    peer.sendto(b"x", address)
    await kit.becomes(lambda: len(made.got) == 2)
    return [made.got]


@CASES([3, 5])
async def at_most_so_much_at_a_time(kit: Kit) -> Any:
    """doRead goes on until `maxThroughput` bytes have been read."""
    reads: list[int] = []

    class Port(udp.Port):
        maxThroughput = 5

        def doRead(self) -> None:
            before = len(made.got)
            super().doRead()
            reads.append(len(made.got) - before)

    made, address = _listen(kit, port=Port)
    peer = _peer(kit)
    for _ in range(5):
        peer.sendto(b"xx", address)
    await kit.becomes(lambda: len(made.got) == 5)
    return [reads[0], sum(reads)]


@CASES([["one", "two", "three"], 1])
async def after_an_error(kit: Kit) -> Any:
    """An error in datagramReceived is logged, and the next one is read."""
    made, address = _listen(kit)
    peer = _peer(kit)

    def fail(_: Any) -> None:
        if made.got[-1] == "two":
            raise ValueError("in datagramReceived")

    made.on_data = fail
    with logs.Log() as log:
        for data in (b"one", b"two", b"three"):
            peer.sendto(data, address)
        await kit.becomes(lambda: len(made.got) == 3)
        said = [text for text in log.take() if "ValueError" in text]
    return [made.got, len(said)]


@CASES([["start", "refused"], ["alive"]])
async def refused_while_writing(kit: Kit) -> Any:
    """A connected port is told in `write` when nobody listens there, and goes on."""
    gone = _peer(kit)
    made, address = _listen(kit)
    made.wire.connect(*gone.getsockname())
    there = gone.getsockname()
    gone.close()
    # The second one finds the refusal of the first one.
    made.wire.write(b"anybody there?")
    made.wire.write(b"anybody there?")
    again = kit.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    again.bind(there)
    again.sendto(b"alive", address)
    await kit.becomes(lambda: made.got)
    return [made.told, made.got]


@CASES([["start", "stop"]])
async def refused_while_waiting(kit: Kit) -> Any:
    """A refusal that comes while a connected port waits ends it, as epoll reactors have it."""
    gone = _peer(kit)
    made, _ = _listen(kit)
    made.wire.connect(*gone.getsockname())
    gone.close()
    made.wire.write(b"anybody there?")
    await kit.becomes(lambda: "stop" in made.told)
    return [made.told]


@CASES([["start", "refused"], ["x"]])
async def refused_while_reading(kit: Kit) -> Any:
    """A refusal that reading finds is told to a connected port."""
    made, address = _listen(kit)
    peer = _peer(kit)
    made.wire.connect(*peer.getsockname())
    made.wire.socket = Socket(made.wire.socket, [errno.ECONNREFUSED])
    peer.sendto(b"x", address)
    await kit.becomes(lambda: made.got)
    return [made.told, made.got]


@CASES([["start"], ["alive"]])
async def refused_without_a_connection(kit: Kit) -> Any:
    """A port that is not connected is told nothing, and goes on."""
    gone, alive = _peer(kit), _peer(kit)
    made, address = _listen(kit)
    there = gone.getsockname()
    gone.close()
    made.wire.write(b"anybody there?", there)
    await kit.turns()
    alive.sendto(b"alive", address)
    await kit.becomes(lambda: made.got)
    return [made.told, made.got]


@CASES(
    [
        "InvalidAddressError",
        "InvalidAddressError",
        "AssertionError",
        "MessageLengthError",
        "InvalidAddressError",
        "RuntimeError",
        "AssertionError",
    ]
)
async def addresses_that_are_refused(kit: Kit) -> Any:
    """No names, no other family, no address at all, or another one than that of the connection."""
    made, address = _listen(kit)
    peer = _peer(kit)
    wire = made.wire
    found = []
    for call, *arguments in (
        (wire.write, b"x", ("localhost", 1)),
        (wire.write, b"x", ("::1", 1)),
        (wire.write, b"x"),
        (wire.write, b"x" * 100_000, address),
        (wire.connect, "localhost", 1),
        (wire.connect, *peer.getsockname()),
        (wire.connect, *peer.getsockname()),
        (wire.write, b"x", ("127.0.0.1", 1)),
    ):
        try:
            call(*arguments)
        except Exception as error:
            found.append(type(error).__name__)
    return found


@CASES(["ab", "abc"])
async def sequences_and_connections(kit: Kit) -> Any:
    """writeSequence joins; a connected port needs no address."""
    made, _ = _listen(kit)
    peer = _peer(kit)
    made.wire.writeSequence([b"a", b"b"], peer.getsockname())
    first = await kit.received(peer, 2)
    made.wire.connect(*peer.getsockname())
    made.wire.write(b"abc")
    return [first.decode(), (await kit.received(peer, 3)).decode()]


@CASES([["start", "stop"], False])
async def stopping_in_datagram_received(kit: Kit) -> Any:
    """stopListening inside datagramReceived: the port is closed in the next turn."""
    made, address = _listen(kit)
    peer = _peer(kit)
    made.on_data = lambda _: made.wire.stopListening()
    peer.sendto(b"x", address)
    await kit.becomes(lambda: "stop" in made.told)
    return [made.told, hasattr(made.wire, "socket")]


class Socket:
    """A socket whose calls fail as a case wants."""

    def __init__(self, real: socket.socket, failing: list[int]) -> None:
        self.real, self.failing = real, failing

    def _fail(self) -> None:
        if self.failing:
            raise OSError(self.failing.pop(0), "planned")

    def recvfrom(self, size: int) -> Any:
        """Receive."""
        self._fail()
        return self.real.recvfrom(size)

    def sendto(self, data: bytes, address: Any) -> int:
        """Send."""
        self._fail()
        return self.real.sendto(data, address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@CASES([["x"], ["start"]])
async def errors_of_receiving(kit: Kit) -> Any:
    """EAGAIN, EINTR and a refusal end the read, and the port goes on."""
    made, address = _listen(kit)
    made.wire.socket = Socket(made.wire.socket, [errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED])
    _peer(kit).sendto(b"x", address)
    await kit.becomes(lambda: made.got)
    return [made.got, made.told]


@CASES([["x"], None, "OSError"])
async def errors_of_sending(kit: Kit) -> Any:
    """EINTR is tried again, a refusal is nothing, and others are raised."""
    made, _ = _listen(kit)
    peer = _peer(kit)
    real = made.wire.socket
    made.wire.socket = Socket(real, [errno.EINTR])
    made.wire.write(b"x", peer.getsockname())
    got = (await kit.received(peer, 1)).decode()
    made.wire.socket = Socket(real, [errno.ECONNREFUSED, errno.EIO])
    nothing_said = made.wire.write(b"x", peer.getsockname())
    try:
        made.wire.write(b"x", peer.getsockname())
        raised = ""
    except OSError as error:
        raised = type(error).__name__
    made.wire.socket = real
    return [[got], nothing_said, raised]


@pytest.mark.parametrize("case", CASES.names)
def test_datagrams_come_and_go_as_on_stock(returned: dict[str, Any], case: str) -> None:
    """Each by itself, after errors too, and only to addresses."""
    assert returned.get(case, returned) == CASES.expected(case)
