"""What the processes do in which Twisted runs: serve, and be the peer of a server."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from tests.reactors.inside import announce, pause

#: For how many times 10 ms a server waits for the end of its connections before it ends itself.
_PATIENCE = 2000


def serve(reactor: Any, *ports: Any, notes: list[Any] | None = None) -> list[Any]:
    """Serve until a signal comes, and return the notes.

    The addresses of the ports are announced. At the end each connection has to be gone: the peers are.

    Args:
        reactor: the reactor.
        ports: what listens.
        notes: what the protocols write down, which JSON can hold.
    """
    before: list[int] = []

    def selectables() -> int:
        return len(reactor.getReaders()) + len(reactor.getWriters())

    async def nothing_left() -> None:
        for _ in range(_PATIENCE):
            if selectables() <= before[0]:
                return
            await pause(reactor, 0.01)
        print(f"there are left: {[*reactor.getReaders(), *reactor.getWriters()]}", file=sys.stderr)

    def started() -> None:
        before.append(selectables())
        hosts = [port.getHost() for port in ports]
        announce([getattr(host, "port", None) or host.name.decode() for host in hosts])

    reactor.callWhenRunning(started)
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(nothing_left()))
    reactor.run()
    return notes or []


class Gathering(Protocol):
    """Keeps what comes, and tells when it ends."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.made: Deferred[None] = Deferred()
        self.lost: Deferred[str] = Deferred()

    def connectionMade(self) -> None:
        """Tell it."""
        self.made.callback(None)

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.got += data

    def connectionLost(self, reason: Any = None) -> None:
        """Tell the reason."""
        self.lost.callback(reason.type.__name__)
