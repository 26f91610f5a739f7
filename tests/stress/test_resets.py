"""Connections that are reset in the middle of everything, at servers and at clients, by TCP and by TLS."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.internet.ssl import PrivateCertificate, optionsForClientTLS
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.certificates import write_certificate
from tests.reactors import Loop
from tests.reactors.inside import announce, becomes, descriptors, until

#: How many connections are reset.
RESETS = int(os.environ.get("DEFERROUS_RESETS", "200"))
LOCAL = "127.0.0.1"
MUCH = b"much" * 100_000
#: How a connection may end that is reset: it is too early, too late, in the handshake, or where it should be.
ENDS = {"ConnectionLost", "ConnectionDone", "Error", "ConnectError", "ConnectionRefusedError"}


def reset(peer: socket.socket) -> None:
    """End a connection without a word."""
    with contextlib.suppress(OSError):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def hello() -> bytes:
    """Give the first message of a client of TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@implementer(IHalfCloseableProtocol)
class Busy(Protocol):
    """Does what servers do, as the first letter says, and counts what it is told."""

    told: Counter[str]
    reactor: Any
    started = False

    def connectionMade(self) -> None:
        """Count it."""
        self.told["made"] += 1
        self.ends = 0

    def dataReceived(self, data: bytes) -> None:
        """Send it back, write much, stop reading, or be a producer."""
        wire: Any = self.transport
        if self.started:
            wire.write(data)
            return
        self.started = True
        kind = data[:1]
        if kind == b"!":
            self.told["last"] += 1
        if kind == b"w":
            wire.write(MUCH)
        elif kind == b"s":
            # Who neither reads nor writes is not told of a reset, before it goes on.
            wire.pauseProducing()
            wire.write(b"stopped")
            self.reactor.callLater(0.02, wire.resumeProducing)
        elif kind == b"p":
            wire.registerProducer(self, False)
        elif kind == b"l":
            wire.write(MUCH)
            wire.loseConnection()
        else:
            wire.write(data)

    def resumeProducing(self) -> None:
        """Write for ever."""
        wire: Any = self.transport
        wire.write(b"x" * 30_000)

    def stopProducing(self) -> None:
        """Count it."""
        self.told["stopped"] += 1

    def readConnectionLost(self) -> None:
        """The peer has said all: say more."""
        wire: Any = self.transport
        wire.write(MUCH)
        wire.loseConnection()

    def writeConnectionLost(self) -> None:
        """There is nothing to do."""

    def connectionLost(self, reason: Any = None) -> None:
        """Count it, and whether it is the first time."""
        self.ends += 1
        self.told["lost" if self.ends == 1 else "lost again"] += 1
        if reason.type.__name__ not in ENDS:
            self.told[reason.type.__name__] += 1


def left_over(reactor: Any) -> int:
    """Count what the reactor watches, and the sockets of the process."""
    sockets = [text for text in descriptors() if "socket:" in text]
    return len(reactor.getReaders()) + len(reactor.getWriters()) + len(sockets)


def serving(reactor: Any, certificate: str) -> list[Any]:
    """Serve by TCP and TLS until a client says that it is the last; give what protocols have been told."""
    Busy.told, Busy.reactor = Counter(), reactor
    factory = Factory.forProtocol(Busy)
    factory.noisy = False
    options: Any = PrivateCertificate.loadPEM(Path(certificate).read_text()).options()

    async def main() -> list[Any]:
        ports = [
            reactor.listenTCP(0, factory, interface=LOCAL, backlog=512),
            reactor.listenSSL(0, factory, options, interface=LOCAL, backlog=512),
        ]
        before = left_over(reactor)
        announce([port.getHost().port for port in ports])
        await becomes(reactor, lambda: Busy.told["last"] == 1)
        await becomes(reactor, lambda: Busy.told["made"] == Busy.told["lost"])
        await becomes(reactor, lambda: left_over(reactor) == before)
        for port in ports:
            await port.stopListening()
        return [Busy.told.pop("made") - Busy.told.pop("lost"), Busy.told]

    return until(reactor, main())


def attack(port: int, number: int) -> None:
    """Be a client by TCP that is there for some time, and resets the connection."""
    randomly = random.Random(number)
    peer = socket.create_connection((LOCAL, port), timeout=100)
    with contextlib.suppress(OSError):
        kind = randomly.choice([b"", b"e", b"w", b"s", b"p", b"l"])
        peer.sendall(kind + b"x" * randomly.choice([0, 0, 10, 100_000]))
        if kind and randomly.random() < 0.7:
            peer.recv(randomly.choice([1, 1000, 100_000]))
        if kind and randomly.random() < 0.2:
            peer.shutdown(socket.SHUT_WR)
            peer.recv(randomly.choice([1, 1000, 100_000]))
    reset(peer)


