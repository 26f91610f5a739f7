"""TLS whose ends write to each other, and more than there is memory for: an error, and no crash."""

from __future__ import annotations

import sys

import pytest

from tests.children import environment, python

pytest.importorskip("OpenSSL")

#: Two ends of TLS in memory, after the handshake. From then on each answers what comes at once.
ENDS = """
import resource, sys, threading
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols import tls
from tests.connections.certificates import contexts

def end(settings, is_client):
    factory = tls.TLSMemoryBIOFactory(settings, is_client, Factory.forProtocol(Protocol))
    # The one that does not put small writes together.
    factory.protocol = tls.TLSMemoryBIOProtocol
    protocol = factory.buildProtocol(None)
    protocol.makeConnection(StringTransport())
    return protocol

of_server, of_client = contexts()
server, client = end(of_server, False), end(of_client, True)
for _ in range(10):
    for one, other in ((client, server), (server, client)):
        data = one.transport.value()
        one.transport.clear()
        if data:
            other.dataReceived(data)

class To:
    def __init__(self, deliver):
        self.write = self.dataReceived = deliver

def answer():
    server.transport, client.transport = To(client.dataReceived), To(server.dataReceived)
    server.wrappedProtocol, client.wrappedProtocol = To(server.write), To(client.write)
    try:
        server.write(b"x")
    except RecursionError:
        print("RecursionError", flush=True)
"""

IN_THE_MAIN_THREAD = ENDS + "answer()"

IN_A_SMALL_THREAD = (
    ENDS
    + """
threading.stack_size(512 * 1024)
thread = threading.Thread(target=answer)
thread.start()
thread.join()
"""
)

#: Small writes that flush themselves.
SMALL_WRITES = (
    ENDS
    + """
def nest():
    small = tls._AggregateSmallWrites(None, None)
    small.MAX_BUFFER_SIZE = small._bufferLeft = -1
    small._write = small.write
    try:
        small.write(b"")
    except RecursionError:
        print("RecursionError", flush=True)

threading.stack_size(512 * 1024)
thread = threading.Thread(target=nest)
thread.start()
thread.join()
"""
)

#: What was written is put together where there is no memory for it.
MEMORY = (
    ENDS
    + """
small = tls._AggregateSmallWrites(print, None)
small.MAX_BUFFER_SIZE = small._bufferLeft = 1 << 40
small._scheduled = True
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
piece = bytes(1 << 24)
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 27),) * 2)
for _ in range(64):
    small.write(piece)
try:
    small.flush()
except MemoryError:
    print("MemoryError", len(small._buffer))
"""
)

PROGRAMS = {
    IN_THE_MAIN_THREAD: "RecursionError\n",
    IN_A_SMALL_THREAD: "RecursionError\n",
    SMALL_WRITES: "RecursionError\n",
    MEMORY: "MemoryError 64\n",
}


@pytest.mark.parametrize("deferrous", [None, "1"], ids=["stock", "ours"])
@pytest.mark.parametrize("program", PROGRAMS, ids=["main", "thread", "small-writes", "memory"])
def test_what_is_too_deep_or_too_large_raises(program: str, deferrous: str | None) -> None:
    if program == IN_A_SMALL_THREAD and deferrous is None and sys.version_info < (3, 11):
        pytest.skip("calls of Python take the stack of C, which is too small for 1,000 of Twisted's")
    ended = python("-c", program, env=environment(DEFERROUS=deferrous))
    assert (ended.status, ended.out) == (0, PROGRAMS[program]), ended.err
