"""Nothing grows: rounds of what a reactor does leave no descriptors, objects, threads or memory behind."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.threads import deferToThread, deferToThreadPool
from twisted.internet.utils import getProcessOutput

from tests import logs
from tests.helpers import Oops, handled, raising
from tests.reactors import Loop
from tests.reactors.inside import becomes, descriptors, gathered, pause, resident, until

#: How often each thing is done, and for how many seconds at least all of them in turn.
ROUNDS = int(os.environ.get("DEFERROUS_REACTOR_ROUNDS", "25"))
SECONDS = float(os.environ.get("DEFERROUS_SOAK_SECONDS", "0"))
#: What Python and the system may keep whatever runs, in objects and in bytes.
SPARE_OBJECTS, SPARE_BYTES = 300, 20_000_000

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
    path = f"\0deferrous-{os.getpid()}"
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


ALL: list[Round] = [
    timers,
    calls,
    jobs,
    pools,
    connections,
    aborted,
    local,
    datagrams,
    processes,
    readers,
]


def objects() -> Counter[str]:
    """Count what Python has, by class."""
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects())


async def settled(reactor: Any, kinds: list[Round]) -> dict[str, Any]:
    """Do each thing once, wait until its ends are gone, and give what there is now."""
    for kind in kinds:
        await kind(reactor)
    # Stock Twisted throws cancelled timers away when there are more than fifty.
    cancelled = [reactor.callLater(1000, handled, None) for _ in range(100)]
    await pause(reactor, 0.005)
    for timer in cancelled:
        timer.cancel()
    await pause(reactor, 0.005)
    return {
        "descriptors": [text.split(": ")[1].split("[")[0].split(":")[0] for text in descriptors()],
        "threads": threading.active_count(),
        "timers": len(reactor.getDelayedCalls()),
        "readers": len(reactor.getReaders()) + len(reactor.getWriters()),
    }


def rounds(reactor: Any, names: list[str], times: int, seconds: float) -> dict[str, Any]:
    """Do things again and again, and give what was there after the first rounds and at the end."""
    logs.begin()
    kinds = [kind for kind in ALL if kind.__name__ in names]
    deadline = time.monotonic() + seconds

    # What is there before is not counted each time, which makes it quick.
    gc.freeze()

    async def main() -> dict[str, Any]:
        for _ in range(5):
            await settled(reactor, kinds)
        first, counted, bytes_first = await settled(reactor, kinds), objects(), resident()
        done = 0
        while done < times or time.monotonic() < deadline:
            last = await settled(reactor, kinds)
            done += 1
        grown = objects() - counted
        return {
            "first": first,
            "last": last,
            "grown": {name: count for name, count in grown.items() if count >= max(done, 50)},
            "objects": sum(grown.values()),
            "bytes": resident() - bytes_first,
        }

    return until(reactor, main())


def expect_nothing_left(found: dict[str, Any]) -> None:
    """Compare the end with the beginning."""
    assert sorted(found["last"].pop("descriptors")) == sorted(found["first"].pop("descriptors"))
    # A thread of the pool may just be ending, or not have begun yet.
    assert found["last"].pop("threads") <= found["first"].pop("threads") + 4
    assert found["last"] == found["first"]
    assert found["grown"] == {}
    assert found["objects"] < SPARE_OBJECTS, found
    assert found["bytes"] < SPARE_BYTES


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_rounds_leave_nothing_behind(loop: Loop, kind: Round) -> None:
    """After many rounds there is what there was after the first ones."""
    name = kind.__name__
    expect_nothing_left(loop.run(rounds, [name], ROUNDS, 0))


def test_all_rounds_together_leave_nothing_behind(loop: Loop) -> None:
    """Everything in turn, at least a few times, and for as long as asked for."""
    names = [kind.__name__ for kind in ALL]
    expect_nothing_left(loop.run(rounds, names, 5, SECONDS, patience=SECONDS * 1.5 + 600))
