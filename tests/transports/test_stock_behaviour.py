"""What hostile programs see of streams is what they see on Twisted's epoll reactor."""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.python import log

from tests.reactors.inside import pause
from tests.transports.cases import Cases
from tests.transports.kit import Kit, Noting
from tests.transports.test_replaced_meanwhile import replaced

CASES = Cases()
#: How long something takes that the system does by itself, in seconds, with time to spare.
_SOON = 0.05


class Pulled:
    """A pull producer that writes some pieces."""

    def __init__(self, wire: Any, pieces: int, trace: list[str]) -> None:
        self.wire, self.pieces, self.trace = wire, pieces, trace

    def resumeProducing(self) -> None:
        """Write one."""
        self.trace.append("resume")
        self.pieces -= 1
        if self.pieces:
            self.wire.write(b"x")
        else:
            self.wire.unregisterProducer()

    def stopProducing(self) -> None:
        """Do nothing."""


class Stand:
    """Stands in the place of a reactor, and notes some calls."""

    def __init__(self, reactor: Any, calls: list[str]) -> None:
        self.reactor, self.calls = reactor, calls

    def addWriter(self, writer: Any) -> None:
        """Pass it on."""
        self.calls.append("addWriter")
        self.reactor.addWriter(writer)

    def removeWriter(self, writer: Any) -> None:
        """Pass it on."""
        self.calls.append("removeWriter")
        self.reactor.removeWriter(writer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reactor, name)


@CASES("x")
async def a_write_by_another_thread(kit: Kit) -> Any:
    """A thread that writes while the reactor waits: not allowed, but what many programs live on."""
    server, peer = await kit.served()
    peer.settimeout(1)
    got = []

    def work() -> None:
        time.sleep(_SOON)
        server.wire.write(b"x")
        try:
            got.append(peer.recv(10).decode())
        except TimeoutError:
            got.append("nothing")

    thread = threading.Thread(target=work)
    thread.start()
    await pause(kit.reactor, 2)
    thread.join()
    return got[0]


async def _says_bye(kit: Kit, *, resets: bool) -> tuple[Any, Any]:
    """Give a server whose peer has sent a last word and then ended the connection."""
    server, peer = await kit.served()
    server.wire.write(b"first")
    await kit.turns()
    peer.send(b"bye")
    if resets:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    time.sleep(_SOON)
    return server, server.wire


@CASES(["bye", ["ConnectionLost"]])
async def a_write_after_the_peer_has_closed(kit: Kit) -> Any:
    """The last words of a peer that has closed are read, though nothing can be sent to it."""
    server, wire = await _says_bye(kit, resets=False)
    wire.write(b"x")
    return [await kit.ended(server) and server.text, server.lost]


@CASES(["bye", ["ConnectionLost"]])
async def a_write_after_a_reset(kit: Kit) -> Any:
    """The same for a peer that resets the connection."""
    server, wire = await _says_bye(kit, resets=True)
    wire.write(b"x")
    return [await kit.ended(server) and server.text, server.lost]


@CASES(["bye", ["ConnectionLost"]])
async def a_producer_after_the_peer_has_closed(kit: Kit) -> Any:
    """The same where a producer writes."""
    server, wire = await _says_bye(kit, resets=False)
    wire.registerProducer(Pulled(wire, 5, []), streaming=False)
    return [await kit.ended(server) and server.text, server.lost]


@CASES(["bye", ["ConnectionLost"]])
async def a_large_answer_to_a_reset(kit: Kit) -> Any:
    """A connection that was reset is lost, and not done, though the answer meets the error first."""
    protocol = Noting()
    server, peer = await kit.served(protocol)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The reset comes while the server has the data and has not answered yet.

    def answer(_: bytes) -> None:
        peer.close()
        time.sleep(_SOON)
        protocol.wire.write(b"x" * 50_000)

    protocol.on_data = answer
    peer.send(b"bye")
    return [await kit.ended(server) and server.text, server.lost]


@CASES("hello")
async def waiting_by_hand(kit: Kit) -> Any:
    """A program that calls `poll` of the reactor's poller learns that a stream may write."""
    server, peer = await kit.served()
    server.wire.write(b"hello")
    number = server.wire.fileno()
    told = dict(kit.reactor._poller.poll(0.1, 100))
    assert told.get(number, 0) & select.EPOLLOUT, told
    return await kit.seen(peer)


@CASES(["resume", "data", "resume", "resume"])
async def reading_and_writing_in_one_turn(kit: Kit) -> Any:
    """What has come is read before a producer is resumed."""
    trace: list[str] = []
    protocol = Noting()
    protocol.on_data = lambda _: trace.append("data")
    server, peer = await kit.served(protocol)
    peer.send(b"hello")
    time.sleep(_SOON)
    server.wire.registerProducer(Pulled(server.wire, 3, trace), streaming=False)
    await kit.turns(6)
    return trace


@CASES("hello")
async def an_interrupt_while_writing(kit: Kit) -> Any:
    """What is interrupted before it has sent anything is tried again."""
    server, peer = await kit.served()
    interrupts = [KeyboardInterrupt]

    def prefix() -> str:
        if interrupts:
            raise interrupts.pop()
        return "prefix"

    server.wire.logPrefix = prefix
    server.wire.write(b"hello")
    return await kit.seen(peer)


