"""TCP over the loopback interface: much data, either side ending in every way, and connections that fail."""

from __future__ import annotations

import hashlib
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ServerEndpoint, connectProtocol
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IHalfCloseableProtocol, IPullProducer
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.reactors import Loop
from tests.reactors.inside import becomes, gathered, pause, until

CHUNK = bytes(range(256)) * 256


class Noting(Protocol):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.got = bytearray()
        self.lost: Deferred[str] = Deferred()

    @property
    def wire(self) -> Any:
        """Give the transport."""
        return self.transport

    def dataReceived(self, data: bytes) -> None:
        """Collect it."""
        self.got += data

    def connectionLost(self, reason: Any = None) -> None:
        """Note why."""
        self.notes.append(reason.type.__name__)
        self.lost.callback(reason.type.__name__)


@implementer(IHalfCloseableProtocol)
class Half(Noting):
    """Notes that one direction has ended."""

    def readConnectionLost(self) -> None:
        """The other side has said that it sends nothing more."""
        self.notes.append("read lost")

    def writeConnectionLost(self) -> None:
        """Our data has been sent, and no more may be sent."""
        self.notes.append("write lost")


async def connected(reactor: Any, server_kind: Any, client_kind: Any) -> tuple[Any, Any, Any]:
    """Give a port, and both sides of a connection to it."""
    servers: list[Any] = []

    class Serving(Factory):
        """Keeps what it makes."""

        def buildProtocol(self, address: Any) -> Any:
            servers.append(server_kind())
            return servers[-1]

    port = reactor.listenTCP(0, Serving(), interface="127.0.0.1")
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await connectProtocol(endpoint, client_kind())
    await becomes(reactor, lambda: bool(servers) and servers[0].transport is not None)
    return port, servers[0], client


@implementer(IPullProducer)
class Pulled:
    """Gives a chunk whenever it is asked for one."""

    def __init__(self, wire: Any, chunks: int) -> None:
        self.wire = wire
        self.chunks = chunks
        wire.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Give one."""
        if self.chunks == 0:
            self.wire.unregisterProducer()
            self.wire.loseConnection()
            return
        self.chunks -= 1
        self.wire.write(CHUNK)

    def stopProducing(self) -> None:
        """There is nothing to stop."""


class Hashing(Noting):
    """Takes what comes, and stops the flow now and then."""

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self.reactor = reactor
        self.hash = hashlib.sha256()
        self.count = 0
        self.calls = 0

    def dataReceived(self, data: bytes) -> None:
        """Count it."""
        self.hash.update(data)
        self.count += len(data)
        self.calls += 1
        if self.calls % 40 == 0:
            self.wire.pauseProducing()
            self.reactor.callLater(0.001, self.wire.resumeProducing)


def much_data(reactor: Any, chunks: int) -> list[Any]:
    """Send much, in one write, in many, and as it is asked for, to one who pauses."""
    found: list[Any] = []

    async def main() -> None:
        for way in ("one write", "many writes", "sequence", "pulled"):
            port, server, client = await connected(reactor, Noting, lambda: Hashing(reactor))
            if way == "one write":
                server.wire.write(CHUNK * chunks)
            elif way == "many writes":
                for _ in range(chunks):
                    server.wire.write(CHUNK)
            elif way == "sequence":
                server.wire.writeSequence([CHUNK] * chunks)
            else:
                Pulled(server.wire, chunks)
            if way != "pulled":
                server.wire.loseConnection()
            ends = await gathered([client.lost, server.lost])
            found.append([client.count, client.hash.hexdigest(), *ends])
            await port.stopListening()

    until(reactor, main())
    return found


def test_all_data_arrives_in_order_before_the_connection_ends(loop: Loop) -> None:
    """All arrives in order, before the connection ends."""
    chunks = 150
    sent = hashlib.sha256(CHUNK * chunks).hexdigest()
    expected = [len(CHUNK) * chunks, sent, "ConnectionDone", "ConnectionDone"]
    assert loop.run(much_data, chunks) == [expected] * 4


class Flowing(Noting):
    """Sends for ever, as long as it is not told to pause."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def resumeProducing(self) -> None:
        """Go on."""
        self.told.append("resume")
        while self.told[-1] == "resume":
            self.wire.write(CHUNK)

    def pauseProducing(self) -> None:
        """Stop for now."""
        self.told.append("pause")

    def stopProducing(self) -> None:
        """Stop for good."""
        self.told.append("stop")


