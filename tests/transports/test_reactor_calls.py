"""What programs tell the reactor of a transport, and what a transport tells a reactor that is none."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, HalfNoting, Kit, Noting

CASES = Cases()


def _interest(kit: Kit, wire: Any) -> list[bool]:
    return [wire in kit.reactor.getReaders(), wire in kit.reactor.getWriters()]


@CASES(["", [False, False], "hello", [True, False]])
async def removed_and_added_as_a_reader(kit: Kit) -> Any:
    """`reactor.removeReader(transport)` is pauseProducing, and `addReader` is resumeProducing."""
    server, peer = await kit.served()
    kit.reactor.removeReader(server.wire)
    peer.send(b"hello")
    await kit.turns(10)
    early, without = server.text, _interest(kit, server.wire)
    kit.reactor.addReader(server.wire)
    await kit.becomes(lambda: server.got)
    return [early, without, server.text, _interest(kit, server.wire)]


@CASES(["", [True, False], "hello", [True, False]])
async def removed_and_added_as_a_writer(kit: Kit) -> Any:
    """After `reactor.removeWriter(transport)` nothing is sent, until `addWriter`."""
    server, peer = await kit.served()
    server.wire.write(b"hello")
    kit.reactor.removeWriter(server.wire)
    early, without = await kit.seen(peer), _interest(kit, server.wire)
    kit.reactor.addWriter(server.wire)
    got = await kit.received(peer, 5)
    await kit.turns()
    return [early, without, got.decode(), _interest(kit, server.wire)]


@CASES([[True, True], [True, False]])
async def a_writer_that_has_nothing(kit: Kit) -> Any:
    """A transport that is added as a writer with nothing to write is asked once, and removed."""
    server, _ = await kit.served()
    kit.reactor.addWriter(server.wire)
    added = _interest(kit, server.wire)
    await kit.turns()
    return [added, _interest(kit, server.wire)]


@CASES([[True, True], [True, True], "end"])
async def interest_while_nobody_reads(kit: Kit) -> Any:
    """getReaders and getWriters name a transport as long as it waits."""
    server, peer = await kit.served()
    server.wire.write(FLOOD)
    first = _interest(kit, server.wire)
    await kit.turns(20)
    second = _interest(kit, server.wire)
    server.wire.loseConnection()
    return [first, second, await kit.drained(peer)]


@CASES([1, 1, "hello"])
async def added_twice(kit: Kit) -> Any:
    """It is one reader and one writer, however often it is added; so is its removal."""
    server, peer = await kit.served()
    wire = server.wire
    kit.reactor.addReader(wire)
    kit.reactor.addReader(wire)
    wire.write(b"hello")
    kit.reactor.addWriter(wire)
    counts = [kit.reactor.getReaders().count(wire), kit.reactor.getWriters().count(wire)]
    kit.reactor.removeReader(wire)
    kit.reactor.removeReader(wire)
    return [*counts, (await kit.received(peer, 5)).decode()]


@CASES([True, [False, False], "hello", "hi"])
async def all_removed_and_added_again(kit: Kit) -> Any:
    """`reactor.removeAll()` gives the transports too, which may be added again."""
    server, peer = await kit.served()
    server.wire.write(b"hi")
    removed = kit.reactor.removeAll()
    among, without = server.wire in removed, _interest(kit, server.wire)
    for each in removed:
        kit.reactor.addReader(each)
    kit.reactor.addWriter(server.wire)
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    return [among, without, server.text, (await kit.received(peer, 2)).decode()]


@CASES([["ConnectionDone"], ["read"], ["ConnectionLost"], ["ConnectionLost"], ["ValueError"]])
async def disconnected_by_the_reactor(kit: Kit) -> Any:
    """`reactor._disconnectSelectable` ends it with the reason; a clean end of reading may be half of it."""
    found = []
    for protocol, why, reading in (
        (Noting(), ConnectionDone(), True),
        (HalfNoting(), ConnectionDone(), True),
        (HalfNoting(), ConnectionLost(), True),
        (Noting(), ConnectionLost(), False),
        (Noting(), ValueError("why"), False),
    ):
        server, _ = await kit.served(protocol)
        kit.reactor._disconnectSelectable(server.wire, why, reading)
        found.append(list(server.lost))
        assert server.wire not in kit.reactor.getReaders()
    return found


class FakeReactor:
    """Notes what a transport tells its reactor."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *arguments: self.calls.append(name)


def _faked(kit: Kit) -> tuple[FakeReactor, Noting, Any, socket.socket]:
    reactor, protocol = FakeReactor(), Noting()
    ours, theirs = (kit.keep(one) for one in socket.socketpair())
    theirs.setblocking(False)
    wire = tcp.Server(ours, protocol, ("127.0.0.1", 1), None, 0, reactor)  # type: ignore[arg-type]
    protocol.makeConnection(wire)
    return reactor, protocol, wire, theirs


