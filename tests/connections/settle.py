"""Tells when a step has had all its effects.

Nothing of that is left to the clock where the system can be asked: how many bytes are in a socket, on their
way, or to be sent, and whether the end of a connection has come.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
import time
from collections.abc import Iterator
from typing import Any

#: So many turns in which nothing changes are the end of a step.
_CALM = 3
#: Turns after which a step is given more time than turns take, and those after which it is given up.
_PATIENT, _LIMIT = 300, 1500

_ESTABLISHED = 1


def _info(own: socket.socket) -> tuple[int, int, int]:
    """Give the state of a TCP connection, and how many bytes it has received and sent."""
    info = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 216)
    (received,) = struct.unpack_from("Q", info, 128)
    sent, again = struct.unpack_from("QQ", info, 200)
    return info[0], received, sent - again


def _waiting(own: socket.socket) -> int:
    """Give how many bytes a socket has for us."""
    (count,) = struct.unpack("i", fcntl.ioctl(own.fileno(), termios.FIONREAD, b"\0" * 4))
    return int(count)


def in_flight(source: Any, sink: Any) -> bool:
    """Say whether bytes are on their way from one end to the other, if the other one takes them."""
    if sink.socket is None:
        return False
    return bool(source.sending or _waiting(sink.socket) or _travelling(source, sink))


def _travelling(source: Any, sink: Any) -> bool:
    if source.socket is None or source.socket.family == socket.AF_UNIX:
        return False
    return _info(sink.socket)[1] < _info(source.socket)[2]


def _expected(source: Any, sink: Any) -> bool:
    """Say whether the one end will yet be told something of the other one."""
    if source.closing:
        return True
    if sink.socket is None or not sink.made:
        return not sink.made
    gone = source.made and source.socket is None
    if sink.reading:
        return in_flight(source, sink) or (source.sends_no_more and not sink.eof)
    if sink.writing and gone:
        return True
    if _travelling(source, sink):
        return True
    # The end of a connection comes when all before it has been taken.
    on_its_way = source.sends_no_more and sink.socket.family != socket.AF_UNIX and not _waiting(sink.socket)
    return on_its_way and _info(sink.socket)[0] == _ESTABLISHED


def settle(reactor: Any, ends: list[Any], log: list[str], sleeps: bool) -> Iterator[float]:
    """Wait until nothing more happens. It gives the seconds until the next look, and notes a missing end.

    Args:
        reactor: the reactor.
        ends: the two ends.
        log: where it notes that.
        sleeps: whether the loop is to wait between two looks.
    """
    calm = turns = 0
    before: object = None
    while calm < _CALM:
        for end in ends:
            if hasattr(end, "turn"):
                end.turn()
        now = [(len(end.notes), end.count, end.buffered(), end.socket is None) for end in ends]
        one, two = ends
        expecting = bool(reactor.getDelayedCalls()) or _expected(one, two) or _expected(two, one)
        calm = 0 if expecting or now != before else calm + 1
        before = now
        turns += 1
        if turns > _LIMIT:
            log.append("no end of this step")
            return
        if turns > _PATIENT:
            time.sleep(0.0005)
        yield 0.0002 if sleeps or turns > _PATIENT else 0
