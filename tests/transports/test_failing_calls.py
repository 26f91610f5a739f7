"""Calls of the system that fail or are short, under stock Twisted's transports and under ours.

A library that stands before that of the system lets the calls for one descriptor fail by a plan, whoever
makes them. It is compiled for the test, which is skipped where there is no compiler.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any

import pytest

from tests.reactors import Loop
from tests.transports.cases import Cases, outcomes, run_cases
from tests.transports.failing_calls import compiled
from tests.transports.kit import FLOOD, Kit

CASES = Cases()
RECEIVES, SENDS = 0, 1
EAGAIN, EINTR, ENOBUFS, ENOMEM = errno.EAGAIN, errno.EINTR, errno.ENOBUFS, errno.ENOMEM
ECONNRESET, EPIPE = errno.ECONNRESET, errno.EPIPE


class Plan:
    """What is to happen to the next calls for a transport's descriptor."""

    def __init__(self, wire: Any, kind: int, *actions: int) -> None:
        self._library = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self._call = (wire.fileno(), kind)
        self._library.plan(*self._call, len(actions), (ctypes.c_int * len(actions))(*actions))

    def left(self) -> int:
        """Give how many of them have not been made."""
        return int(self._library.left(*self._call))


async def _both(kit: Kit, kind: str, *actions: int) -> tuple[Any, Any, Plan]:
    """Give a server with a plan for what it receives, and its peer."""
    server, peer = await kit.served(kind=kind)
    return server, peer, Plan(server.wire, RECEIVES, *actions)


@CASES([["hello", [], 0]])
async def receiving_later(kit: Kit) -> Any:
    """After EAGAIN and EINTR, what has come is received."""
    server, peer, plan = await _both(kit, "tcp", EAGAIN, EINTR, EAGAIN)
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    return [[server.text, server.lost, plan.left()]]


@CASES(["abcdef", ["a", "bc", "def"]])
async def receiving_little(kit: Kit) -> Any:
    """Short reads are given as they are."""
    server, peer, _ = await _both(kit, "tcp", -1, -2)
    peer.send(b"abcdef")
    await kit.becomes(lambda: len(server.text) == 6)
    return [server.text, [data.decode() for data in server.got]]


@CASES([["ConnectionLost"], ["ConnectionLost"], ["ConnectionLost"]])
async def errors_of_receiving(kit: Kit) -> Any:
    """A reset, no memory, and a bad descriptor are a loss."""
    found = []
    for number in (ECONNRESET, ENOMEM, errno.EBADF):
        server, peer, _ = await _both(kit, "tcp", number)
        peer.send(b"hello")
        found.append(await kit.ended(server))
    return found


@CASES(["abcdef", [], 0])
async def sending_later(kit: Kit) -> Any:
    """After EAGAIN, ENOBUFS and EINTR, and short writes, all is sent once."""
    server, peer = await kit.served()
    plan = Plan(server.wire, SENDS, EAGAIN, ENOBUFS, EINTR, -1, EAGAIN, -2, EINTR, ENOBUFS)
    server.wire.write(b"abc")
    server.wire.writeSequence([b"d", b"ef"])
    got = await kit.received(peer, 6)
    return [got.decode(), server.lost, plan.left()]


@CASES([True, ["ConnectionDone"], "end", 0])
async def sending_much_in_many_ways(kit: Kit) -> Any:
    """Much data comes through whole, and the connection closes after it."""
    server, peer = await kit.served()
    plan = Plan(server.wire, SENDS, *([-1000, EAGAIN, -70_000, 0, ENOBUFS, EINTR, -1, 0] * 8))
    server.wire.write(FLOOD[:1_000_000])
    for start in range(1_000_000, 2_000_000, 10_000):
        server.wire.write(FLOOD[start : start + 10_000])
    server.wire.writeSequence([FLOOD[2_000_000:2_000_001], FLOOD[2_000_001:]])
    server.wire.loseConnection()
    got = await kit.received(peer, len(FLOOD))
    how = await kit.drained(peer)
    return [got == FLOOD, await kit.ended(server), how, plan.left()]