def attack_by_tls(port: int, number: int, certificate: str) -> None:
    """Be a client by TLS that resets the connection in the handshake, or later."""
    randomly = random.Random(number)
    peer = socket.create_connection((LOCAL, port), timeout=100)
    if randomly.random() < 0.5:
        with contextlib.suppress(OSError):
            first = hello()
            peer.sendall(first[: randomly.randrange(len(first) + 1)])
            if randomly.random() < 0.5:
                peer.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    peer.recv(100)
        reset(peer)
        return
    secure = ssl.create_default_context(cafile=certificate).wrap_socket(peer, server_hostname="localhost")
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        kind = randomly.choice([b"e", b"w", b"s", b"p", b"l"])
        secure.sendall(kind + b"x" * randomly.choice([0, 10, 100_000]))
        if randomly.random() < 0.7:
            secure.recv(randomly.choice([1, 1000, 100_000]))
    reset(secure)


def test_a_server_survives_resets_in_the_middle_of_everything(loop: Loop, tmp_path: Path) -> None:
    """Each protocol is told of the end once, nothing is left of any, and others are served."""
    certificate = write_certificate(tmp_path)
    with loop.start(serving, certificate, patience=1200) as server:
        plain, secure = server.line()
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(attack, plain, number) for number in range(RESETS)]
            jobs += [pool.submit(attack_by_tls, secure, number, certificate) for number in range(RESETS)]
            for job in jobs:
                job.result()
        with socket.create_connection((LOCAL, plain), timeout=100) as peer:
            peer.sendall(b"!the last")
            assert peer.recv(100) == b"!the last"
        outcome = server.wait()
    assert (outcome.status, outcome.err) == (0, "")
    ends, told = json.loads(outcome.out.splitlines()[-1])
    assert ends == 0
    assert told.pop("stopped", 0) > 0
    assert told == {"last": 1}


@contextmanager
def resetting_server() -> Iterator[int]:
    """Serve, and reset each connection after having sent and read something; give the port."""
    with socket.create_server((LOCAL, 0), backlog=512) as listening:

        def handle(peer: socket.socket, number: int) -> None:
            randomly = random.Random(number)
            peer.settimeout(100)
            with contextlib.suppress(ConnectionError):
                if randomly.random() < 0.7:
                    peer.recv(randomly.choice([1, 1000, 100_000]))
                if randomly.random() < 0.7:
                    peer.sendall(b"x" * randomly.choice([1, 1000, 100_000]))
            reset(peer)

        def accept() -> None:
            with ThreadPoolExecutor(8) as pool:
                for number in itertools.count():
                    try:
                        peer, _ = listening.accept()
                    except OSError:
                        return
                    pool.submit(handle, peer, number)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


class Calling(Protocol):
    """Writes and reads, and counts what it is told."""

    told: Counter[str]

    def __init__(self, number: int) -> None:
        self.number, self.ends = number, 0

    def connectionMade(self) -> None:
        """Write something or much, and perhaps no more."""
        wire: Any = self.transport
        self.told["made"] += 1
        wire.write([b"x", MUCH, b"x" * 1000][self.number % 3])
        if self.number % 5 == 0:
            wire.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        """Count it, and whether it is the first time."""
        self.ends += 1
        self.told["lost" if self.ends == 1 else "lost again"] += 1
        if reason.type.__name__ not in ENDS:
            self.told[reason.type.__name__] += 1


class Callers(ClientFactory):
    """Makes them, and counts connections that were not made."""

    noisy = False

    def __init__(self, number: int) -> None:
        self.number = number

    def buildProtocol(self, address: Any) -> Calling:
        """Make one."""
        return Calling(self.number)

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        """Count it."""
        Calling.told["failed"] += 1
        Calling.told[reason.type.__name__] += reason.type.__name__ not in ENDS


def calling(reactor: Any, port: int, count: int) -> list[Any]:
    """Connect by TCP and by TLS, ten at a time; give what was told, and what is left."""
    told: Counter[str] = Counter()
    Calling.told = told
    trusted = optionsForClientTLS("localhost")

    async def main() -> list[Any]:
        before = left_over(reactor)
        for number in range(count):
            factory = Callers(number)
            if number % 2:
                reactor.connectSSL(LOCAL, port, factory, trusted)
            else:
                reactor.connectTCP(LOCAL, port, factory)
            await becomes(reactor, lambda: number - told["lost"] - told["failed"] < 10)  # noqa: B023
        await becomes(reactor, lambda: told["lost"] + told["failed"] == count)
        await becomes(reactor, lambda: left_over(reactor) == before)
        ends = told.pop("made") - told.pop("lost")
        told.pop("failed", None)
        return [ends, +told]

    return until(reactor, main())


def test_clients_survive_resets_in_the_middle_of_everything(loop: Loop) -> None:
    """Each protocol is told of the end once, and nothing is left of any."""
    with resetting_server() as port:
        assert loop.run(calling, port, RESETS * 2, patience=1200) == [0, {}]
