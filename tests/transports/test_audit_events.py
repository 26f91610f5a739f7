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


#: Sends datagrams that the system or a hook refuses, and says what each attempt tells of and raises.
FAILING = """
import errno, sys, traceback
from twisted.internet import protocol, reactor

events, refusal = [], []

def hook(event, arguments):
    if event == "socket.sendto":
        events.append(arguments)
        if refusal:
            raise refusal.pop()

def send(*arguments):
    events.clear()
    try:
        outcome = port.write(*arguments)
    except Exception as error:
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        outcome = [type(error).__name__, type(error.__context__).__name__, *frames]
    print(len(events), {arguments[0] is port.socket for arguments in events}, outcome)

port = reactor.listenUDP(0, protocol.DatagramProtocol(), "127.0.0.1")
here = ("127.0.0.1", port.getHost().port)
sys.addaudithook(hook)
send(b"sent", here)
send(b"too long" * 10_000, here)
send(b"to all", ("255.255.255.255", 9))
for arguments in ("no datagrams",), (errno.EMSGSIZE, ""), (errno.ECONNREFUSED, ""):
    refusal.append(OSError(*arguments))
    send(b"refused", here)
"""
SAID = """\
1 {True} 4
1 {True} ['MessageLengthError', 'OSError', 'send', 'write']
1 {True} ['PermissionError', 'NoneType', 'send', 'write']
1 {True} ['OSError', 'NoneType', 'send', 'write', 'hook']
1 {True} ['MessageLengthError', 'OSError', 'send', 'write']
1 {True} None
"""


@pytest.mark.parametrize("deferrous", [None, "1"])
def test_a_datagram_that_is_not_sent_is_told_of_once(deferrous: str | None) -> None:
    ended = python("-c", FAILING, env=environment(DEFERROUS=deferrous))
    assert (ended.status, ended.out) == (0, SAID), ended.err
