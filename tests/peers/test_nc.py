"""nc against servers and clients of Twisted: TCP, UNIX, UDP and the end of one direction."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.peers.commands import BYTES, LOCAL, run, serving, talking
from tests.peers.inside import Gathering, serve
from tests.peers.tools import needs
from tests.reactors import Loop
from tests.reactors.inside import becomes, until

pytestmark = needs("nc")


@implementer(IHalfCloseableProtocol)
class Mirror(Protocol):
    """Sends back what comes, and at the end of that how much it was."""

    notes: list[str]

    def connectionMade(self) -> None:
        """Pause the sender when nobody takes it."""
        wire: Any = self.transport
        wire.registerProducer(wire, True)
        self.count = 0

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        wire: Any = self.transport
        self.count += len(data)
        wire.write(data)

    def readConnectionLost(self) -> None:
        """The peer has said all: say the last."""
        wire: Any = self.transport
        wire.unregisterProducer()
        wire.write(b"that were %d bytes\n" % self.count)
        wire.loseConnection()

    def writeConnectionLost(self) -> None:
        """This is never told: the connection ends whole."""
        self.notes.append("write lost")

    def connectionLost(self, reason: Any = None) -> None:
        """Note it."""
        self.notes.append(reason.type.__name__)


def stream_server(reactor: Any, path: str) -> list[Any]:
    """Serve by TCP and UNIX sockets, and give how connections ended."""
    Mirror.notes = []
    factory = Factory.forProtocol(Mirror)
    ports = reactor.listenTCP(0, factory, interface=LOCAL), reactor.listenUNIX(path, factory)
    return serve(reactor, *ports, notes=Mirror.notes)


@pytest.mark.parametrize("kind", ["TCP", "UNIX"])
def test_nc_gets_back_all_and_the_end(loop: Loop, kind: str, tmp_path: Path) -> None:
    """It ends its direction when it has sent all, and still gets all that comes."""
    data = os.urandom(BYTES)
    with serving(loop, stream_server, str(tmp_path / "socket")) as server:
        port, path = server.addresses
        address = [LOCAL, str(port)] if kind == "TCP" else ["-U", path]
        for _ in range(3):
            out = run("nc", "-N", *address, stdin=data).out
            assert out == data + b"that were %d bytes\n" % BYTES
        assert server.stop() == ["ConnectionDone"] * 3


class Reversing(DatagramProtocol):
    """Sends back datagrams, each from its end."""

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Send it back."""
        wire: Any = self.transport
        wire.write(datagram[::-1], addr)


def datagram_server(reactor: Any) -> list[Any]:
    """Serve by UDP."""
    return serve(reactor, reactor.listenUDP(0, Reversing(), interface=LOCAL))


def test_nc_gets_an_answer_by_udp(loop: Loop) -> None:
    """Each datagram that it sends is answered."""
    with (
        serving(loop, datagram_server) as server,
        talking("nc", "-u", LOCAL, str(server.port)) as peer,
    ):
        assert peer.stdin is not None
        assert peer.stdout is not None
        for number in range(200):
            peer.stdin.write(b"\n%06d" % number)
            peer.stdin.flush()
            assert peer.stdout.readline() == b"%06d\n" % int(f"{number:06d}"[::-1])


@implementer(IHalfCloseableProtocol)
class Half(Gathering):
    """Goes on when the peer has said all."""

    ended = False

    def readConnectionLost(self) -> None:
        """Note it."""
        self.ended = True

    def writeConnectionLost(self) -> None:
        """There is nothing to do."""


def calling(reactor: Any, address: Any, count: int) -> list[Any]:
    """Send much, end that direction, and give what comes until the peer ends the other one."""

    async def main() -> list[Any]:
        if isinstance(address, str):
            endpoint: Any = UNIXClientEndpoint(reactor, address)
        else:
            endpoint = TCP4ClientEndpoint(reactor, LOCAL, address)
        client = await connectProtocol(endpoint, Half())
        for _ in range(count):
            client.transport.write(b"x" * 1000)
        client.transport.loseWriteConnection()
        await becomes(reactor, lambda: client.ended)
        client.transport.loseConnection()
        return [hashlib.sha256(client.got).hexdigest(), await client.lost]

    return until(reactor, main())


@pytest.mark.parametrize("kind", ["TCP", "UNIX"])
def test_a_client_and_nc_each_end_their_direction(loop: Loop, kind: str, tmp_path: Path) -> None:
    """Both get all that the other has sent."""
    data, count = os.urandom(100_000), BYTES // 1000
    (tmp_path / "data").write_bytes(data)
    path = str(tmp_path / "socket")
    words = ["nc", "-lnvN", *([LOCAL, "0"] if kind == "TCP" else ["-U", path])]
    with talking(*words, stdin=tmp_path / "data", stdout=tmp_path / "out") as peer:
        assert peer.stderr is not None
        said = peer.stderr.readline().decode()
        address = path if kind == "UNIX" else int(said.split()[-1])
        found = loop.run(calling, address, count)
        assert peer.wait(timeout=60) == 0
    assert found == [hashlib.sha256(data).hexdigest(), "ConnectionDone"]
    assert (tmp_path / "out").read_bytes() == b"x" * 1000 * count


class Asking(DatagramProtocol):
    """Sends one datagram, and keeps what comes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.got: list[str] = []

    def startProtocol(self) -> None:
        """Send it."""
        wire: Any = self.transport
        wire.connect(LOCAL, self.port)
        wire.write(b"question\n")

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Keep it."""
        self.got.append(datagram.decode())


def asking(reactor: Any, port: int) -> list[str]:
    """Ask by UDP, and give the answer."""

    async def main() -> list[str]:
        client = Asking(port)
        listening = reactor.listenUDP(0, client, interface=LOCAL)
        await becomes(reactor, lambda: bool(client.got))
        await listening.stopListening()
        return client.got

    return until(reactor, main())


def test_nc_answers_by_udp(loop: Loop) -> None:
    """It gets the datagram, and its answer arrives."""
    with talking("nc", "-lnvu", LOCAL, "0") as peer:
        assert peer.stderr is not None
        assert peer.stdin is not None
        assert peer.stdout is not None
        port = int(peer.stderr.readline().split()[-1])
        with loop.start(asking, port) as client:
            assert peer.stdout.readline() == b"question\n"
            peer.stdin.write(b"answer\n")
            peer.stdin.flush()
            assert client.line() == ["answer\n"]
            assert client.wait().status == 0
