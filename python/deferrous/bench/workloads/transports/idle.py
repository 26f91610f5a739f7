"""The memory of connections on which nothing happens any more."""

from __future__ import annotations

from twisted.internet.protocol import Factory, Protocol

from .._check import expect
from . import _traffic
from ._served import Served, tcp
from .echoes import Echo


class _Kept(Factory):
    """Puts the protocols of its connections into places."""

    def __init__(self, places: list[Protocol | None]) -> None:
        self._places = iter(range(len(places)))
        self._protocols = places

    def buildProtocol(self, addr: object) -> Protocol:
        protocol = self._protocols[next(self._places)] = Echo()
        return protocol


async def _connect(places: list[Protocol | None]) -> None:
    await Served(tcp(lambda: _Kept(places)), _traffic.echo("tcp", len(places))).start()


async def prepare() -> None:
    """Allocate what the first connections bring, and not the others."""
    await _connect([None] * _traffic.CONNECTIONS)


async def fill(places: list[Protocol | None]) -> None:
    """Put the server's end of a connection in each place, which has sent back 1 KiB."""
    await _connect(places)
    expect({type(each) for each in places}, {Echo})
