"""Servers that send back what they receive."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.protocols.basic import LineReceiver

from . import _traffic
from ._served import Served, tcp, tls, udp, unix


class Echo(Protocol):
    """Sends back what it receives."""

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        transport: Any = self.transport
        transport.write(data)


class _EchoLines(LineReceiver):
    def lineReceived(self, line: bytes) -> None:
        self.sendLine(line)  # type: ignore[no-untyped-call]


class _EchoDatagrams(DatagramProtocol):
    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        transport: Any = self.transport
        transport.write(datagram, addr)


def _echo() -> object:
    return Factory.forProtocol(Echo)


def _echo_lines() -> object:
    return Factory.forProtocol(_EchoLines)


_tcp_32 = Served(tcp(_echo), _traffic.TCP_ECHO)
_tcp_1 = Served(tcp(_echo), _traffic.TCP_ECHO_1)
_tcp_1000 = Served(tcp(_echo), _traffic.TCP_ECHO_1000)
_tcp_64k = Served(tcp(_echo), _traffic.TCP_ECHO_64K)
_lines = Served(tcp(_echo_lines), _traffic.LINES_ECHO)
_unix = Served(unix(_echo), _traffic.UNIX_ECHO)
_udp = Served(udp(_EchoDatagrams), _traffic.UDP_ECHO)
_tls = Served(tls(_echo), _traffic.TLS_ECHO)


async def tcp_32(times: int) -> None:
    """1 KiB there and back over TCP, on 32 connections"""
    await _tcp_32.exchange(times)


async def tcp_1(times: int) -> None:
    """1 KiB there and back over TCP, on 1 connection"""
    await _tcp_1.exchange(times)


async def tcp_1000(times: int) -> None:
    """1 KiB there and back over TCP, on 1,000 connections"""
    await _tcp_1000.exchange(times)


async def tcp_64k(times: int) -> None:
    """64 KiB there and back over TCP, on 32 connections"""
    await _tcp_64k.exchange(times)


async def lines(times: int) -> None:
    """a line of 32 bytes there and back by LineReceiver, 16 a packet"""
    await _lines.exchange(times)


async def over_unix(times: int) -> None:
    """1 KiB there and back over UNIX sockets, on 32 connections"""
    await _unix.exchange(times)


async def over_udp(times: int) -> None:
    """1 KiB there and back over UDP, from 32 sockets"""
    await _udp.exchange(times)


async def over_tls(times: int) -> None:
    """1 KiB there and back over TLS, on 32 connections"""
    await _tls.exchange(times)
