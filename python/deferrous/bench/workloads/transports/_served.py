"""Servers on Twisted's transports, under the load of another process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack

from twisted.internet.threads import deferToThread

from .._running import running
from ._certificate import certificate
from ._load import Address, Load, Traffic, in_bursts

#: Starts a server and returns its address. The stack has what is undone when the load is connected.
Listen = Callable[[AsyncExitStack], Address]

HOST = "127.0.0.1"


class Served:
    """A server and its load. Both are started when they are first used, and stay."""

    def __init__(self, listen: Listen, traffic: Traffic) -> None:
        self._listen = listen
        self._traffic = traffic
        self._load: Load | None = None

    async def start(self) -> None:
        """Start the server, and the load, which has one response on each of its connections."""
        async with AsyncExitStack() as stack:
            address = self._listen(stack)
            self._load = await deferToThread(Load, self._traffic, address)

    async def exchange(self, times: int) -> None:
        """On each connection, so many requests one after the other, each with its response."""
        if self._load is None:
            await self.start()
        assert self._load is not None
        with in_bursts():
            # In a thread, whose one call does not count among so many requests.
            await deferToThread(self._load.exchange, times)


def tcp(make_factory: Callable[[], object]) -> Listen:
    """A TCP server."""

    def listen(_stack: AsyncExitStack) -> Address:
        return HOST, running().listenTCP(0, make_factory(), interface=HOST).getHost().port

    return listen


def unix(make_factory: Callable[[], object]) -> Listen:
    """A server on a UNIX socket."""

    def listen(stack: AsyncExitStack) -> Address:
        path = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "socket")
        port = running().listenUNIX(path, make_factory())
        # It removes the socket's file, and does so before the folder is removed.
        stack.push_async_callback(port.stopListening)
        return path

    return listen


def udp(make_protocol: Callable[[], object]) -> Listen:
    """A UDP server."""

    def listen(_stack: AsyncExitStack) -> Address:
        return HOST, running().listenUDP(0, make_protocol(), interface=HOST).getHost().port

    return listen


def tls(make_factory: Callable[[], object]) -> Listen:
    """A TCP server that encrypts."""

    def listen(_stack: AsyncExitStack) -> Address:
        # Only here, since it needs pyOpenSSL.
        from twisted.internet.ssl import PrivateCertificate

        options = PrivateCertificate.loadPEM(certificate()).options()  # type: ignore[no-untyped-call]
        return HOST, running().listenSSL(0, make_factory(), options, interface=HOST).getHost().port

    return listen
