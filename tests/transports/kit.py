"""What cases are made of: connections, peers that are sockets, and turns of the loop."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet import tcp, udp, unix
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.reactors.inside import becomes, pause

LOCAL = "127.0.0.1"
#: More than any socket here takes without a reader.
FLOOD = b"flood" * 600_000


def nothing(*_: object) -> None:
    """Do nothing."""


class Noting(Protocol):
    """Notes what it is told, and lets a case act in its callbacks."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.lost: list[str] = []
        self.on_made: Callable[[], object] = nothing
        self.on_data: Callable[[bytes], object] = nothing
        self.on_lost: Callable[[Failure], object] = nothing
        self.wire: Any = None

    def connectionMade(self) -> None:
        """Keep the transport."""
        self.wire = self.transport
        self.on_made()

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.got.append(data)
        self.on_data(data)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        """Keep the reason."""
        assert reason.type is not None
        self.lost.append(reason.type.__name__)
        self.on_lost(reason)

    @property
    def text(self) -> str:
        """All that has come."""
        return b"".join(self.got).decode()


@implementer(IHalfCloseableProtocol)
class HalfNoting(Noting):
    """Goes on when one direction has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.on_read_lost: Callable[[], object] = nothing
        self.on_write_lost: Callable[[], object] = nothing

    def readConnectionLost(self) -> None:
        """Note it."""
        self.lost.append("read")
        self.on_read_lost()

    def writeConnectionLost(self) -> None:
        """Note it."""
        self.lost.append("write")
        self.on_write_lost()


class Making(ClientFactory):
    """Gives one protocol."""

    noisy = False

    def __init__(self, protocol: Any) -> None:
        self.one = protocol
        self.failed: list[str] = []

    def buildProtocol(self, address: Any) -> Any:
        """Give it."""
        return self.one

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        """Note why."""
        self.failed.append(reason.type.__name__)


class Kit:
    """Makes what one case needs, and takes it away after it."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        #: What listens, and is stopped when the case is over.
        self.ports: list[Any] = []
        self._protocols: list[Any] = []
        self._sockets: list[socket.socket] = []
        self._folder = tempfile.TemporaryDirectory()

    async def served(
        self,
        protocol: Any = None,
        transport: Any = None,
        kind: str = "tcp",
        prepare: Callable[[socket.socket], object] = nothing,
    ) -> tuple[Any, socket.socket]:
        """Give a server's protocol, connected, and the socket that is its peer and does not block.

        Args:
            protocol: that one.
            transport: what makes the transport, instead of `Server`.
            kind: "tcp" or "unix".
            prepare: is called with both sockets before they are connected.
        """
        port = self.port(Making(protocol or Noting()), kind)
        if transport is not None:
            port.transport = transport
        prepare(port.socket)
        peer = socket.socket(port.socket.family)
        prepare(peer)
        peer.connect(port.socket.getsockname())
        peer.setblocking(False)
        self._sockets.append(peer)
        made = port.factory.one
        self._protocols.append(made)
        await becomes(self.reactor, lambda: made.transport is not None)
        return made, peer

    async def called(
        self, protocol: Any = None, transport: Any = None, kind: str = "tcp"
    ) -> tuple[Any, socket.socket]:
        """Give a client's protocol, connected, and the socket that is its peer and does not block.

        Args:
            protocol: that one.
            transport: the class of the transport, instead of `Client`.
            kind: "tcp" or "unix".
        """
        listening = self.listening(kind)
        factory = Making(protocol or Noting())
        self.connect(listening.getsockname(), factory, transport, kind)
        self._protocols.append(factory.one)
        await becomes(self.reactor, lambda: factory.one.transport is not None)
        return factory.one, await self.accepted(listening)

    def connect(self, address: Any, factory: Any, transport: Any = None, kind: str = "tcp") -> Any:
        """Begin to connect, with a class of transport, and give the connector."""
        connector: Any
        tcp_connector: Any = tcp.Connector
        if kind == "unix":
            connector = unix.Connector(address, factory, 30, self.reactor, False)
            if transport is not None:
                connector._makeTransport = lambda: transport(address, connector, self.reactor)
        else:
            connector = tcp_connector(*address, factory, 30, None, self.reactor)
            if transport is not None:
                connector._makeTransport = lambda: transport(*address, None, connector, self.reactor)
        connector.connect()
        return connector

    async def pair(self, server: Any = None, client: Any = None, kind: str = "tcp") -> tuple[Any, Any]:
        """Give the protocols of both ends of a connection."""
        port = self.port(Making(server or Noting()), kind)
        factory = Making(client or Noting())
        self.connect(port.socket.getsockname(), factory, None, kind)
        ends = [port.factory.one, factory.one]
        self._protocols += ends
        await becomes(self.reactor, lambda: all(end.transport is not None for end in ends))
        return ends[0], ends[1]

    def port(self, factory: Factory, kind: str = "tcp") -> Any:
        """Listen."""
        if kind == "unix":
            port = self.reactor.listenUNIX(self.path(), factory)
        else:
            port = self.reactor.listenTCP(0, factory, interface=LOCAL)
        self.ports.append(port)
        return port

    def datagrams(self, protocol: Any, port: Any = udp.Port, host: str = LOCAL) -> tuple[Any, socket.socket]:
        """Give a port that receives datagrams, and a socket that is its peer and does not block.

        Args:
            protocol: what the port hands them to.
            port: the class of the port.
            host: the address of both.
        """
        made = port(0, protocol, host, 8192, self.reactor)
        made.startListening()
        self.ports.append(made)
        peer = self.keep(socket.socket(made.socket.family, socket.SOCK_DGRAM))
        peer.bind((host, 0))
        peer.connect(made.socket.getsockname()[:2])
        peer.setblocking(False)
        return made, peer

    def listening(self, kind: str = "tcp") -> socket.socket:
        """Give a socket that listens."""
        own = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
        own.bind(self.path() if kind == "unix" else (LOCAL, 0))
        own.listen()
        own.setblocking(False)
        self._sockets.append(own)
        return own

    async def accepted(self, listening: socket.socket) -> socket.socket:
        """Give the peer of a client, as a socket that does not block."""
        while True:
            try:
                peer, _ = listening.accept()
            except BlockingIOError:
                await pause(self.reactor)
            else:
                peer.setblocking(False)
                self._sockets.append(peer)
                return peer

    def path(self) -> str:
        """Give a path for a socket."""
        return os.path.join(self._folder.name, f"socket-{len(self.ports)}-{len(self._sockets)}")

    def keep(self, one: Any) -> Any:
        """Close a socket when the case is over."""
        self._sockets.append(one)
        return one

    async def turns(self, count: int = 5) -> None:
        """Let the loop turn some times, which is enough for all that is ready."""
        for _ in range(count):
            await pause(self.reactor)

    def becomes(self, condition: Callable[[], Any]) -> Awaitable[None]:
        """Wait until something is so."""
        return becomes(self.reactor, lambda: bool(condition()))

    async def ended(self, protocol: Any) -> Any:
        """Wait until a protocol has been told of the end, and give the reasons."""
        await self.becomes(lambda: protocol.lost)
        return protocol.lost

    async def received(self, peer: socket.socket, count: int) -> bytes:
        """Give so many bytes of what a peer gets, or less if it gets no more."""
        got = bytearray()
        while len(got) < count:
            try:
                data = peer.recv(count - len(got))
            except BlockingIOError:
                await pause(self.reactor)
                continue
            if not data:
                break
            got += data
        return bytes(got)

    async def drained(self, peer: socket.socket) -> str:
        """Give how a peer is told of the end, after all that comes before it."""
        while True:
            try:
                data = peer.recv(1 << 20)
            except BlockingIOError:
                await pause(self.reactor)
            except OSError as error:
                return type(error).__name__
            else:
                if not data:
                    return "end"

    async def seen(self, peer: socket.socket) -> str:
        """Give what a peer has got after some turns."""
        await self.turns(10)
        with contextlib.suppress(BlockingIOError):
            return peer.recv(1 << 20).decode()
        return ""

    async def close(self) -> None:
        """Take away what has been made."""
        for protocol in self._protocols:
            wire = protocol.transport
            if wire is not None and getattr(wire, "socket", None) is not None and not protocol.lost:
                protocol.on_lost = nothing
                with contextlib.suppress(Exception):
                    tcp.Connection.abortConnection(wire)
        for port in self.ports:
            if port.connected:
                await port.stopListening()
        await self.turns()
        for own in self._sockets:
            own.close()
        self._folder.cleanup()
