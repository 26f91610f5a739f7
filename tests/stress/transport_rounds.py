"""Rounds with transports: TLS, producers, directions that end one after the other, and pages."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import ClientFactory, Factory
from twisted.protocols.policies import WrappingFactory
from twisted.web.client import Agent, readBody
from twisted.web.iweb import IAgentEndpointFactory
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.connections.certificates import contexts
from tests.reactors.inside import becomes, gathered, pause
from tests.stress import rounds
from tests.stress.rounds import Echo, Once, Round

LOCAL = "127.0.0.1"
#: Making a key takes longer than a round.
_contexts = lru_cache(contexts)


class Ignoring(Echo):
    """Takes what comes."""

    def dataReceived(self, data: bytes) -> None:
        """It is not wanted."""


class Much(Echo):
    """Writes a piece whenever it is asked to go on, and leaves after some."""

    pieces = 20

    def connectionMade(self) -> None:
        """Be the producer."""
        transport: Any = self.transport
        transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Write a piece."""
        transport: Any = self.transport
        self.pieces -= 1
        transport.write(b"x" * 100_000)
        if not self.pieces:
            transport.unregisterProducer()
            transport.loseConnection()

    def stopProducing(self) -> None:
        """The peer has left."""


@implementer(IHalfCloseableProtocol)
class Halves(Echo):
    """Has a last word when the peer has said all."""

    def readConnectionLost(self) -> None:
        """Say it."""
        transport: Any = self.transport
        transport.write(b"last")
        transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """There is nothing to do."""


@implementer(IHalfCloseableProtocol)
class Asking(Ignoring):
    """Says all at once, and waits for the end."""

    def connectionMade(self) -> None:
        """Say it."""
        transport: Any = self.transport
        transport.write(b"x" * 10_000)
        transport.loseWriteConnection()

    def readConnectionLost(self) -> None:
        """Leave."""
        transport: Any = self.transport
        transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """There is nothing to do."""


class Page(Resource):
    """A page."""

    isLeaf = True
    text = b"a page" * 1000

    def render_GET(self, request: Any) -> bytes:
        """Give it."""
        return self.text


async def back_pressure(reactor: Any) -> None:
    """Servers that write when they are asked to, for clients some of which leave early."""
    port = reactor.listenTCP(0, Factory.forProtocol(Much), interface=LOCAL)
    endpoint = TCP4ClientEndpoint(reactor, LOCAL, port.getHost().port)
    clients = [await connectProtocol(endpoint, Ignoring()) for _ in range(6)]
    for client in clients[::2]:
        client.transport.abortConnection()
    await gathered([client.lost for client in clients])
    await port.stopListening()


async def half_closed(reactor: Any) -> None:
    """Connections whose directions end one after the other."""
    port = reactor.listenTCP(0, Factory.forProtocol(Halves), interface=LOCAL)
    endpoint = TCP4ClientEndpoint(reactor, LOCAL, port.getHost().port)
    clients = [await connectProtocol(endpoint, Asking()) for _ in range(10)]
    await gathered([client.lost for client in clients])
    await port.stopListening()


def _factory_of(protocol: Any) -> Any:
    factory: Any = ClientFactory()
    factory.noisy = False
    factory.buildProtocol = lambda address: protocol
    return factory


async def secure(reactor: Any) -> None:
    """Connections by TLS, of which some end in the handshake, and some in the middle of data."""
    ours, theirs = _contexts()
    port = reactor.listenSSL(0, Factory.forProtocol(Echo), ours, interface=LOCAL)
    clients: list[Any] = [Once(), Echo(), Echo(), Once(), Echo(), Echo()]
    for client in clients:
        reactor.connectSSL(LOCAL, port.getHost().port, _factory_of(client), theirs)
    await becomes(reactor, lambda: all(client.transport for client in clients))
    for client in clients[1::3]:
        client.transport.abortConnection()
    for client in clients[2::3]:
        client.transport.write(b"x" * 200_000)
    await pause(reactor, 0.005)
    for client in clients[2::3]:
        client.transport.abortConnection()
    await gathered([client.lost for client in clients])
    await port.stopListening()


@implementer(IAgentEndpointFactory)
class Always:
    """Connects to one port, whatever the address says."""

    def __init__(self, reactor: Any, port: Any) -> None:
        self.endpoint = TCP4ClientEndpoint(reactor, LOCAL, port.getHost().port)

    def endpointForURI(self, uri: Any) -> TCP4ClientEndpoint:
        """Give where it is."""
        return self.endpoint


async def pages(reactor: Any) -> None:
    """Requests to a server of `twisted.web`, each by a connection of its own."""
    site: Any = Site(Page())
    served: Any = WrappingFactory(site)
    port = reactor.listenTCP(0, served, interface=LOCAL)
    agent: Any = Agent.usingEndpointFactory(reactor, Always(reactor, port))
    for _ in range(3):
        # Always the same address, as urllib keeps the last addresses that it has split.
        assert await readBody(await agent.request(b"GET", b"http://localhost/")) == Page.text
    await becomes(reactor, lambda: not served.protocols)
    await port.stopListening()


ALL: list[Round] = [
    rounds.timers,
    rounds.calls,
    rounds.jobs,
    rounds.pools,
    rounds.connections,
    rounds.aborted,
    rounds.local,
    rounds.datagrams,
    rounds.processes,
    rounds.readers,
    back_pressure,
    half_closed,
    secure,
    pages,
]
