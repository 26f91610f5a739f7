"""How much is read at a time, and what may happen inside `dataReceived`."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import tcp

from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, Kit, Noting

CASES = Cases()


@CASES([["aaaa", "aaaa", "aa"], ["b"], True])
async def one_read_a_turn(kit: Kit) -> Any:
    """One transport reads `bufferSize` bytes, and then it is the turn of others."""
    order: list[str] = []
    first, first_peer = await kit.served()
    second, second_peer = await kit.served()
    for server in (first, second):
        server.wire.bufferSize = 4
        server.on_data = lambda data: order.append(data.decode())
    first_peer.send(b"a" * 10)
    second_peer.send(b"b")
    await kit.becomes(lambda: len(order) == 4)
    ours = [data.decode() for data in first.got]
    # Whichever is first, one piece of each is read before the second piece of one.
    return [ours, [data.decode() for data in second.got], order.index("b") < 2]


@CASES(["abc", "abcdef", False])
async def pausing_in_data_received(kit: Kit) -> Any:
    """Nothing more comes after pauseProducing inside dataReceived, until resumeProducing."""
    server, peer = await kit.served()
    server.wire.bufferSize = 3
    server.on_data = lambda _: server.wire.pauseProducing()
    peer.send(b"abcdef")
    await kit.becomes(lambda: server.got)
    reading = server.wire in kit.reactor.getReaders()
    await kit.turns(10)
    first = server.text
    server.wire.resumeProducing()
    await kit.becomes(lambda: len(server.got) == 2)
    return [first, server.text, reading]


@CASES(["abcdef", True])
async def pausing_and_resuming_in_data_received(kit: Kit) -> Any:
    """Both in one turn change nothing."""
    server, peer = await kit.served()
    server.wire.bufferSize = 3

    def both(_: bytes) -> None:
        server.wire.pauseProducing()
        server.wire.resumeProducing()

    server.on_data = both
    peer.send(b"abcdef")
    await kit.becomes(lambda: len(server.got) == 2)
    return [server.text, server.wire in kit.reactor.getReaders()]


@CASES(["", "waiting", []])
async def paused_from_outside(kit: Kit) -> Any:
    """What comes while a transport is paused, and the end behind it, wait."""
    server, peer = await kit.served()
    server.wire.pauseProducing()
    peer.send(b"waiting")
    peer.close()
    await kit.turns(10)
    early, lost = server.text, list(server.lost)
    server.wire.resumeProducing()
    await kit.ended(server)
    return [early, server.text, lost]


@CASES(["ab", ["a", "[", "b", "]"]])
async def turns_inside_data_received(kit: Kit) -> Any:
    """`reactor.iterate()` inside dataReceived reads what comes meanwhile, before the outer call has ended."""
    server, peer = await kit.served()
    order: list[str] = []

    def nested(data: bytes) -> None:
        order.append(data.decode())
        if data == b"a":
            order.append("[")
            peer.send(b"b")
            while "b" not in order:
                kit.reactor.iterate(0.01)
            order.append("]")

    server.on_data = nested
    peer.send(b"a")
    await kit.becomes(lambda: "]" in order)
    return [server.text, order]


@CASES(["sent inside", ["ConnectionDone"]])
async def turns_inside_data_received_that_write_and_close(kit: Kit) -> Any:
    """Inner turns send what is written, and may end the connection that is being read."""
    server, peer = await kit.served()
    got: list[bytes] = []

    def nested(_: bytes) -> None:
        server.wire.write(b"sent inside")
        server.wire.loseConnection()
        while not server.lost:
            kit.reactor.iterate(0.01)
        got.append(peer.recv(100))

    server.on_data = nested
    peer.send(b"a")
    await kit.becomes(lambda: got)
    return [got[0].decode(), server.lost]


@CASES([["a", "a"], ["ConnectionDone"]])
async def connection_lost_inside_data_received(kit: Kit) -> Any:
    """The transport may be lost by hand inside dataReceived; the loop goes on."""
    server, peer = await kit.served()

    def lose(_: bytes) -> None:
        kit.reactor.removeReader(server.wire)
        server.wire.loseConnection()
        server.wire.doWrite()
        server.wire.connectionLost(_done())

    server.on_data = lose
    peer.send(b"a")
    await kit.ended(server)
    other, other_peer = await kit.served()
    other_peer.send(b"a")
    await kit.becomes(lambda: other.got)
    return [[server.text, other.text], server.lost]


def _done() -> Any:
    from twisted.internet.error import ConnectionDone
    from twisted.python.failure import Failure

    return Failure(ConnectionDone())


@CASES([["bytes"], True])
async def what_is_given(kit: Kit) -> Any:
    """The protocol gets bytes of its own, at most `bufferSize` of them at a time."""
    server, peer = await kit.served()
    peer.setblocking(False)
    sent = 0
    while sent < 1_000_000:
        try:
            sent += peer.send(FLOOD[:100_000])
        except BlockingIOError:
            await kit.turns(1)
    await kit.becomes(lambda: sum(map(len, server.got)) == sent)
    kinds = sorted({type(data).__name__ for data in server.got})
    return [kinds, max(map(len, server.got)) <= tcp.Connection.bufferSize]


@CASES([["x"] * 3, 3])
async def echo_in_data_received(kit: Kit) -> Any:
    """An answer that is written inside dataReceived comes, one for each question."""
    server, peer = await kit.served()
    server.on_data = lambda data: server.wire.write(data)
    got = []
    for _ in range(3):
        peer.send(b"x")
        got.append((await kit.received(peer, 1)).decode())
    return [got, len(server.got)]


@CASES(["hello", "returned"])
async def what_data_received_returns(kit: Kit) -> Any:
    """Its result is not looked at: only a transport's own `_dataReceived` can end it so."""

    class Returning(Noting):
        def dataReceived(self, data: bytes) -> Any:
            super().dataReceived(data)
            return ValueError("returned")

    server, peer = await kit.served(Returning())
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    await kit.turns()
    return [server.text, "returned" if not server.lost else "lost"]


@pytest.mark.parametrize("case", CASES.names)
def test_reading_is_fair_and_stops_at_once(returned: dict[str, Any], case: str) -> None:
    """One piece at a time, none while paused, and whatever is done inside the callback counts."""
    assert returned.get(case, returned) == CASES.expected(case)
