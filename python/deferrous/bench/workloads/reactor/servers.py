"""Servers on Twisted's transports, under the load of another process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from ._load import CONNECTIONS, Load, on_one_processor
from ._running import running

__all__ = ["CONNECTIONS", "tcp_echo", "web_static"]

_MESSAGE = bytes(range(256)) * 4
_PAGE = b"<!doctype html><title>A page</title>" + b"<p>It says the same to everybody.</p>" * 26 + b"</html>"
_REQUEST = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"


class _Served:
    """A server and its load. Both are started when they are first used, and stay."""

    def __init__(self, factory: Callable[[], object], request: bytes, end_of_response: bytes) -> None:
        self._factory = factory
        self._request = request
        self._end = end_of_response
        self._load: Load | None = None

    async def exchange(self, times: int) -> None:
        """On each connection, so many requests one after the other, each with its response."""
        if self._load is None:
            port = running().listenTCP(0, self._factory(), interface="127.0.0.1").getHost().port
            self._load = await deferToThread(Load, port, self._request, self._end)
        had = on_one_processor()
        try:
            # In a thread, whose one call does not count among so many requests.
            await deferToThread(self._load.exchange, times)
        finally:
            if had:
                os.sched_setaffinity(0, had)


class _Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)


def _echo() -> object:
    return Factory.forProtocol(_Echo)


def _site() -> object:
    # They take longer to import than all else here, which only this row has to wait for.
    from twisted.web import resource, server, static

    root = resource.Resource()  # type: ignore[no-untyped-call]
    page: Any = static.Data(_PAGE, "text/html")  # type: ignore[no-untyped-call]
    root.putChild(b"page", page)
    return server.Site(root)  # type: ignore[no-untyped-call]


_tcp_echo = _Served(_echo, _MESSAGE, _MESSAGE)
_web_static = _Served(_site, _REQUEST, _PAGE)


async def tcp_echo(times: int) -> None:
    """1 KiB there and back over TCP, on 32 connections"""
    await _tcp_echo.exchange(times)


async def web_static(times: int) -> None:
    """a page of 1 KiB by twisted.web, on 32 connections"""
    await _web_static.exchange(times)
