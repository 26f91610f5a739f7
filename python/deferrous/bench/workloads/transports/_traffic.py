"""What the loads of the rows send, and what has to come back."""

from __future__ import annotations

from ._load import Kind, Traffic

#: How many connections most rows have.
CONNECTIONS = 32
MANY_CONNECTIONS = 1000

_MESSAGE = bytes(range(256)) * 4
_LARGE_MESSAGE = _MESSAGE * 64

#: Lines of 32 bytes with their ends, as many as one packet has.
LINES = 16
_PACKET = b"".join(b"%030d\r\n" % number for number in range(LINES))

#: The page that web servers answer with.
HELLO = b"Hello, world!\n"
_GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def echo(kind: Kind, connections: int = CONNECTIONS) -> Traffic:
    """1 KiB there and back."""
    return Traffic(kind, connections, _MESSAGE, _MESSAGE)


TCP_ECHO = echo("tcp")
TCP_ECHO_1 = echo("tcp", 1)
TCP_ECHO_1000 = echo("tcp", MANY_CONNECTIONS)
TCP_ECHO_64K = Traffic("tcp", CONNECTIONS, _LARGE_MESSAGE, _LARGE_MESSAGE)
LINES_ECHO = Traffic("tcp", CONNECTIONS, _PACKET, _PACKET)
UNIX_ECHO = echo("unix")
UDP_ECHO = echo("udp")
TLS_ECHO = echo("tls")
PAGE = Traffic("tcp", CONNECTIONS, _GET, HELLO)
#: The same page as a chunk, from servers that do not say how long it is.
PAGE_IN_CHUNKS = Traffic("tcp", CONNECTIONS, _GET, b"%x\r\n%b\r\n0\r\n\r\n" % (len(HELLO), HELLO))