@CASES([["abc"], "abc"])
async def a_list_of_what_is_unsent(kit: Kit) -> Any:
    """A program that keeps `_tempDataBuffer` keeps what is in there."""
    server, peer = await kit.served()
    server.wire.write(b"abc")
    kept = server.wire._tempDataBuffer
    seen = await kit.seen(peer)
    return [[data.decode() for data in kept], seen]


@CASES(["abcdef", "abcdef"])
async def a_shared_list_of_what_is_unsent(kit: Kit) -> Any:
    """Both streams send what is in a list that both have."""
    (one, its_peer), (two, other_peer) = await kit.served(), await kit.served()
    one.wire._tempDataBuffer = two.wire._tempDataBuffer
    one.wire.write(b"abc")
    two.wire.write(b"def")
    return [await kit.seen(its_peer), await kit.seen(other_peer)]


@CASES([2**63 + 1, 2**64, ["pause", "resume"], "abc"])
async def counts_of_unsent_bytes_that_are_too_large(kit: Kit) -> Any:
    """`_tempDataLen` is a program's to set."""
    server, peer = await kit.served()
    wire, calls, counts = server.wire, [], []
    for count in (2**63, 2**64 - 1):
        wire._tempDataLen = count
        wire.write(b"a")
        counts.append(wire._tempDataLen)
        wire._tempDataBuffer = []

    class Producer:
        def pauseProducing(self) -> None:
            calls.append("pause")

        def resumeProducing(self) -> None:
            calls.append("resume")

    wire.registerProducer(Producer(), streaming=True)
    wire._tempDataLen = 2**64 - 1
    wire.write(b"abc")
    await kit.turns()
    return [*counts, calls, await kit.seen(peer)]


@CASES([[4, 1], [4, 1]])
async def functions_that_see_all_events(kit: Kit) -> Any:
    """`reactor._doReadOrWrite` and `log.callWithLogger`, replaced, are called for writes as for reads."""
    found = []
    for owner, name in ((kit.reactor, "_doReadOrWrite"), (log, "callWithLogger")):
        server, peer = await kit.served()
        events: list[int] = []

        def make(before: Any, server: Any = server, events: list[int] = events) -> Any:
            def mine(*arguments: Any) -> Any:
                if server.wire is arguments[0]:
                    events.append(arguments[-1])
                return before(*arguments)

            return mine

        with replaced(owner, name, make):
            server.wire.write(b"hello")
            await kit.turns(4)
            peer.send(b"a")
            await kit.turns(4)
        found.append(events)
    return found


@CASES([["addWriter", "removeWriter"], ["removeWriter"]])
async def a_reactor_in_front_of_the_reactor(kit: Kit) -> Any:
    """The `reactor` of a stream is what it tells that it writes, and that it does not any more."""
    server, _ = await kit.served()
    before: list[str] = []
    server.wire.reactor = Stand(kit.reactor, before)
    server.wire.write(b"hello")
    await kit.turns()
    meanwhile: list[str] = []
    server.wire.reactor = kit.reactor
    server.wire.write(b"hello")
    server.wire.reactor = Stand(kit.reactor, meanwhile)
    await kit.turns()
    return [before, meanwhile]


@CASES([[], "yy"])
async def a_class_with_its_own_dict(kit: Kit) -> Any:
    """A class that shows something else as `__dict__` is not asked to change that."""
    changes = []

    class Server(tcp.Server):
        @property
        def __dict__(self) -> Any:
            return {}

        @__dict__.setter
        def __dict__(self, value: Any) -> None:
            changes.append(sorted(value))

    server, peer = await kit.served(transport=Server)
    peer.send(b"x")
    await kit.becomes(lambda: server.text)
    server.wire.write(b"yy")
    return [changes, await kit.seen(peer)]


@CASES("")
async def a_prefix_whose_end_closes_a_socket(kit: Kit) -> Any:
    """The end of a `logstr` closes the socket of another stream and opens something else by its number."""
    (server, peer), (other, its_peer) = await kit.served(), await kit.served()
    armed: list[int] = []
    ours, theirs = map(kit.keep, socket.socketpair())

    class Prefix(str):
        __slots__ = ()

        def __del__(self) -> None:
            if armed:
                number = armed.pop()
                server.wire.stopReading()
                server.wire.socket.close()
                os.dup2(ours.fileno(), number)
                theirs.send(b"another's")

    other.wire.logstr = Prefix("prefix")
    its_peer.send(b"1")
    await kit.becomes(lambda: other.text)
    armed.append(server.wire.fileno())
    other.wire.logstr = "plain"
    peer.send(b"2")
    await kit.turns(8)
    return "" if server.text == "2" else server.text


@pytest.mark.parametrize("case", CASES.names)
def test_streams_behave_as_on_twisteds_reactor(returned: dict[str, Any], case: str) -> None:
    """Both reactors give the same."""
    assert returned.get(case, returned) == CASES.expected(case)
