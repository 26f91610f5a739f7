"""What `sys.addaudithook` tells of calls of the system that deferrous makes in the place of Python."""

from __future__ import annotations

import pytest

from tests.children import environment, python

#: Sends a datagram to a port that answers, while a hook notes where datagrams go; then a hook refuses them.
PROGRAM = """
import sys
from twisted.internet import protocol, reactor

events, refused = [], []

def hook(event, arguments):
    if event == "socket.sendto":
        events.append(arguments[1])
        if refused:
            raise PermissionError("no datagrams")

class Answering(protocol.DatagramProtocol):
    def datagramReceived(self, data, address):
        if data == b"question":
            self.transport.write(b"answer", address)
            return
        print([host for host, _ in events], events[0][1] == there, len({port for _, port in events}))
        refused.append(True)
        try:
            self.transport.write(b"refused", address)
        except PermissionError as error:
            print(error)
        reactor.stop()

port = reactor.listenUDP(0, Answering(), "127.0.0.1")
there = port.getHost().port
asking = reactor.listenUDP(0, Answering(), "127.0.0.1")
sys.addaudithook(hook)
asking.write(b"question", ("127.0.0.1", there))
reactor.run()
"""


@pytest.mark.parametrize("deferrous", [None, "1"])
def test_audit_hooks_see_and_refuse_each_datagram_that_is_sent(deferrous: str | None) -> None:
    ended = python("-c", PROGRAM, env=environment(DEFERROUS=deferrous))
    expected = "['127.0.0.1', '127.0.0.1'] True 2\nno datagrams\n"
    assert (ended.status, ended.out) == (0, expected), ended.err
