"""UNIX sockets: streams, datagrams, descriptors that are handed over, and the files that they leave."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import ConnectedDatagramProtocol, DatagramProtocol, Factory, Protocol
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.reactors import Loop
from tests.reactors.inside import announce, becomes, gathered, until


@implementer(IFileDescriptorReceiver)
class Echo(Protocol):
    """Sends back what comes, and writes to descriptors that come."""

    def __init__(self) -> None:
        self.lost: Deferred[str] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        transport: Any = self.transport
        transport.write(data)

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Write to it, and close it."""
        os.write(descriptor, b"written by the other side")
        os.close(descriptor)

    def connectionLost(self, reason: Any = None) -> None:
        """Note why."""
        self.lost.callback(reason.type.__name__)


class Client(Echo):
    """Collects what comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.got = bytearray()

    def dataReceived(self, data: bytes) -> None:
        """Collect it."""
        self.got += data


def streams(reactor: Any, path: str) -> list[Any]:
    """Connect many clients, send data and a descriptor, and close the port."""

    async def main() -> list[Any]:
        port = reactor.listenUNIX(path, Factory.forProtocol(Echo), mode=0o600, wantPID=True)
        found: list[Any] = [stat.S_IMODE(os.stat(path).st_mode), os.path.lexists(path + ".lock")]
        try:
            reactor.listenUNIX(path, Factory.forProtocol(Echo), wantPID=True)
        except CannotListenError:
            found.append("taken")
        endpoint = UNIXClientEndpoint(reactor, path)
        clients = [await connectProtocol(endpoint, Client()) for _ in range(20)]
        data = [bytes([number]) * 300_000 for number in range(20)]
        for client, each in zip(clients, data, strict=True):
            client.transport.write(each)
        await becomes(reactor, lambda: all(len(client.got) == 300_000 for client in clients))
        found.append([client.got for client in clients] == data)
        reading, writing = os.pipe()
        clients[0].transport.sendFileDescriptor(writing)
        clients[0].transport.write(b"x")
        await becomes(reactor, lambda: len(clients[0].got) > 300_000)
        os.close(writing)
        found.append(os.read(reading, 100).decode())
        for client in clients:
            client.transport.loseConnection()
        found.append(sorted(set(await gathered([client.lost for client in clients]))))
        await port.stopListening()
        return [*found, os.listdir(os.path.dirname(path))]

    return until(reactor, main())


def test_data_and_descriptors_arrive_over_unix_sockets(loop: Loop, tmp_path: Path) -> None:
    """Data and descriptors arrive, the path is taken as long as somebody listens, and goes then."""
    assert loop.run(streams, str(tmp_path / "socket")) == [
        0o600,
        True,
        "taken",
        True,
        "written by the other side",
        ["ConnectionDone"],
        [],
    ]


def foreign_client(reactor: Any, path: str) -> str:
    """Serve one client, which stops the reactor by leaving."""
    made: list[Echo] = []

    class Serving(Factory):
        """Keeps what it makes."""

        def buildProtocol(self, address: Any) -> Any:
            made.append(Echo())
            made[-1].lost.addCallback(lambda _: reactor.stop())
            return made[-1]

    reactor.listenUNIX(path, Serving())
    reactor.callWhenRunning(announce, "listens")
    reactor.run()
    return "left"


def test_a_plain_socket_is_served(loop: Loop, tmp_path: Path) -> None:
    """A plain socket is served as well, over a path in the abstract namespace too."""
    for path in (str(tmp_path / "socket"), f"\0deferrous-{os.getpid()}-{loop.name}"):
        with loop.start(foreign_client, path) as server, socket.socket(socket.AF_UNIX) as client:
            client.settimeout(100)
            assert server.line() == "listens"
            client.connect(path)
            client.sendall(b"hello")
            assert client.recv(10) == b"hello"
            client.close()
            assert server.wait() == (0, '"listens"\n"left"\n', "")


class Datagrams(DatagramProtocol):
    """Answers what comes from somebody who has an address."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    @property
    def wire(self) -> Any:
        """Give the transport."""
        return self.transport

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Answer it."""
        self.got.append(datagram)
        if addr:
            self.wire.write(datagram.upper(), addr)


class ConnectedDatagrams(ConnectedDatagramProtocol):
    """Collects what comes."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    @property
    def wire(self) -> Any:
        """Give the transport."""
        return self.transport

    def datagramReceived(self, datagram: bytes) -> None:  # type: ignore[override]
        """Collect it."""
        self.got.append(datagram)


def datagrams(reactor: Any, folder: str) -> list[Any]:
    """Send datagrams from clients with and without a path of their own."""
    server, named, nameless = Datagrams(), ConnectedDatagrams(), ConnectedDatagrams()
    path, own = os.path.join(folder, "server"), os.path.join(folder, "client")

    async def main() -> list[Any]:
        port = reactor.listenUNIXDatagram(path, server)
        ports = [
            reactor.connectUNIXDatagram(path, named, bindAddress=own),
            reactor.connectUNIXDatagram(path, nameless),
        ]
        for number in range(200):
            named.wire.write(b"named %d" % number)
            nameless.wire.write(b"nameless %d" % number)
            await becomes(reactor, lambda number=number: len(named.got) > number)  # type: ignore[misc]
        await becomes(reactor, lambda: len(server.got) == 400)
        for each in (port, *ports):
            await each.stopListening()
        return [
            named.got == [b"NAMED %d" % number for number in range(200)],
            len(nameless.got),
            sorted(server.got)
            == sorted(b"%s %d" % (n, i) for n in (b"named", b"nameless") for i in range(200)),
        ]

    return until(reactor, main())


def test_all_unix_datagrams_arrive_and_are_answered(loop: Loop, tmp_path: Path) -> None:
    """All arrive, and who has a path gets answers."""
    assert loop.run(datagrams, str(tmp_path)) == [True, 0, True]
