"""Connections with more to send than there is memory to put it together: an error, and no crash."""

from __future__ import annotations

import pytest

from tests.children import environment, python

#: A server that is asked to write much, in `dataReceived` or later; then another connection is served.
PROGRAM = """
import resource, socket, sys
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.python import log

logged = []
log.addObserver(lambda event: event["isError"] and logged.append(event["failure"].type.__name__))
piece = bytes(1 << 24)

def limit():
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 27), most))

class Serving(Protocol):
    def dataReceived(self, data):
        if data == b"little":
            self.transport.write(data)
        elif data == b"much":
            self.write_much()
        else:
            reactor.callLater(0, self.write_much)

    def write_much(self):
        limit()
        if sys.argv[2:]:
            # So ours puts it together in Rust; more than the limit is left to Twisted's method.
            self.transport.SEND_LIMIT = 1 << 40
        for _ in range(64):
            self.transport.write(piece)

    def connectionLost(self, reason):
        print(reason.type.__name__, logged, flush=True)
        if logged:
            logged.clear()
            ask(b"little")

peers = []

def ask(data):
    peers.append(socket.create_connection(("127.0.0.1", port.getHost().port)))
    peers[-1].send(data)
    if data == b"little":
        reactor.callLater(0.1, answered)

def answered():
    print(peers[-1].recv(100))
    reactor.stop()

port = reactor.listenTCP(0, Factory.forProtocol(Serving), interface="127.0.0.1")
ask(sys.argv[1].encode())
reactor.run()
"""


@pytest.mark.parametrize("deferrous", [None, "1"], ids=["stock", "ours"])
@pytest.mark.parametrize("limit", [[], ["no"]], ids=["limited", "unlimited"])
@pytest.mark.parametrize("when", ["much", "much later"])
def test_a_connection_that_cannot_be_sent_to_is_lost_alone(
    when: str, limit: list[str], deferrous: str | None
) -> None:
    ended = python("-c", PROGRAM, when, *limit, env=environment(DEFERROUS=deferrous))
    expected = ["MemoryError ['MemoryError']", "b'little'", "ConnectionLost []"]
    assert (ended.status, ended.out.splitlines()) == (0, expected), ended.err
