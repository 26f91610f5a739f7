"""UNIX sockets: descriptors that are sent with data, and addresses."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from twisted.internet.error import FileDescriptorOverrun
from twisted.internet.interfaces import IFileDescriptorReceiver, IUNIXTransport
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, Kit, Noting

CASES = Cases()


@implementer(IFileDescriptorReceiver)
class Receiving(Noting):
    """Takes descriptors, and reads what is in them."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        self.on_data = lambda data: self.order.append(data.decode())

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Read it."""
        self.order.append(f"<{os.read(descriptor, 100).decode()}>")
        os.close(descriptor)


def _file(kit: Kit, text: str) -> int:
    """Give a descriptor from which a text can be read."""
    ours, theirs = (kit.keep(one) for one in socket.socketpair())
    theirs.send(text.encode())
    return int(ours.fileno())


@CASES([["<one>", "<two>", "data"], True])
async def descriptors_come_before_data(kit: Kit) -> Any:
    """Each goes with one byte, and is given before that."""
    server, client = await kit.pair(Receiving(), kind="unix")
    client.wire.sendFileDescriptor(_file(kit, "one"))
    client.wire.sendFileDescriptor(_file(kit, "two"))
    client.wire.write(b"data")
    await kit.becomes(lambda: "".join(server.order).endswith("ta"))
    marks = [each for each in server.order if each.startswith("<")]
    return [[*marks, server.text], IUNIXTransport.providedBy(client.wire)]


@CASES([["FileDescriptorOverrun"], ["ConnectionDone"], []])
async def more_descriptors_than_bytes(kit: Kit) -> Any:
    """It ends the connection when something is to be sent."""
    server, client = await kit.pair(Receiving(), kind="unix")
    client.wire.write(b"x")
    for text in ("one", "two"):
        client.wire.sendFileDescriptor(_file(kit, text))
    return [await kit.ended(client), await kit.ended(server), server.order]


@CASES("FileDescriptorOverrun")
async def a_descriptor_without_data(kit: Kit) -> Any:
    """It ends the connection, too."""
    _, client = await kit.pair(Receiving(), kind="unix")
    client.wire.sendFileDescriptor(_file(kit, "one"))
    (reason,) = await kit.ended(client)
    return FileDescriptorOverrun.__name__ if reason == "FileDescriptorOverrun" else reason


@CASES([["pause"], 65])
async def many_descriptors_pause_the_producer(kit: Kit) -> Any:
    """A producer is paused when more than 64 descriptors wait."""
    _, client = await kit.pair(Receiving(), kind="unix")
    told: list[str] = []

    class Producer:
        pauseProducing = staticmethod(lambda: told.append("pause"))
        resumeProducing = stopProducing = staticmethod(lambda: None)

    client.wire.registerProducer(Producer(), True)
    descriptor = _file(kit, "one")
    while not told:
        client.wire.sendFileDescriptor(descriptor)
    count = len(client.wire._sendmsgQueue)
    client.wire._sendmsgQueue.clear()
    return [told, count]


@CASES([["<first>"], "yx", []])
async def descriptors_behind_data_that_waits(kit: Kit) -> Any:
    """Descriptors go out with the first bytes that are sent after them, though these were written before."""
    server, client = await kit.pair(Receiving(), kind="unix")
    client.wire.write(b"yx")
    client.wire.sendFileDescriptor(_file(kit, "first"))
    await kit.becomes(lambda: len(server.text) == 2)
    return [[each for each in server.order if each.startswith("<")], server.text, client.wire._sendmsgQueue]


@CASES(["x", True])
async def descriptors_to_one_who_does_not_want_them(kit: Kit) -> Any:
    """They are closed, and the data is given."""
    server, client = await kit.pair(kind="unix")
    ours, theirs = socket.socketpair()
    kit.keep(theirs).setblocking(False)
    client.wire.sendFileDescriptor(ours.fileno())
    client.wire.write(b"x")
    await kit.becomes(lambda: server.got)
    ours.close()
    return [server.text, await kit.drained(theirs) == "end"]


@CASES(["hello", len(FLOOD), ["ConnectionDone"], ["ConnectionDone"]])
async def data(kit: Kit) -> Any:
    """Data goes both ways, and ends."""
    server, client = await kit.pair(kind="unix")
    client.wire.write(b"hello")
    await kit.becomes(lambda: server.got)
    server.wire.write(FLOOD)
    server.wire.loseConnection()
    await kit.ended(client)
    return [server.text, len(b"".join(client.got)), client.lost, await kit.ended(server)]


@CASES([True, True, True, [False, False]])
async def addresses(kit: Kit) -> Any:
    """The path is the server's address; TCP_NODELAY is nothing."""
    server, client = await kit.pair(kind="unix")
    host = server.wire.getHost()
    client.wire.setTcpNoDelay(True)
    return [
        host == client.wire.getPeer(),
        client.wire.getHost().name is None,
        server.wire.getPeer().name is None,
        [client.wire.getTcpNoDelay(), server.wire.getTcpNoDelay()],
    ]


@pytest.mark.parametrize("case", CASES.names)
def test_unix_sockets_carry_descriptors(returned: dict[str, Any], case: str) -> None:
    """Descriptors come with the data that was written with them, or the connection ends."""
    assert returned.get(case, returned) == CASES.expected(case)