def pushing(reactor: Any) -> list[Any]:
    """Let one side push, and the other one take nothing for some time, and then leave."""

    async def main() -> list[Any]:
        port, server, client = await connected(reactor, Flowing, Noting)
        client.wire.pauseProducing()
        server.wire.registerProducer(server, True)
        server.resumeProducing()
        first = list(server.told)
        await pause(reactor, 0.02)
        client.wire.resumeProducing()
        await becomes(reactor, lambda: server.told.count("pause") > 10)
        client.wire.abortConnection()
        ends = await gathered([client.lost, server.lost])
        await port.stopListening()
        alternating = server.told[:-1] == ["resume", "pause"] * (len(server.told) // 2)
        return [first, alternating, server.told[-1], *ends]

    return until(reactor, main())


def test_a_producer_is_paused_and_resumed(loop: Loop) -> None:
    """It is paused when nobody takes its data, resumed when they do, and stopped when they have left."""
    ends = ["ConnectionAborted", "ConnectionLost"]
    assert loop.run(pushing) == [["resume", "pause"], True, "stop", *ends]


def halves(reactor: Any) -> list[Any]:
    """End one direction, then the other."""

    async def main() -> list[Any]:
        port, server, client = await connected(reactor, Half, Half)
        client.wire.write(CHUNK)
        client.wire.loseWriteConnection()
        await becomes(reactor, lambda: "read lost" in server.notes)
        asked = [len(server.got), list(client.notes)]
        server.wire.write(CHUNK * 2)
        server.wire.loseConnection()
        await becomes(reactor, lambda: "read lost" in client.notes)
        client.wire.loseConnection()
        await gathered([client.lost, server.lost])
        await port.stopListening()
        return [*asked, len(client.got), client.notes, server.notes]

    return until(reactor, main())


def test_half_closed_connections_go_on_in_the_other_direction(loop: Loop, stock_loop: Loop) -> None:
    """The other direction goes on until it is ended too, and both sides are told of each step."""
    found = loop.run(halves)
    assert found == stock_loop.run(halves)
    assert found[:3] == [len(CHUNK), ["write lost"], 2 * len(CHUNK)]
    assert found[4][0] == "read lost"


def ends(reactor: Any) -> dict[str, list[str]]:
    """End connections in every way, and give what the client and the server are told."""
    found = {}

    def reset(side: Any) -> None:
        side.wire.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        side.wire.loseConnection()

    def raw_close(side: Any) -> None:
        side.wire.getHandle().shutdown(socket.SHUT_RDWR)

    def lose_twice(side: Any) -> None:
        side.wire.write(b"last words")
        side.wire.loseConnection()
        side.wire.write(b", once more")
        side.wire.loseConnection()
        reactor.callLater(0.01, side.wire.write, b" and too late")

    def abort_with_data(side: Any) -> None:
        side.wire.write(b"\0" * 10_000_000)
        side.wire.abortConnection()

    async def main() -> None:
        for end in (reset, raw_close, lose_twice, abort_with_data):
            port, server, client = await connected(reactor, Noting, Noting)
            end(client)
            reasons = await gathered([client.lost, server.lost])
            found[end.__name__] = [*reasons, server.got[:20].decode("latin-1")]
            await port.stopListening()

    until(reactor, main())
    return found


def test_both_sides_are_told_once_how_a_connection_ended(loop: Loop, stock_loop: Loop) -> None:
    """Both sides are told once, with the reason."""
    found = loop.run(ends)
    assert found == stock_loop.run(ends)
    assert found["lose_twice"] == ["ConnectionDone", "ConnectionDone", "last words, once mor"]
    assert found["abort_with_data"][:2] == ["ConnectionAborted", "ConnectionLost"]


class Failing(ClientFactory):
    """Notes how connecting failed."""

    protocol = Noting

    def __init__(self) -> None:
        self.failed: Deferred[str] = Deferred()

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        """Note it."""
        self.failed.callback(reason.type.__name__)


def failing(reactor: Any) -> list[str]:
    """Connect where nobody listens, to what is no address, for too short a time, and give up."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refusing = unused.getsockname()[1]

    async def main() -> list[str]:
        found = []
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = full.getsockname()
        # As many as the system takes without anybody who accepts them.
        fill = [socket.socket() for _ in range(3)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(waiting)
        for host, port, timeout in (("127.0.0.1", refusing, 30), ("no.invalid", 1, 30), (*waiting, 0.05)):
            factory = Failing()
            reactor.connectTCP(host, port, factory, timeout=timeout)
            found.append(await factory.failed)
        factory = Failing()
        reactor.connectTCP(*waiting, factory).stopConnecting()
        found.append(await factory.failed)
        for each in (full, *fill):
            each.close()
        return found

    return until(reactor, main())


def test_a_failed_connection_reports_its_reason(loop: Loop) -> None:
    """The reason is told, and nothing hangs."""
    expected = ["ConnectionRefusedError", "DNSLookupError", "TimeoutError", "UserError"]
    assert loop.run(failing) == expected


def listening(reactor: Any) -> list[Any]:
    """Listen twice on one port, on another address family, and on a socket that was made before."""

    async def main() -> list[Any]:
        found: list[Any] = []
        port, _, client = await connected(reactor, Noting, Noting)
        try:
            reactor.listenTCP(port.getHost().port, Factory.forProtocol(Noting), interface="127.0.0.1")
        except CannotListenError as error:
            found.append(type(error.socketError).__name__)
        await port.stopListening()
        client.wire.write(b"still connected")
        six = await TCP6ServerEndpoint(reactor, 0, interface="::1").listen(Factory.forProtocol(Noting))
        found.append(six.getHost().host)
        await six.stopListening()
        with socket.socket() as made:
            made.bind(("127.0.0.1", 0))
            made.listen()
            made.setblocking(False)
            adopted = reactor.adoptStreamPort(made.fileno(), socket.AF_INET, Factory.forProtocol(Noting))
            address = made.getsockname()
        with socket.create_connection(address):
            found.append(adopted.getHost().port == address[1])
        await adopted.stopListening()
        client.wire.loseConnection()
        found.append(await client.lost)
        return found

    return until(reactor, main())


def test_a_taken_port_is_refused_and_closing_one_keeps_its_connections(loop: Loop) -> None:
    """A taken port is refused; what has been connected stays so when the port is closed."""
    assert loop.run(listening) == ["OSError", "::1", True, "ConnectionDone"]
