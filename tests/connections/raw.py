"""An end that is no transport but a socket, and does what a peer may do: stall, trickle, vanish."""

from __future__ import annotations

import contextlib
import socket
import struct
import zlib
from typing import Any

from tests.connections.program import Op

#: How much it takes at a time.
_CHUNK = 1 << 18


class RawEnd:
    """A socket that is moved on by hand between the turns of the loop."""

    other: Any = None
    writing = closing = reacted = ended_by_other = False
    made = True

    def __init__(self, name: str, own: socket.socket) -> None:
        self.name = name
        self.socket: Any = own
        self.notes: list[str] = []
        self.count = self.sum = 0
        self.reading = True
        self.lost = self.eof = self.dropped = self.shut = False
        self._out = bytearray()
        self._writes = 0
        self._wanted = 0

    def do(self, op: Op) -> None:
        """Do an operation, and note how that ended."""
        if self.socket is None:
            return
        try:
            result = getattr(self, f"do_{op[0]}")(*op[1:])
        except OSError as error:
            result = type(error).__name__
        self.notes.append(f"{op} gives {result}")

    def do_send(self, size: int) -> None:
        """Send so many bytes, as fast as they are taken."""
        self._writes += 1
        if not self.shut:
            self._out += bytes([self._writes % 251]) * size

    def do_stall(self) -> None:
        """Take no more."""
        self.reading = False
        self._wanted = 0

    def do_drain(self) -> None:
        """Take all that comes."""
        self.reading = not self.eof

    def do_trickle(self, size: int) -> None:
        """Take a little once, if it stalls."""
        if not self.reading and not self.eof:
            self._wanted = size

    def do_shut(self) -> None:
        """Close the direction to the other end."""
        self.dropped = self.dropped or bool(self._out)
        self._out.clear()
        self.shut = True
        self.socket.shutdown(socket.SHUT_WR)

    def do_close(self) -> None:
        """Close. What has not been read makes it a reset."""
        self.dropped = self.dropped or bool(self._out)
        self._out.clear()
        self.socket.close()
        self.socket, self.reading, self.shut, self.eof = None, False, True, True

    def do_reset(self) -> None:
        """Reset the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.do_close()

    do_abort = do_reset

    def turn(self) -> None:
        """Send and take what can be."""
        if self.socket is None:
            return
        if self._out:
            try:
                with contextlib.suppress(BlockingIOError):
                    del self._out[: self.socket.send(self._out)]
            except OSError:
                self.dropped = True
                self._out.clear()
        if self.reading or self._wanted:
            with contextlib.suppress(BlockingIOError):
                self._take()

    def _take(self) -> None:
        try:
            data = self.socket.recv(_CHUNK if self.reading else self._wanted)
        except BlockingIOError:
            raise
        except OSError as error:
            data = b""
            self.notes.append(f"ended by {type(error).__name__}")
        self._wanted = 0
        self.count += len(data)
        self.sum = zlib.crc32(data, self.sum)
        if not data:
            self.eof, self.reading = True, False
            self.ended_by_other = not self.notes or not self.notes[-1].startswith("ended by")
            self.notes.append("end of data")

    def buffered(self) -> int:
        """Give how many bytes it has not yet handed to the system."""
        return len(self._out)

    @property
    def sending(self) -> bool:
        """Whether data waits to be handed to the system."""
        return bool(self._out)

    @property
    def sends_no_more(self) -> bool:
        """Whether it has closed the direction to the other end."""
        return self.shut

    def state(self) -> str:
        """Describe it between two steps."""
        return "open" if self.socket is not None else "closed"

    def force(self) -> None:
        """Close it."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None
