"""Keys of dicts run code when they are compared: also while a stream is looked at or sends."""

from __future__ import annotations

import pytest

from tests import children

#: Each program is run on both, and has to print the same.
BOTH = pytest.mark.parametrize("installed", [None, "1"], ids=["stock", "ours"])

#: A stream whose dict has a key that is compared when something looks for `_tempDataLen`. That acts.
STREAM = """
import socket
from twisted.internet import epollreactor
epollreactor.install()
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import globalLogBeginner
from twisted.python import log

globalLogBeginner.beginLoggingTo([], redirectStandardIO=False)

class Noting(Protocol):
    seen = []

    def dataReceived(self, data):
        self.seen.append(log.context.get(log.ILogContext)["system"][:4])

class Key(str):
    acts = []

    def __hash__(self):
        return hash("_tempDataLen")

    def __eq__(self, other):
        if Key.acts:
            Key.acts.pop()()
        return False

factory = Factory.forProtocol(Noting)
with socket.create_server(("127.0.0.1", 0)) as listening:
    peer = socket.create_connection(listening.getsockname())
    ours, _ = listening.accept()
reactor.adoptStreamConnection(ours.fileno(), socket.AF_INET, factory)
(stream,) = [reader for reader in reactor.getReaders() if getattr(reader, "protocol", None)]
peer.settimeout(5)

def begin():
    # What is there before comes first where a key is looked for.
    stream.__dict__ = {Key("key"): None, **vars(stream), "logstr": "".join(["a", "b"] * 500)}

def ends():
    vars(stream)["logstr"] = "new" * 2
    kept.extend("z" * 1000 + str(number) for number in range(1000))

def reads():
    seen = len(Noting.seen)
    peer.send(b"q")
    while len(Noting.seen) == seen:
        reactor.iterate(0.1)

kept = []
"""


@BOTH
def test_an_attribute_may_end_while_the_others_are_looked_at(installed: str | None) -> None:
    """Looking for one attribute changes another."""
    program = """
begin()
Key.acts.append(ends)
reads()
reads()
print(Noting.seen[-1] in ("abab", "newn"))
"""
    assert children.passes(STREAM + program, DEFERROUS=installed) == "True\n"


@BOTH
def test_an_attribute_may_end_while_another_is_set_to_what_it_was(installed: str | None) -> None:
    """Setting an attribute to the same number is no change. What its key changes meanwhile is one."""
    program = """
begin()
stream.write(b"abc")
vars(stream)["_tempDataLen"] = 0
stream.write(b"")
Key.acts.append(ends)
while len(Key.acts):
    reactor.iterate(0)
print(peer.recv(10))
reads()
print(Noting.seen)
"""
    assert children.passes(STREAM + program, DEFERROUS=installed) == "b'abc'\n['newn']\n"


@BOTH
def test_the_context_of_log_lines_may_change_while_it_is_compared(installed: str | None) -> None:
    """Its keys are a program's, too."""
    program = """
class Other:
    acts = []

    def __hash__(self):
        return 7

    def __eq__(self, other):
        if self.acts:
            self.acts.pop()()
        return self is other

context = log.context.defaultContextDict[log.ILogContext]
context[Other()] = context[Other()] = None
reads()
Other.acts.append(lambda: context.update(more=1))
reads()
reads()
print(len(Noting.seen))
"""
    assert children.passes(STREAM + program, DEFERROUS=installed) == "3\n"
