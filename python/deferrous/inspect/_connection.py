"""One request and its answer, read and sent in pieces as the other end allows it.

It is Python because there are few of them.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

from deferrous.inspect._copy import PATIENCE, Copy, can_copy, describe_error, start_copy
from deferrous.inspect._protocol import MAX_REQUEST, WORKING, InspectError, check_request, decode, encode
from deferrous.inspect._threads import threads_now

#: For how many seconds the other end may take to send its request, and for how long to read on.
TRANSFER_PATIENCE = 10.0

#: The name of the server's thread, for the system.
THREAD_NAME = "deferrous"

#: Commands that need no walk over the objects of the program. They are answered in the process.
QUICK = ("stalls", "metrics")


class Connection:
    """A connection: it receives a request, waits for the answer, and sends it."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._received = bytearray()
        self._unsent = bytearray()
        self._copy: Copy | None = None
        self._asked = False
        #: By `time.monotonic`, when it is given up.
        self.deadline = time.monotonic() + TRANSFER_PATIENCE
        self.closed = False

    def interests(self) -> Iterator[tuple[int, int]]:
        """Yield the descriptors to wait for, each with the events of `poll`."""
        yield self._socket.fileno(), select.POLLOUT if self._unsent else select.POLLIN
        if self._copy is not None:
            yield self._copy.pipe, select.POLLIN

    def go_on(self, ready: set[int], now: float) -> None:
        """Do what is possible, or give up.

        Args:
            ready: the descriptors on which something has happened.
            now: `time.monotonic()`.
        """
        try:
            if self._copy is not None and self._copy.pipe in ready and self._copy.read():
                self._take_from_copy(self._copy)
            elif now >= self.deadline:
                self._give_up()
            elif self._socket.fileno() in ready:
                self._transfer()
        except OSError:
            # The other end has gone.
            self.close()

    def refuse(self, problem: str) -> None:
        """Send an error instead of an answer."""
        self._asked = True
        self._send(encode({"error": problem}))

    def close(self) -> None:
        """Close the connection, and end the copy that works for it."""
        self.closed = True
        if self._copy is not None:
            self._copy.end()
            self._copy = None
        self._socket.close()

    def abandon(self) -> None:
        """Close the descriptors in a child of the process, and nothing else."""
        self._socket.close()
        if self._copy is not None:
            self._copy.abandon()

    def _transfer(self) -> None:
        if self._unsent:
            self._send(b"")
            return
        piece = self._socket.recv(65536)
        if not piece:
            self.close()
        elif not self._asked:
            self._received += piece
            self._take_request()

    def _take_request(self) -> None:
        """Answer the request, if it is complete."""
        line, newline, _ = bytes(self._received).partition(b"\n")
        if len(line) >= MAX_REQUEST:
            self.refuse(f"a request has at most {MAX_REQUEST} bytes")
        elif newline:
            self._asked = True
            try:
                request = decode(line)
                check_request(request)
            except InspectError as error:
                self.refuse(str(error))
            else:
                self._socket.send(WORKING)
                self._answer(request)

    def _answer(self, request: dict[str, Any]) -> None:
        """Answer, or have a copy of the process answer."""
        if "twisted.internet" not in sys.modules:
            self.refuse("the program has not imported Twisted")
            return
        quick = request["command"] in QUICK
        try:
            from deferrous.inspect import _report
        except Exception as error:
            self.refuse(f"the answer failed: {describe_error(error)}")
            return
        if not quick:
            request |= {"threads": threads_now(), "pid": os.getpid(), "stall": _report.stall_now()}
        if not quick and can_copy():
            try:
                self._copy = start_copy(lambda: _report.answer(request))
            except (OSError, RuntimeError):
                # Too little memory for a copy, or the program is ending: CPython 3.12 does not fork then.
                pass
            else:
                self.deadline = time.monotonic() + PATIENCE
                return
        try:
            answer = _report.answer(request)
            answer["in_process"] = not quick
        except Exception as error:
            answer = {"error": f"the answer failed: {describe_error(error)}"}
        self._send(encode(answer))

    def _take_from_copy(self, copy: Copy) -> None:
        self._copy = None
        copy.end()
        if copy.received.endswith(b"\n"):
            self._send(copy.received)
        else:
            self.refuse("the copy of the program that was to answer has died")

    def _give_up(self) -> None:
        copy, self._copy = self._copy, None
        if copy is None:
            self.close()
        else:
            copy.end()
            self.refuse(f"the copy of the program that was to answer was not done in {PATIENCE} s")

    def _send(self, data: bytes | bytearray) -> None:
        """Send something, as much of it as the other end takes, and close when it has all."""
        self._unsent += data
        self.deadline = time.monotonic() + TRANSFER_PATIENCE
        with contextlib.suppress(BlockingIOError):
            sent = self._socket.send(memoryview(self._unsent)[: 1 << 18])
            del self._unsent[:sent]
        if not self._unsent:
            self.close()
