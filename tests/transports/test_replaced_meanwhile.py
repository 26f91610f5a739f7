"""Methods that are set on a transport or on a class while a connection is open count from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from twisted.internet import abstract, tcp
from twisted.internet.abstract import FileDescriptor

from tests.transports.cases import Cases
from tests.transports.kit import Kit, Noting

CASES = Cases()


@contextmanager
def replaced(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """Replace something for a while, and then put back what was there."""
    own, before = name in vars(owner), getattr(owner, name)
    setattr(owner, name, make(before))
    try:
        yield
    finally:
        if own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


async def _says(kit: Kit, peer: Any, server: Any, words: bytes) -> str:
    """Send something to a server, and give what it has got."""
    before = len(server.text)
    peer.send(words)
    await kit.becomes(lambda: len(server.text) >= before + len(words))
    return str(server.text[before:])


async def _hears(kit: Kit, peer: Any, server: Any, words: bytes) -> str:
    """Let a server send something, and give what comes."""
    server.wire.write(words)
    return (await kit.received(peer, len(words))).decode()


@CASES(["one", "two", ["mine"], "three", ["mine"]])
async def do_read_on_the_instance(kit: Kit) -> Any:
    """`doRead` of one transport, set and deleted again."""
    server, peer = await kit.served()
    calls = []
    first = await _says(kit, peer, server, b"one")
    stock = server.wire.doRead

    def mine() -> Any:
        calls.append("mine")
        return stock()

    server.wire.doRead = mine
    second = await _says(kit, peer, server, b"two")
    during = list(calls)
    del server.wire.doRead
    return [first, second, during, await _says(kit, peer, server, b"three"), calls]


@CASES(["one", "two", ["mine"], "three", ["mine"]])
async def do_write_on_the_instance(kit: Kit) -> Any:
    """`doWrite` of one transport, set and deleted again."""
    server, peer = await kit.served()
    calls = []
    first = await _hears(kit, peer, server, b"one")
    stock = server.wire.doWrite

    def mine() -> Any:
        calls.append("mine")
        return stock()

    server.wire.doWrite = mine
    second = await _hears(kit, peer, server, b"two")
    during = list(calls)
    del server.wire.doWrite
    return [first, second, during, await _hears(kit, peer, server, b"three"), calls]


@CASES([["question", "answer"], "after", ["read", "write"]])
async def a_handshake(kit: Kit) -> Any:
    """A mixin that sets both to its handshake, and deletes them when that is done."""
    server, peer = await kit.served()
    wire, steps = server.wire, []

    def handshake_write() -> None:
        steps.append("write")
        wire.socket.send(b"answer")
        del wire.doRead, wire.doWrite
        wire.stopWriting()
        wire.startReading()

    def handshake_read() -> None:
        steps.append("read")
        asked.append(wire.socket.recv(100).decode())
        wire.stopReading()
        wire.startWriting()

    asked: list[str] = []
    wire.doRead, wire.doWrite = handshake_read, handshake_write
    peer.send(b"question")
    answer = await kit.received(peer, 6)
    return [[*asked, answer.decode()], await _says(kit, peer, server, b"after"), steps]


@CASES([["b", "c"], "xyz"])
async def write_on_the_instance(kit: Kit) -> Any:
    """`write` of one transport: as wrappers of protocols do."""
    server, peer = await kit.served()
    wire, kept = server.wire, []
    wire.write(b"x")
    stock = wire.write

    def mine(data: bytes) -> None:
        kept.append(data.decode())
        stock(b"y")

    wire.write = mine
    wire.write(b"b")
    wire.write = lambda data: kept.append(data.decode())
    wire.write(b"c")
    del wire.write
    wire.write(b"z")
    return [kept, (await kit.received(peer, 3)).decode()]


@CASES([["abc", "d"], ["efgh"]])
async def buffer_size_on_the_instance(kit: Kit) -> Any:
    """`bufferSize` is how much is read at a time."""
    server, peer = await kit.served()
    server.wire.bufferSize = 3
    peer.send(b"abcd")
    await kit.becomes(lambda: len(server.text) == 4)
    small, server.got = server.got, []
    del server.wire.bufferSize
    peer.send(b"efgh")
    await kit.becomes(lambda: server.got)
    return [[data.decode() for data in small], [data.decode() for data in server.got]]


@CASES([["abc", "d"], ["efgh"]])
async def buffer_size_on_the_class(kit: Kit) -> Any:
    """So is that of the class, of which an instance has no own."""
    server, peer = await kit.served()
    with replaced(FileDescriptor, "bufferSize", lambda _: 3):
        peer.send(b"abcd")
        await kit.becomes(lambda: len(server.text) == 4)
    small, server.got = server.got, []
    peer.send(b"efgh")
    await kit.becomes(lambda: server.got)
    return [[data.decode() for data in small], [data.decode() for data in server.got]]


@CASES(["one", ["two"], "one", "onethree"])
async def data_received_on_the_protocol(kit: Kit) -> Any:
    """`dataReceived` of a protocol, set on the instance and deleted again."""
    server, peer = await kit.served()
    mine: list[str] = []
    first = await _says(kit, peer, server, b"one")
    server.dataReceived = lambda data: mine.append(data.decode())
    peer.send(b"two")
    await kit.becomes(lambda: mine)
    during = server.text
    del server.dataReceived
    await _says(kit, peer, server, b"three")
    return [first, mine, during, server.text]


@CASES([["two"], "onethree"])
async def data_received_on_the_class_of_the_protocol(kit: Kit) -> Any:
    """`dataReceived` of the class of a protocol, set and taken off again."""

    class Mine(Noting):
        pass

    server, peer = await kit.served(Mine())
    mine: list[str] = []
    await _says(kit, peer, server, b"one")
    Mine.dataReceived = lambda self, data: mine.append(data.decode())  # type: ignore[method-assign]
    peer.send(b"two")
    await kit.becomes(lambda: mine)
    del Mine.dataReceived
    await _says(kit, peer, server, b"three")
    return [mine, server.text]


@CASES(["one", []])
async def data_received_on_the_transport(kit: Kit) -> Any:
    """`dataReceived` of a transport is nothing that anybody calls."""
    server, peer = await kit.served()
    calls: list[bytes] = []
    server.wire.dataReceived = calls.append
    return [await _says(kit, peer, server, b"one"), calls]


def _counting(calls: list[str]) -> Callable[[Any], Any]:
    """Give what makes a method that notes its calls, and then calls what was there."""

    def make(before: Any) -> Any:
        def counting(*arguments: Any, **keywords: Any) -> Any:
            calls.append(before.__name__)
            return before(*arguments, **keywords)

        return counting

    return make


#: Where methods are replaced, and how often they are called when something is read, written, and read again.
PLACES = {
    "doRead of Connection": (tcp.Connection, "doRead", ["doRead"] * 2),
    "doRead of Server": (tcp.Server, "doRead", ["doRead"] * 2),
    "_dataReceived of Connection": (tcp.Connection, "_dataReceived", ["_dataReceived"] * 2),
    "doWrite of FileDescriptor": (FileDescriptor, "doWrite", ["doWrite"]),
    "doWrite of Server": (tcp.Server, "doWrite", ["doWrite"]),
    "writeSomeData of Connection": (tcp.Connection, "writeSomeData", ["writeSomeData"]),
    "write of FileDescriptor": (FileDescriptor, "write", ["write"]),
    "write of Connection": (tcp.Connection, "write", ["write"]),
    "write of Server": (tcp.Server, "write", ["write"]),
    "startWriting of FileDescriptor": (FileDescriptor, "startWriting", ["startWriting"]),
    "stopWriting of FileDescriptor": (FileDescriptor, "stopWriting", ["stopWriting"]),
    "_maybePauseProducer of FileDescriptor": (FileDescriptor, "_maybePauseProducer", ["_maybePauseProducer"]),
    "_dataMustBeBytes of abstract": (abstract, "_dataMustBeBytes", ["_dataMustBeBytes"]),
    "logPrefix of Connection": (tcp.Connection, "logPrefix", ["logPrefix"] * 3),
}


@CASES({place: [["one", "two", "three"], calls, "four", "five"] for place, (_, _, calls) in PLACES.items()})
async def on_twisteds_own_classes(kit: Kit) -> Any:
    """Monkeypatched methods of Twisted's classes, from the middle of a connection to some later time."""
    found = {}
    for place, (owner, name, _) in PLACES.items():
        server, peer = await kit.served()
        calls: list[str] = []
        with replaced(owner, name, _counting(calls)):
            said = [
                await _says(kit, peer, server, b"one"),
                await _hears(kit, peer, server, b"two"),
                await _says(kit, peer, server, b"three"),
            ]
            await kit.turns()
            counted = list(calls)
        found[place] = [
            said,
            counted,
            await _says(kit, peer, server, b"four"),
            await _hears(kit, peer, server, b"five"),
        ]
    return found


