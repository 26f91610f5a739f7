"""UNIX connections pass descriptors of files as stock does: in order, each with one byte, none leaks."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import socket
from typing import Any

import pytest
from twisted.internet import interfaces, tcp, unix
from twisted.python import sendmsg
from zope.interface import implementer  # type: ignore[import-untyped]

from tests import logs
from tests.transports.cases import Cases
from tests.transports.kit import Kit, Noting

CASES = Cases()


@implementer(interfaces.IFileDescriptorReceiver)
class Taking(Noting):
    """Notes descriptors and data in the order in which they come, and closes the descriptors."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[Any] = []

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Note whether a program that is executed inherits it."""
        self.came.append("closed by exec" if fcntl.fcntl(descriptor, fcntl.F_GETFD) else "inherited")
        os.close(descriptor)

    def dataReceived(self, data: bytes) -> None:
        """Note the data."""
        self.came.append(data.decode())
        super().dataReceived(data)


def descriptors() -> int:
    """Give how many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


def send(peer: socket.socket, data: bytes, count: int) -> None:
    """Send data with so many descriptors."""
    rights = array.array("i", [peer.fileno()] * count)
    peer.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def take(peer: socket.socket) -> list[Any]:
    """Receive messages until there is none, and give the data and how many descriptors came with each."""
    got: list[Any] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            data, rights, _, _ = socket.recv_fds(peer, 1 << 16, 64)
            for descriptor in rights:
                os.close(descriptor)
            if not data:
                break
            got.append([data.decode(), len(rights)])
    return got


async def taken(kit: Kit, peer: socket.socket, count: int) -> list[Any]:
    """Take until there are so many messages."""
    got: list[Any] = []
    while len(got) < count:
        got += take(peer)
        await kit.turns(1)
    return got


@CASES([["inherited", "inherited", "inherited", "hello", "plain"], 0])
async def before_the_data(kit: Kit) -> Any:
    """They come before the data of their message, and a program that is executed inherits them."""
    server, peer = await kit.served(Taking(), kind="unix")
    before = descriptors()
    send(peer, b"hello", 3)
    await kit.becomes(lambda: server.text == "hello")
    peer.send(b"plain")
    await kit.becomes(lambda: server.text == "helloplain")
    return [server.came, descriptors() - before]


@CASES([["inherited"] * 253 + ["x"], 0])
async def as_many_as_a_message_has(kit: Kit) -> Any:
    """There is room for all descriptors that the system lets a message have."""
    client, peer = await kit.called(Taking(), kind="unix")
    before = descriptors()
    send(peer, b"x", 253)
    await kit.becomes(lambda: client.text == "x")
    return [client.came, descriptors() - before]


@CASES(["inherited", 100_000, 0])
async def with_much_data(kit: Kit) -> Any:
    """They come along with large reads, too."""
    server, peer = await kit.served(Taking(), kind="unix")
    server.wire.bufferSize = 1 << 20
    before = descriptors()
    for _ in range(3):
        send(peer, b"x" * 100_000, 1)
        await kit.becomes(lambda: len(server.text) == 100_000)
        first, length = server.came[0], len(server.text)
        server.came.clear()
        server.got.clear()
    return [first, length, descriptors() - before]


@CASES(["hello", 0, [True]])
async def that_nobody_takes(kit: Kit) -> Any:
    """They are closed if the protocol takes none, and that is logged."""
    server, peer = await kit.served(kind="unix")
    before = descriptors()
    with logs.Log() as log:
        send(peer, b"hello", 2)
        await kit.becomes(lambda: server.got)
        told = ["closing file descriptor received" in line for line in log.written()]
    return [server.text, descriptors() - before, told]


@CASES(["hello", [True]])
async def data_of_another_kind(kit: Kit) -> Any:
    """Credentials are not taken, which is logged; the data are received."""
    server, peer = await kit.served(kind="unix")
    server.wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with logs.Log() as log:
        peer.send(b"hello")
        await kit.becomes(lambda: server.got)
        told = ["received unsupported ancillary data (level=1, type=2)" in line for line in log.written()]
    return [server.text, told]


