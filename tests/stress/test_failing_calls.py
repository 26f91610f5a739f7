"""Calls of the system that fail again and again, on all connections: nothing is lost, or comes twice."""

from __future__ import annotations

import ctypes
import os
import random
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Factory, Protocol

from tests.connections.certificates import contexts
from tests.reactors import Loop
from tests.reactors.inside import gathered, until
from tests.transports.failing_calls import compiled

#: How many connections there are, one after the other ten at a time, and how many bytes go each way.
CONNECTIONS = int(os.environ.get("DEFERROUS_FAILING_CONNECTIONS", "60"))
LENGTH = 100_000


class Echo(Protocol):
    """Sends back what comes, and pauses the sender when nobody takes it."""

    def connectionMade(self) -> None:
        """Be a producer for the other direction."""
        wire: Any = self.transport
        wire.registerProducer(wire, True)

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        wire: Any = self.transport
        wire.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        """There is nothing to do."""


class Client(Protocol):
    """Sends data in pieces of all sizes, and ends when it has come back."""

    def __init__(self, number: int) -> None:
        self.random = random.Random(number)
        self.data = self.random.randbytes(LENGTH)
        self.got = bytearray()
        self.done: Deferred[list[Any]] = Deferred()

    def connectionMade(self) -> None:
        """Send all."""
        wire: Any = self.transport
        start = 0
        while start < LENGTH:
            size = self.random.choice([1, 100, 5000, 50_000])
            wire.write(self.data[start : start + size])
            start += size

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        wire: Any = self.transport
        self.got += data
        if len(self.got) >= LENGTH:
            wire.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        """Say whether all has come back, and how it ended."""
        self.done.callback([self.got == self.data, reason.type.__name__])


def in_trouble(reactor: Any, kind: str, count: int, path: str) -> list[Any]:
    """Use many connections, while one call in three fails or is short; give each outcome once."""
    ctypes.CDLL(os.environ["LD_PRELOAD"]).trouble(3, count)
    factory = Factory.forProtocol(Echo)
    factory.noisy = False
    settings = contexts()

    def connect(client: Client, number: int) -> None:
        making: Any = ClientFactory()
        making.noisy = False
        making.buildProtocol = lambda address: client
        if kind == "unix":
            reactor.connectUNIX(path, making)
        elif kind == "tls":
            reactor.connectSSL("127.0.0.1", number, making, settings[1])
        else:
            reactor.connectTCP("127.0.0.1", number, making)

    async def main() -> list[Any]:
        if kind == "unix":
            port = reactor.listenUNIX(path, factory)
        elif kind == "tls":
            port = reactor.listenSSL(0, factory, settings[0], interface="127.0.0.1")
        else:
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        outcomes: list[Any] = []
        for start in range(0, count, 10):
            clients = [Client(number) for number in range(start, start + 10)]
            for client in clients:
                connect(client, getattr(port.getHost(), "port", 0))
            outcomes += await gathered([client.done for client in clients])
        await port.stopListening()
        return [outcome for number, outcome in enumerate(outcomes) if outcome not in outcomes[:number]]

    return until(reactor, main())


@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
def test_all_arrives_while_calls_fail(loop: Loop, kind: str, tmp_path: Path) -> None:
    """EAGAIN, EINTR, ENOBUFS and short calls, one in three: all data comes back, and the ends are clean."""
    library = compiled(tmp_path)
    arguments = (kind, CONNECTIONS, str(tmp_path / "socket"))
    found = loop.run(in_trouble, *arguments, patience=1200, LD_PRELOAD=library)
    assert found == [[True, "ConnectionDone"]]