@CASES(["TWO", "two"])
async def write_some_data_for_what_is_already_written(kit: Kit) -> Any:
    """What has been written before the replacement, and not yet sent, goes through it."""
    server, peer = await kit.served()
    server.wire.write(b"two")

    def make(before: Any) -> Any:
        return lambda self, data: before(self, bytes(data).upper())

    with replaced(tcp.Connection, "writeSomeData", make):
        first = await kit.received(peer, 3)
    return [first.decode(), await _hears(kit, peer, server, b"two")]


@CASES(["one", ["Other"], "two", "three"])
async def the_class_of_the_transport(kit: Kit) -> Any:
    """A transport may get another class."""

    class Other(tcp.Server):
        calls: list[str] = []  # noqa: RUF012

        def doRead(self) -> Any:
            self.calls.append("Other")
            return super().doRead()

    server, peer = await kit.served()
    first = await _says(kit, peer, server, b"one")
    server.wire.__class__ = Other
    second = await _says(kit, peer, server, b"two")
    server.wire.__class__ = tcp.Server
    return [first, Other.calls, second, await _says(kit, peer, server, b"three")]


@CASES([["one", "mixed", "two"], "three"])
async def a_base_class_that_is_put_in(kit: Kit) -> Any:
    """The bases of a class may change, and with them its methods."""

    class Plain:
        pass

    class Mixed:
        def doRead(self) -> Any:
            transport: Any = self
            server.got.append(b"mixed")
            return tcp.Connection.doRead(transport)

    class Server(Plain, tcp.Server):
        pass

    server, peer = await kit.served(transport=Server)
    await _says(kit, peer, server, b"one")
    Server.__bases__ = (Mixed, tcp.Server)
    peer.send(b"two")
    await kit.becomes(lambda: server.text.endswith("two"))
    got = [data.decode() for data in server.got]
    Server.__bases__ = (Plain, tcp.Server)
    return [got, await _says(kit, peer, server, b"three")]


@pytest.mark.parametrize("case", CASES.names)
def test_replaced_methods_count_from_then_on(returned: dict[str, Any], case: str) -> None:
    """From when it is set until it is taken off, a method of a program's own is called, and no longer."""
    assert returned.get(case, returned) == CASES.expected(case)