@CASES([["ConnectionLost"], ["ConnectionLost"], ["ConnectionLost"]])
async def errors_of_sending(kit: Kit) -> Any:
    """A broken pipe, a reset and no memory are a loss."""
    found = []
    for number in (EPIPE, ECONNRESET, ENOMEM):
        server, _ = await kit.served()
        Plan(server.wire, SENDS, number)
        server.wire.write(b"hello")
        found.append(await kit.ended(server))
    return found


@CASES([["ConnectionLost"], "ab"])
async def an_error_after_a_short_write(kit: Kit) -> Any:
    """What has been sent before the error has been sent."""
    server, peer = await kit.served()
    Plan(server.wire, SENDS, -2, EPIPE)
    server.wire.write(b"abcdef")
    await kit.ended(server)
    got = await kit.received(peer, 6)
    return [server.lost, got.decode()]


@CASES([["pause", "resume"], "x" * 10])
async def producers(kit: Kit) -> Any:
    """A producer is resumed when the last byte has gone, and not before."""
    server, peer = await kit.served()
    told: list[str] = []

    class Producer:
        pauseProducing = staticmethod(lambda: told.append("pause"))
        resumeProducing = staticmethod(lambda: told.append("resume"))
        stopProducing = staticmethod(lambda: told.append("stop"))

    plan = Plan(server.wire, SENDS, -1, EAGAIN, -1, ENOBUFS, -1, EINTR)
    server.wire.bufferSize = 5
    server.wire.registerProducer(Producer(), True)
    server.wire.write(b"x" * 10)
    await kit.becomes(lambda: "resume" in told)
    assert plan.left() == 0
    return [told, (await kit.received(peer, 10)).decode()]


@CASES(["hello", "answer", ["ConnectionLost"]])
async def unix_sockets(kit: Kit) -> Any:
    """The same for UNIX sockets."""
    server, peer = await kit.served(kind="unix")
    peer.send(b"hello")
    await kit.becomes(lambda: server.got)
    Plan(server.wire, SENDS, EAGAIN, -1, EINTR, ENOBUFS)
    server.wire.write(b"answer")
    got = await kit.received(peer, 6)
    Plan(server.wire, SENDS, EPIPE)
    server.wire.write(b"never sent")
    return [server.text, got.decode(), await kit.ended(server)]


@CASES([True, ["ConnectionDone"], ["ConnectionDone"]])
async def both_ends(kit: Kit) -> Any:
    """Two transports with trouble at both ends come through it."""
    server, client = await kit.pair()
    for end in (server, client):
        Plan(end.wire, SENDS, *([-100, EAGAIN, EINTR, 0] * 16))
        Plan(end.wire, RECEIVES, *([-10, EAGAIN, -1000, EINTR] * 16))
    server.wire.write(FLOOD)
    client.wire.write(FLOOD[:100_000])
    await kit.becomes(lambda: sum(map(len, server.got)) == 100_000)
    server.wire.loseConnection()
    await kit.ended(client)
    return [b"".join(client.got) == FLOOD, client.lost, await kit.ended(server)]


_known: dict[str, dict[str, Any]] = {}


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the file of the library."""
    return compiled(tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize("case", CASES.names)
def test_failing_calls_are_seen_as_on_stock(loop: Loop, library: str, case: str) -> None:
    """What may be tried again is, what is short goes on, and all else ends the connection once."""
    if loop.name not in _known:
        outcome = loop.outcome(run_cases, __name__, patience=100, LD_PRELOAD=library)
        _known[loop.name] = outcomes(outcome.out)
        assert (outcome.status, outcome.err) == (0, ""), outcome.err
    assert _known[loop.name].get(case, _known[loop.name]) == CASES.expected(case)