@CASES([["RuntimeError"], [], [True]])
async def that_raise(kit: Kit) -> Any:
    """An error of fileDescriptorReceived ends the connection, and the data do not come."""

    class Raising(Taking):
        def fileDescriptorReceived(self, descriptor: int) -> None:
            super().fileDescriptorReceived(descriptor)
            raise RuntimeError("fileDescriptorReceived")

    server, peer = await kit.served(Raising(), kind="unix")
    with logs.Log() as log:
        send(peer, b"hello", 1)
        await kit.ended(server)
        told = ["RuntimeError: fileDescriptorReceived" in line for line in log.written()]
    return [server.lost, server.got, told]


@CASES([["doRead", "_dataReceived", "on_raise"]])
async def frames_of_an_error(kit: Kit) -> Any:
    """The traceback of what dataReceived raises has Twisted's functions in it."""
    seen: list[Any] = []

    def on_lost(reason: Any) -> None:
        names = [frame[0] for frame in reason.frames]
        seen.append([name for name in names if name in ("doRead", "_dataReceived", "on_raise")])

    def on_raise(_: bytes) -> None:
        raise RuntimeError("dataReceived")

    server, peer = await kit.served(kind="unix")
    server.on_data, server.on_lost = on_raise, on_lost
    peer.send(b"hello")
    await kit.ended(server)
    return seen


@CASES([[["a", 1], ["b", 1], ["cd", 0], ["plain", 0]]])
async def with_one_byte_each(kit: Kit) -> Any:
    """Each is sent with one byte of what is written, before the rest."""
    server, peer = await kit.served(kind="unix")
    server.wire.sendFileDescriptor(peer.fileno())
    server.wire.write(b"ab")
    server.wire.sendFileDescriptor(peer.fileno())
    server.wire.write(b"cd")
    got = await taken(kit, peer, 3)
    server.wire.write(b"plain")
    return [got + await taken(kit, peer, 1)]


@CASES([["inherited", "x", "y"], ["inherited", "x", "y"], 0])
async def from_peer_to_peer(kit: Kit) -> Any:
    """Two transports pass them to each other."""
    server, client = await kit.pair(Taking(), Taking(), kind="unix")
    before = descriptors()
    for end in (server, client):
        end.wire.sendFileDescriptor(0)
        end.wire.write(b"xy")
    await kit.becomes(lambda: server.text == client.text == "xy")
    return [server.came, client.came, descriptors() - before]


@CASES([["FileDescriptorOverrun"], []])
async def more_than_there_are_bytes(kit: Kit) -> Any:
    """More descriptors than bytes end the connection, and nothing is sent."""
    server, peer = await kit.served(kind="unix")
    server.wire.sendFileDescriptor(peer.fileno())
    server.wire.sendFileDescriptor(peer.fileno())
    server.wire.write(b"x")
    await kit.ended(server)
    return [server.lost, take(peer)]


class _Producer:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


@CASES([[], ["pause"], ["pause", "resume"]])
async def too_many_for_a_producer(kit: Kit) -> Any:
    """A producer is paused while more than _fileDescriptorBufferSize of them wait, and not by a few bytes."""
    server, peer = await kit.served(kind="unix")
    wire, producer = server.wire, _Producer()
    wire._fileDescriptorBufferSize = 2
    wire.registerProducer(producer, True)
    wire.write(b"12345")
    told = [list(producer.told)]
    for _ in range(3):
        wire.sendFileDescriptor(peer.fileno())
    told.append(list(producer.told))
    await kit.becomes(lambda: "resume" in producer.told)
    told.append(list(producer.told))
    wire.unregisterProducer()
    take(peer)
    return told


@CASES([[], ["pause"]])
async def too_many_bytes_for_a_producer(kit: Kit) -> Any:
    """A producer is paused when more than bufferSize bytes wait."""
    server, _ = await kit.served(kind="unix")
    wire, producer = server.wire, _Producer()
    wire.bufferSize = 10
    wire.registerProducer(producer, True)
    wire.write(b"x" * 10)
    told = [list(producer.told)]
    wire.write(b"x")
    told.append(list(producer.told))
    wire.unregisterProducer()
    return told


@CASES(["hello", [4], "plain"])
async def taken_by_a_method_of_the_class(kit: Kit) -> Any:
    """A subclass that takes the rights itself is asked."""
    seen: list[int] = []

    class Server(unix.Server):
        def _ancillaryLevelSOLSOCKETTypeSCMRIGHTS(self, data: bytes) -> None:
            seen.append(len(data))
            os.close(array.array("i", data)[0])

    server, peer = await kit.served(kind="unix", transport=Server)
    send(peer, b"hello", 1)
    await kit.becomes(lambda: server.got)
    first = server.text
    server.got.clear()
    peer.send(b"plain")
    await kit.becomes(lambda: server.got)
    return [first, seen, server.text]


