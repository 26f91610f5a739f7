"""Connections of one class in different states: what is known of one is not taken for the others."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, Kit, Noting

CASES = Cases()


@CASES([["one", "two"], ["", "still"], ["one again", "two again"]])
async def one_of_two_disconnected_by_hand(kit: Kit) -> Any:
    """`connected` of one connection says nothing of another one."""
    first, first_peer = await kit.served()
    second, second_peer = await kit.served()
    first.wire.write(b"one")
    second.wire.write(b"two")
    both = [(await kit.received(peer, 3)).decode() for peer in (first_peer, second_peer)]
    first.wire.connected = 0
    first.wire.write(b"dropped")
    second.wire.write(b"still")
    dropped = await kit.seen(first_peer)
    still = (await kit.received(second_peer, 5)).decode()
    first.wire.connected = 1
    first.wire.write(b"one again")
    second.wire.write(b"two again")
    again = [(await kit.received(peer, 9)).decode() for peer in (first_peer, second_peer)]
    return [both, [dropped, still], again]


@CASES([["b"], ["a", "c"], ["b", "d"]])
async def one_of_two_with_its_own_method(kit: Kit) -> Any:
    """`doRead` of one connection is not that of another one, also where objects have no place for it."""
    servers = [await kit.served() for _ in range(40)]
    (first, first_peer), (second, second_peer) = servers[0], servers[-1]
    read = []

    def do_read() -> Any:
        data = first.wire.socket.recv(100)
        read.append(data.decode())

    first.wire.doRead = do_read
    first_peer.send(b"a")
    second_peer.send(b"b")
    await kit.becomes(lambda: read and second.got)
    got = [second.text]
    first_peer.send(b"c")
    await kit.becomes(lambda: len(read) == 2)
    del first.wire.doRead
    second_peer.send(b"d")
    await kit.becomes(lambda: len(second.got) == 2)
    return [got, read, [data.decode() for data in second.got]]


@CASES([[1, 1], 0, "x"])
async def dict_shows_what_waits(kit: Kit) -> Any:
    """A dict that was asked for before shows `_tempDataLen`."""
    server, peer = await kit.served()
    shown = vars(server.wire)
    server.wire.write(b"x")
    waiting = [shown["_tempDataLen"], server.wire._tempDataLen]
    got = (await kit.received(peer, 1)).decode()
    await kit.turns()
    return [waiting, shown["_tempDataLen"], got]


@CASES([["on"], ["one", "two"]])
async def attributes_of_other_names(kit: Kit) -> Any:
    """More attributes than objects have places for, and names that are no plain `str`, change nothing."""

    class Name(str):
        pass

    server, peer = await kit.served()
    for number in range(50):
        setattr(server.wire, f"attribute_{number}", number)
    vars(server.wire)[Name("flag")] = "on"
    peer.send(b"one")
    await kit.becomes(lambda: server.got)
    server.wire.write(b"two")
    got = (await kit.received(peer, 3)).decode()
    return [[vars(server.wire)["flag"]], [server.text, got]]


@CASES(["hello", 5, [len(FLOOD), 0], True])
async def attributes_stay_in_the_connection(kit: Kit) -> Any:
    """A connection has no dict on CPython 3.13, also if it could not send all at once."""
    server, peer = await kit.served()
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    server.wire.write(b"world")
    back = len(await kit.received(peer, 5))
    server.wire.write(FLOOD)
    flood = len(await kit.received(peer, len(FLOOD)))
    await kit.turns()
    return [server.text, back, [flood, server.wire._tempDataLen], _has_them_in_itself(server.wire)]


def _has_them_in_itself(wire: Any) -> bool:
    if sys.version_info < (3, 13):
        return True
    internal = pytest.importorskip("_testinternalcapi")
    return bool(internal.has_inline_values(wire))


@CASES([[True, True], ["one", "two"]])
async def protocols_with_and_without_a_producer(kit: Kit) -> Any:
    """A producer of one connection is paused, and another connection has none."""

    class Producer:
        paused = False

        def pauseProducing(self) -> None:
            self.paused = True

        def resumeProducing(self) -> None:
            self.paused = False

        def stopProducing(self) -> None:
            pass

    (first, first_peer), (second, second_peer) = await kit.served(Noting()), await kit.served(Noting())
    second.wire.write(b"two")
    producer = Producer()
    first.wire.registerProducer(producer, True)
    first.wire.write(FLOOD)
    paused = [producer.paused]
    other = (await kit.received(second_peer, 3)).decode()
    await kit.received(first_peer, len(FLOOD))
    await kit.becomes(lambda: not producer.paused)
    first.wire.write(b"one")
    return [[*paused, not producer.paused], [(await kit.received(first_peer, 3)).decode(), other]]


@pytest.mark.parametrize("case", CASES.names)
def test_connections_in_different_states_are_told_apart(returned: dict[str, Any], case: str) -> None:
    """Each is as on stock."""
    assert returned.get(case, returned) == CASES.expected(case)
