"""The same servers with asyncio on uvloop, whose loop and transports are written in C."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .._uvloop import uvloop_loop
from .._workload import Peer
from . import _traffic
from ._certificate import certificate
from ._load import Address, Load, Traffic, in_bursts
from ._served import HOST

#: Starts a server and returns its address. In the folder, files may be until the load is connected.
_Listen = Callable[[Path], Awaitable[Address]]


class _Served:
    """A server and its load. Both are started when they are first used, and stay."""

    def __init__(self, listen: _Listen, traffic: Traffic) -> None:
        self._listen = listen
        self._traffic = traffic
        self._load: Load | None = None

    def exchange(self, times: int) -> None:
        """On each connection, so many requests one after the other, each with its response."""
        uvloop_loop().run_until_complete(self._exchange(times))

    async def _exchange(self, times: int) -> None:
        loop = asyncio.get_running_loop()
        if self._load is None:
            with tempfile.TemporaryDirectory() as folder:
                address = await self._listen(Path(folder))
                self._load = await loop.run_in_executor(None, Load, self._traffic, address)
        with in_bursts():
            await loop.run_in_executor(None, self._load.exchange, times)


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class _EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._transport.sendto(data, addr)


async def _echo_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Lines as users of asyncio read and write them, which has no protocol for them."""
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()


async def _tcp(_folder: Path) -> Address:
    return _address(await asyncio.get_running_loop().create_server(_Echo, HOST, 0))


async def _lines(_folder: Path) -> Address:
    return _address(await asyncio.start_server(_echo_lines, HOST, 0))


async def _tls(folder: Path) -> Address:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    pem = folder / "certificate.pem"
    pem.write_bytes(certificate())
    context.load_cert_chain(pem)
    return _address(await asyncio.get_running_loop().create_server(_Echo, HOST, 0, ssl=context))


async def _unix(folder: Path) -> Address:
    path = str(folder / "socket")
    await asyncio.get_running_loop().create_unix_server(_Echo, path)
    return path


async def _udp(_folder: Path) -> Address:
    endpoint = asyncio.get_running_loop().create_datagram_endpoint(_EchoDatagrams, (HOST, 0))
    transport, _protocol = await endpoint
    return HOST, transport.get_extra_info("sockname")[1]


def _address(server: asyncio.Server) -> Address:
    return HOST, server.sockets[0].getsockname()[1]


def _peer(listen: _Listen, traffic: Traffic, what: str = "asyncio.Protocol on uvloop") -> Peer:
    return Peer("uvloop", _Served(listen, traffic).exchange, what)


TCP_32 = _peer(_tcp, _traffic.TCP_ECHO)
TCP_1 = _peer(_tcp, _traffic.TCP_ECHO_1)
TCP_1000 = _peer(_tcp, _traffic.TCP_ECHO_1000)
TCP_64K = _peer(_tcp, _traffic.TCP_ECHO_64K)
LINES = _peer(_lines, _traffic.LINES_ECHO, "asyncio's streams on uvloop")
UNIX = _peer(_unix, _traffic.UNIX_ECHO)
UDP = _peer(_udp, _traffic.UDP_ECHO, "asyncio.DatagramProtocol on uvloop")
TLS = _peer(_tls, _traffic.TLS_ECHO)
