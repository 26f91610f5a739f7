"""Readers that are slower than a server writes: what waits for them has a bound, and none of it is lost."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import os
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import PrivateCertificate

from tests.certificates import write_certificate
from tests.reactors import Loop
from tests.reactors.inside import announce, becomes, pause, resident, until

#: How many bytes are queued for all readers together, and how many readers there are.
QUEUED = int(os.environ.get("DEFERROUS_QUEUED_BYTES", str(48 << 20)))
READERS = 4
#: How long each piece is that is written, and how many each reader gets.
PIECE = 1 << 18
PIECES = QUEUED // READERS // PIECE
#: What may be held besides what is queued: pieces in the making, pages that are not full.
BESIDES = 24 << 20
LOCAL = "127.0.0.1"


def piece(number: int) -> bytes:
    """Give a piece that is like no other."""
    return b"%016d" % number * (PIECE // 16)


def expected() -> str:
    """Give the digest of all pieces."""
    digest = hashlib.sha256()
    for number in range(PIECES):
        digest.update(piece(number))
    return digest.hexdigest()


class Writing(Protocol):
    """Writes all pieces, in one of three ways."""

    made: list[Writing]
    way = ""
    number = 0
    paused = lost = False

    def connectionMade(self) -> None:
        """Be there."""
        self.made.append(self)

    def start(self) -> None:
        """Write all at once, or whenever that is wanted."""
        wire: Any = self.transport
        if self.way == "at once":
            for number in range(PIECES):
                wire.write(piece(number))
            wire.loseConnection()
        else:
            wire.registerProducer(self, self.way == "push")
            if self.way == "push":
                self.resumeProducing()

    def pauseProducing(self) -> None:
        """Write no more."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Write one piece, or as many as are wanted."""
        wire: Any = self.transport
        self.paused = False
        while not self.paused and self.number < PIECES:
            wire.write(piece(self.number))
            self.number += 1
            if self.way == "pull":
                return
        if self.number == PIECES:
            self.number += 1
            wire.unregisterProducer()
            wire.loseConnection()

    def stopProducing(self) -> None:
        """The reader has left."""

    def connectionLost(self, reason: Any = None) -> None:
        """Note it."""
        self.lost = True


def most() -> int:
    """Give the most bytes of memory that this process has held since `forget_most`."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def forget_most() -> None:
    """Begin anew with the most."""
    Path("/proc/self/clear_refs").write_text("5")


def writing(reactor: Any, kind: str, way: str, certificate: str, path: str) -> list[int]:
    """Write for slow readers, and give how much memory that took at most, and how much is still held."""
    Writing.made, Writing.way = [], way
    factory = Factory.forProtocol(Writing)
    factory.noisy = False

    async def main() -> list[int]:
        if kind == "unix":
            port = reactor.listenUNIX(path, factory)
        elif kind == "tls":
            options: Any = PrivateCertificate.loadPEM(Path(certificate).read_text()).options()
            port = reactor.listenSSL(0, factory, options, interface=LOCAL)
        else:
            port = reactor.listenTCP(0, factory, interface=LOCAL)
        announce(getattr(port.getHost(), "port", path))
        await becomes(reactor, lambda: len(Writing.made) == READERS)
        gc.collect()
        before = resident()
        forget_most()
        for each in Writing.made:
            each.start()
        await pause(reactor, 0.3)
        announce("queued")
        await becomes(reactor, lambda: all(each.lost for each in Writing.made))
        Writing.made.clear()
        await pause(reactor)
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        found = [most() - before, resident() - before]
        await port.stopListening()
        return found

    return until(reactor, main())


def connect(kind: str, address: Any, certificate: str) -> socket.socket:
    """Be a reader, who reads nothing yet."""
    if kind == "unix":
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(100)
        peer.connect(address)
        return peer
    plain = socket.create_connection((LOCAL, address), timeout=100)
    if kind == "tcp":
        return plain
    context = ssl.create_default_context(cafile=certificate)
    return context.wrap_socket(plain, server_hostname="localhost")


def read_all(reader: socket.socket) -> str:
    """Read until the end, and give the digest."""
    digest = hashlib.sha256()
    while data := reader.recv(1 << 18):
        digest.update(data)
    reader.close()
    return digest.hexdigest()


def measure(loop: Loop, kind: str, way: str, folder: Path) -> list[int]:
    """Let a server write for readers that begin to read when all is queued; give the memory that it took."""
    certificate = write_certificate(folder)
    path = str(folder / "socket")
    with (
        loop.start(writing, kind, way, certificate, path, patience=1200) as server,
        ThreadPoolExecutor(4) as pool,
    ):
        address = server.line()
        readers = list(pool.map(connect, [kind] * READERS, [address] * READERS, [certificate] * READERS))
        assert server.line(1) == "queued"
        assert list(pool.map(read_all, readers)) == [expected()] * READERS
        found: list[int] = server.line(2)
        outcome = server.wait()
    assert (outcome.status, outcome.err) == (0, "")
    return found


@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
def test_what_is_queued_for_slow_readers_takes_no_more_than_itself(
    loop: Loop, kind: str, tmp_path: Path
) -> None:
    """Ours holds it once. Stock puts it together, which takes it twice; and TLS encrypts a copy on both."""
    peak, left = measure(loop, kind, "at once", tmp_path)
    copies = 2 if loop.name == "epoll" or kind == "tls" else 1
    assert peak < copies * QUEUED + BESIDES, f"{peak / QUEUED:.2f} of what was queued"
    assert left < BESIDES


@pytest.mark.parametrize("way", ["push", "pull"])
@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
def test_producers_for_slow_readers_queue_next_to_nothing(
    loop: Loop, kind: str, way: str, tmp_path: Path
) -> None:
    """Who waits until more is wanted needs no memory for the rest."""
    peak, left = measure(loop, kind, way, tmp_path)
    assert peak < BESIDES
    assert left < BESIDES
