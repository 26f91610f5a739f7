"""What a program has put in the place of `socket.socket` before there is a reactor."""

from __future__ import annotations

import pytest

from tests.children import environment, python

#: `socket.socket` is a function, as some libraries leave it.
FUNCTION = """
import socket, ssl

own = socket.socket

def make(*arguments, **keywords):
    return own(*arguments, **keywords)

socket.socket = make
from twisted.internet import reactor
"""

#: There is no descriptor left while the reactor is made.
NO_DESCRIPTOR = """
import errno, os, socket

class Scarce(socket.socket):
    none_left = True

    def __init__(self, *arguments, **keywords):
        if self.none_left:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        super().__init__(*arguments, **keywords)

socket.socket = Scarce
from twisted.internet import reactor
Scarce.none_left = False
"""

#: Sends a word to a server that echoes it.
ECHO = """
from twisted.internet import endpoints, protocol
from twisted.protocols.wire import Echo

class Asking(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"hello")

    def dataReceived(self, data):
        print(data.decode())
        self.transport.loseConnection()

    def connectionLost(self, reason):
        reactor.stop()

def ask(port):
    there = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    endpoints.connectProtocol(there, Asking())

endpoints.TCP4ServerEndpoint(reactor, 0).listen(protocol.Factory.forProtocol(Echo)).addCallback(ask)
reactor.run()
print(type(reactor).__module__.split(".")[0])
"""


@pytest.mark.parametrize(("deferrous", "package"), [(None, "twisted"), ("1", "deferrous")])
@pytest.mark.parametrize("start", [FUNCTION, NO_DESCRIPTOR], ids=["function", "no-descriptor"])
def test_sockets_that_cannot_be_tried_leave_the_reactor_running(
    start: str, deferrous: str | None, package: str
) -> None:
    """Connections work by Twisted's own methods then."""
    ended = python("-c", start + ECHO, env=environment(DEFERROUS=deferrous))
    assert (ended.status, ended.out.split()) == (0, ["hello", package]), ended.err