@CASES([["addReader", "addWriter", "removeWriter"], "hello", ["hi"]])
async def a_fake_reactor(kit: Kit) -> Any:
    """Everything is told to the object that was given as the reactor, and works when called by hand."""
    reactor, protocol, wire, peer = _faked(kit)
    wire.write(b"hello")
    wire.doWrite()
    got = await kit.received(peer, 5)
    peer.send(b"hi")
    wire.doRead()
    return [reactor.calls, got.decode(), [data.decode() for data in protocol.got]]


@CASES([["addReader", "removeReader", "addReader", "removeReader", "addWriter"], ["ConnectionDone", None]])
async def closing_with_a_fake_reactor(kit: Kit) -> Any:
    """doWrite and doRead return the reason for which the reactor is to end the connection."""
    reactor, _, wire, peer = _faked(kit)
    wire.pauseProducing()
    wire.resumeProducing()
    wire.loseConnection()
    calls = list(reactor.calls)
    why = wire.doWrite()
    del peer
    return [calls, [type(why).__name__, wire.doRead()]]


@CASES([["removeReader", "removeWriter", "callLater"], [None, None], ["ConnectionAborted"]])
async def aborting_with_a_fake_reactor(kit: Kit) -> Any:
    """abortConnection asks for a call, and doRead and doWrite do nothing from then on."""
    reactor, protocol, wire, peer = _faked(kit)
    reactor.calls.clear()
    peer.send(b"never read")
    wire.write(b"")
    wire.abortConnection()
    calls, nothing = list(reactor.calls), [wire.doRead(), wire.doWrite()]
    wire.connectionLost(Failure(ConnectionAborted()))
    return [calls, nothing, protocol.lost]


@CASES([None, "ConnectionDone", "ConnectionLost", 0])
async def what_do_read_and_do_write_return(kit: Kit) -> Any:
    """Nothing while there is nothing, ConnectionDone at the end, ConnectionLost where there is no peer."""
    _, _, wire, peer = _faked(kit)
    nothing = wire.doRead()
    peer.close()
    done = wire.doRead()
    wire.write(b"nobody takes it")
    lost = wire.doWrite()
    return [nothing, type(done).__name__, type(lost).__name__, len(wire.dataBuffer) - wire.offset - 15]


@CASES(["hello", ["addReader", "removeReader"]])
async def another_reactor_for_a_living_one(kit: Kit) -> Any:
    """The attribute `reactor` may be wrapped while the connection is open."""
    server, peer = await kit.served()

    class Wrapping:
        calls: list[str] = []  # noqa: RUF012

        def __getattr__(self, name: str) -> Any:
            self.calls.append(name)
            return getattr(kit.reactor, name)

    wrapping = server.wire.reactor = Wrapping()
    server.wire.resumeProducing()
    server.wire.pauseProducing()
    calls = list(wrapping.calls)
    server.wire.resumeProducing()
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    server.wire.reactor = kit.reactor
    return [server.text, calls]


@CASES([["addReader", "addWriter"], "hello"])
async def methods_replaced_on_the_reactor(kit: Kit) -> Any:
    """`addReader` and `addWriter` that a program sets on the reactor are called by transports."""
    server, peer = await kit.served()
    calls = []
    reactor = kit.reactor
    for name in ("addReader", "addWriter"):

        def noting(selectable: Any, name: str = name) -> None:
            calls.append(name)
            getattr(type(reactor), name)(reactor, selectable)

        setattr(reactor, name, noting)
    server.wire.resumeProducing()
    server.wire.write(b"hello")
    del reactor.addReader, reactor.addWriter
    return [calls, (await kit.received(peer, 5)).decode()]


@CASES([[0, 1, 1, 2, 2, 3, 3], "abcdefg"])
async def add_writer_replaced_between_writes(kit: Kit) -> Any:
    """`addWriter` that a program sets on the reactor is called by the next write, however it is set."""
    server, peer = await kit.served()
    reactor = kit.reactor
    calls: list[Any] = []
    seen: list[int] = []

    def noting(selectable: Any) -> None:
        calls.append(selectable)
        type(reactor).addWriter(reactor, selectable)

    def write(data: bytes) -> None:
        server.wire.write(data)
        seen.append(len(calls))

    write(b"a")
    reactor.addWriter = noting
    write(b"b")
    del reactor.addWriter
    write(b"c")
    own = vars(reactor)
    own["addWriter"] = noting
    write(b"d")
    del own["addWriter"]
    write(b"e")
    reactor.__dict__ = {**own, "addWriter": noting}
    write(b"f")
    reactor.__dict__ = own
    write(b"g")
    return [seen, (await kit.received(peer, 7)).decode()]


@pytest.mark.parametrize("case", CASES.names)
def test_reactor_and_transport_tell_each_other(returned: dict[str, Any], case: str) -> None:
    """By hand, by another object, and by methods that have been replaced."""
    assert returned.get(case, returned) == CASES.expected(case)
