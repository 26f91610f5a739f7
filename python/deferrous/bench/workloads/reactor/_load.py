"""The load for servers, which is a process of its own that is the same for all sides.

It is plain sockets, so that it knows neither Twisted nor deferrous. Run as a script it makes the
load, as lines on its standard input say; `Load` is the end of those who want one.
"""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import sys

CONNECTIONS = 32
#: Seconds until a server that does not answer is an error.
_PATIENCE = 60.0
_DONE = "done"


class Load:
    """A process that has opened its connections, and sends requests when it is told to."""

    def __init__(self, port: int, request: bytes, end_of_response: bytes) -> None:
        arguments = [str(port), *(base64.b64encode(each).decode() for each in (request, end_of_response))]
        # It ends with the process that has the other end of its standard input, however that ends.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._expect_done()

    def exchange(self, times: int) -> None:
        """Send so many requests on each connection, and return when all responses are there."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{times}\n")
        self._process.stdin.flush()
        self._expect_done()

    def _expect_done(self) -> None:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        if answer != _DONE:
            raise ConnectionError(f"the load for the server failed: {answer or 'it has ended'}")


def on_one_processor() -> set[int]:
    """Keep this thread on the last of its processors, and return those it had; where systems can do that.

    Server and load share it: then all requests of a burst are there when the server turns to
    them. On two, how many of them it finds at a time is chance, and twice the processor time.
    """
    if not hasattr(os, "sched_setaffinity"):
        return set()
    had = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(had)})
    return had


def _exchange(connections: list[socket.socket], request: bytes, end_of_response: bytes) -> None:
    """One request on each: all are sent before the first response is read."""
    for connection in connections:
        connection.sendall(request)
    for connection in connections:
        response = b""
        while not response.endswith(end_of_response):
            data = connection.recv(65536)
            if not data:
                raise ConnectionError(f"the server closed the connection after {response!r}")
            response += data


def _answer(text: str) -> None:
    # Nobody is there to read it if the process that wanted the load was ended.
    with contextlib.suppress(BrokenPipeError):
        os.write(1, f"{text}\n".encode())


def main(port: str, request: str, end_of_response: str) -> None:
    """Connect, then make the load that each line of standard input asks for."""
    on_one_processor()
    try:
        address = ("127.0.0.1", int(port))
        connections = [socket.create_connection(address, _PATIENCE) for _ in range(CONNECTIONS)]
        _answer(_DONE)
        for line in sys.stdin:
            for _ in range(int(line)):
                _exchange(connections, base64.b64decode(request), base64.b64decode(end_of_response))
            _answer(_DONE)
    except OSError as error:
        _answer(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
