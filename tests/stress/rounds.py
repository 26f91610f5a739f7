"""Rounds of what a reactor does, each of which has to leave nothing behind."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.threads import deferToThread, deferToThreadPool
from twisted.internet.utils import getProcessOutput

from tests.helpers import Oops, handled, raising
from tests.reactors.inside import becomes, gathered, pause

#: They tell sockets apart that listen at the same time.
_numbers = itertools.count()

Round = Callable[[Any], Coroutine[Any, Any, None]]


class Echo(Protocol):
    """Sends back what comes."""

    def __init__(self) -> None:
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        transport: Any = self.transport
        transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        """Tell it."""
        self.lost.callback(None)


class Once(Echo):
    """Leaves after the first answer."""

    def connectionMade(self) -> None:
        """Say something."""
        transport: Any = self.transport
        transport.write(b"something")

    def dataReceived(self, data: bytes) -> None:
        """Leave."""
        transport: Any = self.transport
        transport.loseConnection()


class Receiving(DatagramProtocol):
    """Takes one datagram."""

    def __init__(self) -> None:
        self.got: Deferred[bytes] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Tell it."""
        self.got.callback(datagram)


class Raising:
    """A reader and writer that raises as soon as there is something."""

    def __init__(self, own: socket.socket) -> None:
        self.own = own
        self.lost: Deferred[None] = Deferred()

    def fileno(self) -> int:
        """Give the descriptor."""
        return self.own.fileno()

    def logPrefix(self) -> str:
        """Give the name for logs."""
        return "raising"

    def doRead(self) -> None:
        """Raise."""
        raise Oops

    doWrite = doRead

    def connectionLost(self, reason: Any) -> None:
        """Close it, and tell it."""
        self.own.close()
        self.lost.callback(None)


async def timers(reactor: Any) -> None:
    """Timers that are called, cancelled and moved."""
    made = [reactor.callLater(1000 + number, handled, None) for number in range(200)]
    for timer in made:
        timer.reset(500)
        timer.delay(1)
    for timer in made:
        timer.cancel()
    await gathered([Deferred.fromCoroutine(pausing(reactor)) for _ in range(50)])


async def pausing(reactor: Any) -> None:
    """Wait for the next turn."""
    await pause(reactor)


async def calls(reactor: Any) -> None:
    """Calls from a thread."""
    seen: list[int] = []

    def call() -> None:
        for number in range(200):
            reactor.callFromThread(seen.append, number)

    thread = threading.Thread(target=call)
    thread.start()
    await becomes(reactor, lambda: len(seen) == 200)
    thread.join()


async def jobs(reactor: Any) -> None:
    """Jobs in threads, some of which fail."""
    asked: list[Any] = [deferToThread(bytes, 1000) for _ in range(50)]
    asked += [deferToThread(raising(Oops())).addErrback(handled) for _ in range(50)]
    await gathered(asked)


async def pools(reactor: Any) -> None:
    """Pools of one's own, which grow and shrink."""
    pool = type(reactor.getThreadPool())(0, 4)
    pool.start()
    for size in (4, 1, 2):
        pool.adjustPoolsize(0, size)
        await gathered([deferToThreadPool(reactor, pool, bytes, 1000) for _ in range(10)])
    pool.stop()


async def connections(reactor: Any) -> None:
    """Connections over TCP, and one that is refused."""
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    clients = [await connectProtocol(endpoint, Once()) for _ in range(10)]
    await gathered([client.lost for client in clients])
    await port.stopListening()
    await connectProtocol(endpoint, Once()).addErrback(handled)


async def aborted(reactor: Any) -> None:
    """Connections that end in the middle of much data."""
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    clients = [await connectProtocol(endpoint, Echo()) for _ in range(5)]
    for client in clients:
        client.transport.write(b"x" * 200_000)
    await pause(reactor, 0.001)
    for client in clients:
        client.transport.abortConnection()
    await gathered([client.lost for client in clients])
    await port.stopListening()


async def local(reactor: Any) -> None:
    """UNIX sockets."""
    path = f"\0deferrous-{os.getpid()}-{next(_numbers)}"
    port = reactor.listenUNIX(path, Factory.forProtocol(Echo))
    clients = [await connectProtocol(UNIXClientEndpoint(reactor, path), Once()) for _ in range(10)]
    await gathered([client.lost for client in clients])
    await port.stopListening()


async def datagrams(reactor: Any) -> None:
    """UDP."""
    receiver = Receiving()
    receiving = reactor.listenUDP(0, receiver, interface="127.0.0.1")
    sending = reactor.listenUDP(0, DatagramProtocol(), interface="127.0.0.1")
    sending.write(b"x" * 1000, ("127.0.0.1", receiving.getHost().port))
    await receiver.got
    await gathered([receiving.stopListening(), sending.stopListening()])


async def processes(reactor: Any) -> None:
    """Processes."""
    assert await getProcessOutput("/bin/echo", ["said"]) == b"said\n"


async def readers(reactor: Any) -> None:
    """Readers and writers of one's own, some of which raise."""
    pairs = [socket.socketpair() for _ in range(10)]
    made = [Raising(ours) for ours, _ in pairs]
    for number, (each, (_, theirs)) in enumerate(zip(made, pairs, strict=True)):
        theirs.send(b"x")
        (reactor.addReader if number % 2 else reactor.addWriter)(each)
    await gathered([each.lost for each in made])
    for _, theirs in pairs:
        theirs.close()