@CASES(["hello", [8]])
async def taken_by_a_method_of_the_object(kit: Kit) -> Any:
    """So is one that is set on the transport itself."""
    seen: list[int] = []

    def taken(data: bytes) -> None:
        seen.append(len(data))
        for descriptor in array.array("i", data):
            os.close(descriptor)

    server, peer = await kit.served(kind="unix")
    server.wire._ancillaryLevelSOLSOCKETTypeSCMRIGHTS = taken
    send(peer, b"hello", 2)
    await kit.becomes(lambda: server.got)
    return [server.text, seen]


@CASES(["hello", "world", ["doRead", "writeSomeData"]])
async def methods_of_a_subclass(kit: Kit) -> Any:
    """Methods that a subclass has of its own are called."""
    calls: list[str] = []

    class Server(unix.Server):
        def doRead(self) -> Any:
            calls.append("doRead")
            return super().doRead()

        def writeSomeData(self, data: Any) -> Any:
            calls.append("writeSomeData")
            return super().writeSomeData(data)

    server, peer = await kit.served(kind="unix", transport=Server)
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    server.wire.write(b"world")
    return [server.text, (await kit.received(peer, 5)).decode(), calls]


@CASES(["WORLD", "LATER"])
async def another_base(kit: Kit) -> Any:
    """What sends the data is the class in _writeSomeDataBase, of the class or of the transport."""

    class Loud:
        writeSomeData = staticmethod(lambda wire, data: tcp.Server.writeSomeData(wire, bytes(data).upper()))
        _isSendBufferFull = staticmethod(tcp.Server._isSendBufferFull)

    class Server(unix.Server):
        _writeSomeDataBase: Any = Loud

    server, peer = await kit.served(kind="unix", transport=Server)
    server.wire.write(b"world")
    first = await kit.received(peer, 5)
    other, peer = await kit.served(kind="unix")
    other.wire._writeSomeDataBase = Loud
    other.wire.write(b"later")
    return [first.decode(), (await kit.received(peer, 5)).decode()]


@CASES(["hello", [65536], "world"])
async def another_function_of_the_module(kit: Kit) -> Any:
    """`recvmsg` that is replaced in twisted.python.sendmsg is called until it has been put back."""
    sizes: list[int] = []
    original = sendmsg.recvmsg

    def recvmsg(own: socket.socket, size: int) -> Any:
        sizes.append(size)
        return original(own, size)

    server, peer = await kit.served(kind="unix")
    sendmsg.recvmsg = recvmsg  # type: ignore[assignment]
    try:
        peer.send(b"hello")
        await kit.becomes(lambda: server.got)
    finally:
        sendmsg.recvmsg = original
    first = server.text
    server.got.clear()
    peer.send(b"world")
    await kit.becomes(lambda: server.got)
    return [first, sizes, server.text]


@CASES([["ConnectionDone"], ["ConnectionLost"], "bye"])
async def at_the_end(kit: Kit) -> Any:
    """The end of the peer is a clean one; a reset by bytes that nobody has read is none."""
    first, peer = await kit.served(kind="unix")
    peer.send(b"bye")
    peer.close()
    await kit.ended(first)
    second, peer = await kit.served(kind="unix")
    second.wire.write(b"unread")
    await kit.turns()
    peer.close()
    await kit.ended(second)
    return [first.lost, second.lost, first.text]


@CASES([[["x", 1]], "plain"])
async def in_a_queue_that_was_replaced(kit: Kit) -> Any:
    """A list that a program puts in the place of the queue is looked at."""
    server, peer = await kit.served(kind="unix")
    server.wire._sendmsgQueue = [peer.fileno()]
    server.wire.write(b"x")
    got = await taken(kit, peer, 1)
    server.wire._sendmsgQueue = []
    server.wire.write(b"plain")
    return [got, (await kit.received(peer, 5)).decode()]


@pytest.mark.parametrize("case", CASES.names)
def test_descriptors_are_passed(returned: dict[str, Any], case: str) -> None:
    """Each of them once, in its place, and with the flags that it has on stock."""
    assert returned.get(case, returned) == CASES.expected(case)
