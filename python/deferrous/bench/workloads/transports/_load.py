"""The load for servers, which is a process of its own that is the same for all sides.

It is plain sockets, so that it knows neither Twisted nor deferrous. Run as a script it makes the
load, as lines on its standard input say; `Load` is the end of those who want one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

Kind = Literal["tcp", "tls", "unix", "udp"]
#: Host and port, or the path of a UNIX socket.
Address = tuple[str, int] | str

#: Seconds until a server that does not answer is an error.
_PATIENCE = 60
#: The descriptors that a process needs for other things than the connections of a row.
_OTHER_DESCRIPTORS = 512
_DONE = "done"


class Traffic(NamedTuple):
    """What a load does: on each of its connections the same request, again and again."""

    kind: Kind
    connections: int
    request: bytes
    #: The end of every response. All responses are of the same length, which the first one shows.
    end: bytes


class Load:
    """A process that has opened its connections, and sends requests when it is told to.

    Each connection has had one request and its response before.
    """

    def __init__(self, traffic: Traffic, address: Address) -> None:
        allow_descriptors(traffic.connections)
        # It ends with the process that has the other end of its standard input, however that ends.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        texts = (base64.b64encode(each).decode() for each in (traffic.request, traffic.end))
        self._tell(json.dumps([traffic.kind, traffic.connections, *texts, address]))

    def exchange(self, times: int) -> None:
        """Send so many requests on each connection, and return when all responses are there."""
        self._tell(str(times))

    def _tell(self, line: str) -> None:
        """Send a line, and wait until all is done that it asks for."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # If it has ended, the missing answer says so.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if answer != _DONE:
            raise ConnectionError(f"the load for the server failed: {answer or 'it has ended'}")


def too_few_descriptors(connections: int) -> str | None:
    """Say so if this process may not have so many connections, whatever it asks for."""
    import resource

    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_DESCRIPTORS
    if hard == resource.RLIM_INFINITY or hard >= needed:
        return None
    return f"{connections:,} connections need {needed:,} descriptors, and the limit is {hard:,} (ulimit -Hn)"


def allow_descriptors(connections: int) -> None:
    """Let this process have so many connections. It raises OSError if it may not."""
    import resource

    if reason := too_few_descriptors(connections):
        raise OSError(reason)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


@contextlib.contextmanager
def in_bursts() -> Iterator[None]:
    """Let server and load take turns, where systems can do that. Both say so while they are measured.

    Both are on the last of their processors, and neither takes it away from the other before that
    waits. So all requests of a burst are there when the server turns to them. Else it would be
    chance how many of them it finds at a time, and with that its processor time.
    """
    if not (hasattr(os, "sched_setaffinity") and hasattr(os, "SCHED_BATCH")):
        yield
        return
    processors, policy = os.sched_getaffinity(0), os.sched_getscheduler(0)
    os.sched_setaffinity(0, {max(processors)})
    if policy == os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, os.sched_getparam(0))
        os.sched_setaffinity(0, processors)


class _Clients:
    """The connections. Their responses go to one buffer, whose length is that of a response."""

    def __init__(self, traffic: Traffic, address: Address) -> None:
        self._request, self._end = traffic.request, traffic.end
        self._buffer = bytearray()
        self._connections = []
        for _ in range(traffic.connections):
            connection = _connect(traffic.kind, address)
            self._connections.append(connection)
            connection.sendall(self._request)
            # One after the other, so that no server has to accept many at once.
            if self._buffer:
                self._receive(connection.recv_into)
            else:
                self._buffer += self._first_response(connection)
        self._sends = [each.sendall for each in self._connections]
        self._receives = [each.recv_into for each in self._connections]

    def exchange(self) -> None:
        """One request on each: all are sent before the first response is read."""
        for send in self._sends:
            send(self._request)
        for receive in self._receives:
            self._receive(receive)

    def _receive(self, receive: Any) -> None:
        got = receive(self._buffer)
        while got < len(self._buffer):
            more = receive(memoryview(self._buffer)[got:])
            if not more:
                raise ConnectionError(f"the server closed the connection after {bytes(self._buffer[:got])!r}")
            got += more
        if not self._buffer.endswith(self._end):
            raise ConnectionError(f"the server sent {bytes(self._buffer)!r}")

    def _first_response(self, connection: socket.socket) -> bytes:
        response = b""
        while not response.endswith(self._end):
            data = connection.recv(65536)
            if not data:
                raise ConnectionError(f"the server closed the connection after {response!r}")
            response += data
        return response


def _connect(kind: Kind, address: Any) -> socket.socket:
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    # The timeout of Python's sockets would cost a `poll` for each call.
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", _PATIENCE, 0))
    connection.connect(tuple(address) if isinstance(address, list) else address)
    return _encrypted(connection) if kind == "tls" else connection


def _encrypted(connection: socket.socket) -> socket.socket:
    # It takes longer to import than all else here, which only one row has to wait for.
    import ssl

    # Not about trust: whoever answers, its answers are checked.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


def _answer(text: str) -> None:
    # Nobody is there to read it if the process that wanted the load was ended.
    with contextlib.suppress(BrokenPipeError):
        os.write(1, f"{text}\n".encode())


def main() -> None:
    """Connect as the first line of standard input says, then make the load that each other line asks for."""
    try:
        kind, connections, request, end, address = json.loads(sys.stdin.readline())
        allow_descriptors(connections)
        traffic = Traffic(kind, connections, base64.b64decode(request), base64.b64decode(end))
        with in_bursts():
            clients = _Clients(traffic, address)
            _answer(_DONE)
            for line in sys.stdin:
                for _ in range(int(line)):
                    clients.exchange()
                _answer(_DONE)
    except BlockingIOError:
        _answer(f"no answer within {_PATIENCE} seconds")
    except OSError as error:
        _answer(str(error))


if __name__ == "__main__":
    main()
