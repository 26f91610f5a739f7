"""How connections end: when, in which order, and what each side is told."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

import pytest
from twisted.internet import error
from twisted.python.failure import Failure

from tests import logs
from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, HalfNoting, Kit, Making, Noting

CASES = Cases()


def _told_twice(protocol: Any) -> bool:
    return len(protocol.lost) == 2


@CASES([[], len(FLOOD), "end", ["ConnectionDone"]])
async def closing_waits_for_data(kit: Kit) -> Any:
    """loseConnection waits until all has been taken."""
    server, peer = await kit.served()
    server.wire.write(FLOOD)
    server.wire.loseConnection()
    await kit.turns(20)
    early = list(server.lost)
    got = await kit.received(peer, len(FLOOD))
    return [early, len(got), await kit.drained(peer), await kit.ended(server)]


@CASES(["", ["ConnectionDone"], False])
async def closing_reads_no_more(kit: Kit) -> Any:
    """After loseConnection nothing is read, though data still waits to be sent."""
    server, peer = await kit.served()
    server.wire.write(FLOOD)
    server.wire.loseConnection()
    reading = server.wire in kit.reactor.getReaders()
    peer.send(b"never read")
    await kit.turns(20)
    await kit.received(peer, len(FLOOD))
    await kit.ended(server)
    return [server.text, server.lost, reading]


@CASES([["ConnectionDone"], 0])
async def resume_producing_while_closing(kit: Kit) -> Any:
    """resumeProducing does nothing once the connection is being closed."""
    server, peer = await kit.served()
    server.wire.write(b"data")
    server.wire.loseConnection()
    server.wire.resumeProducing()
    peer.send(b"never read")
    return [await kit.ended(server), len(server.text)]


@CASES([[True, True], [False, 0], "ConnectionResetError", ["ConnectionAborted"], True])
async def aborting(kit: Kit) -> Any:
    """abortConnection sends no more, reads no more, and resets; the protocol is told in the next turn."""
    server, peer = await kit.served()
    wire = server.wire
    peer.send(b"never read")
    wire.write(b"never sent")
    wire.abortConnection()
    wire.abortConnection()
    own = ["doRead" in vars(wire), "doWrite" in vars(wire)]
    waiting = [wire in kit.reactor.getReaders() or wire in kit.reactor.getWriters(), len(server.lost)]
    how = await kit.drained(peer)
    return [own, waiting, how, server.lost, not server.got]


@CASES([["ConnectionAborted"], ["ConnectionAborted"], ["ConnectionDone"]])
async def aborting_after_closing(kit: Kit) -> Any:
    """abortConnection ends a close that waits, and one that would have been done in this turn."""
    found = []
    for data in (FLOOD, b""):
        server, _ = await kit.served()
        server.wire.write(data)
        server.wire.loseConnection()
        server.wire.abortConnection()
        found.append(await kit.ended(server))
    server, peer = await kit.served()
    peer.close()
    await kit.ended(server)
    server.wire.abortConnection()
    server.wire.loseConnection()
    await kit.turns()
    return [*found, server.lost]


@CASES(["hello", ["ConnectionAborted"], False])
async def aborting_in_data_received(kit: Kit) -> Any:
    """abortConnection in dataReceived: nothing more of what has come is given."""
    server, peer = await kit.served()
    server.wire.bufferSize = 5
    server.on_data = lambda _: server.wire.abortConnection()
    peer.send(b"hello, never seen")
    await kit.ended(server)
    await kit.turns()
    return [server.text, server.lost, server.wire in kit.reactor.getReaders()]


@CASES([["ConnectionDone"], ["ConnectionLost"], ["ConnectionLost"], ["ConnectionDone"]])
async def how_a_peer_ends_it(kit: Kit) -> Any:
    """An end is clean; a reset is not, read or written; to a paused transport nothing has happened."""
    found = []
    for how in ("close", "reset", "reset while writing", "while paused"):
        server, peer = await kit.served()
        if how == "reset while writing":
            server.wire.write(FLOOD)
            server.wire.pauseProducing()
            await kit.turns()
        if how == "while paused":
            server.wire.pauseProducing()
        if how.startswith("reset"):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        if how == "while paused":
            await kit.turns(10)
            assert not server.lost
            server.wire.resumeProducing()
        found.append(await kit.ended(server))
    return found


@CASES([True, True, "Connection was closed cleanly."])
async def the_reason(kit: Kit) -> Any:
    """It is a Failure, the same object for all clean ends, whose value says so in words."""
    reasons: list[Failure] = []
    for _ in range(2):
        server, peer = await kit.served()
        server.on_lost = reasons.append
        peer.close()
        await kit.ended(server)
    return [isinstance(reasons[0], Failure), reasons[0] is reasons[1], str(reasons[0].value)]


@CASES([["ValueError"], ["critical log_legacy ValueError(in dataReceived)"], True, "end"])
async def an_error_in_data_received(kit: Kit) -> Any:
    """It is logged, is the reason, and has its traceback."""
    server, peer = await kit.served()
    reasons: list[Failure] = []

    def fail(_: bytes) -> None:
        raise ValueError("in dataReceived")

    server.on_data, server.on_lost = fail, reasons.append
    with logs.Log() as log:
        peer.send(b"hello")
        await kit.ended(server)
        said = log.take()
    return [server.lost, said, "in fail" in reasons[0].getTraceback(), await kit.drained(peer)]


@CASES([["ConnectionDone"], ["critical log_legacy ValueError(in connectionLost)"], [False, False], "end"])
async def an_error_in_connection_lost(kit: Kit) -> Any:
    """It is logged, and nothing is left behind."""
    server, peer = await kit.served()

    def fail(_: Failure) -> None:
        raise ValueError("in connectionLost")

    server.on_lost = fail
    with logs.Log() as log:
        peer.shutdown(socket.SHUT_WR)
        await kit.ended(server)
        await kit.turns()
        said = log.take()
    wire = server.wire
    return [server.lost, said, [hasattr(wire, "socket"), hasattr(wire, "protocol")], await kit.drained(peer)]


@CASES([["TypeError"], "'NoneType' object is not callable"])
async def a_protocol_that_has_no_method(kit: Kit) -> Any:
    """What calling the method raises is the reason."""

    class Broken(Noting):
        dataReceived = None  # type: ignore[assignment]

    server, peer = await kit.served(Broken())
    reasons: list[Failure] = []
    server.on_lost = reasons.append
    with logs.Log() as log:
        peer.send(b"hello")
        await kit.ended(server)
        log.take()
    return [server.lost, str(reasons[0].value)]


@CASES(["SystemExit"])
async def system_exit_in_data_received(kit: Kit) -> Any:
    """It ends the connection like other errors, and not the process."""
    server, peer = await kit.served()

    def leave(_: bytes) -> None:
        raise SystemExit(3)

    server.on_data = leave
    with logs.Log() as log:
        peer.send(b"hello")
        await kit.ended(server)
        log.take()
    return server.lost


@CASES([["ConnectionDone", "gone"], ["hello"]])
async def closing_in_data_received(kit: Kit) -> Any:
    """loseConnection in dataReceived: what has come after it is not read."""
    server, peer = await kit.served()
    server.wire.bufferSize = 5
    server.on_data = lambda _: server.wire.loseConnection()
    server.on_lost = lambda _: server.lost.append("gone")
    peer.send(b"hello, never seen")
    await kit.ended(server)
    await kit.turns()
    return [server.lost, [data.decode() for data in server.got]]


@CASES([["ConnectionDone"], 1, True])
async def connection_lost_by_hand(kit: Kit) -> Any:
    """connectionLost of a transport may be called; a second call does nothing."""
    server, _ = await kit.served()
    reason = Failure(error.ConnectionDone())
    wire = server.wire
    wire.connectionLost(reason)
    wire.connectionLost(reason)
    await kit.turns()
    return [server.lost, len(server.lost), wire not in kit.reactor.getReaders()]


@CASES(["ConnectionDone", "one", "two", "end"])
async def writing_and_closing_in_connection_made(kit: Kit) -> Any:
    """A server may say all it has to say when the connection is made, and close."""
    made = Noting()

    def say() -> None:
        made.wire.write(b"one")
        made.wire.loseConnection()
        made.wire.write(b"two")

    made.on_made = say
    server, peer = await kit.served(made)
    got = (await kit.received(peer, 6)).decode()
    how = await kit.drained(peer)
    (reason,) = await kit.ended(server)
    return [reason, got[:3], got[3:], how]


@CASES([["ConnectionDone"], "end"])
async def no_protocol_for_a_client(kit: Kit) -> Any:
    """A client whose factory gives no protocol is closed again, and its factory is told."""
    listening = kit.listening()
    lost = []

    class Refusing(Making):
        def clientConnectionLost(self, connector: Any, reason: Any) -> None:
            lost.append(reason.type.__name__)

    kit.connect(listening.getsockname(), Refusing(None))
    how = await kit.drained(await kit.accepted(listening))
    await kit.becomes(lambda: lost)
    return [lost, how]


@CASES([[["read", "write"], "answer", "end"], ["ConnectionDone"]])
async def half_closing(kit: Kit) -> Any:
    """The end of what the peer sends is told, an answer still goes out, then the end."""
    server, peer = await kit.served(HalfNoting())
    peer.send(b"question")
    peer.shutdown(socket.SHUT_WR)
    await kit.ended(server)
    reading = server.wire in kit.reactor.getReaders()
    assert not reading
    server.wire.write(b"answer")
    server.wire.loseWriteConnection()
    got = await kit.received(peer, 6)
    how = await kit.drained(peer)
    told = list(server.lost)
    server.wire.loseConnection()
    return [[told, got.decode(), how], server.lost[2:]]


@CASES([["read", "ValueError"], ["write", "ValueError"], 2])
async def errors_in_half_closing(kit: Kit) -> Any:
    """What the two methods raise is logged, and ends the connection."""
    found: list[Any] = []

    def fail() -> None:
        raise ValueError("in half-closing")

    with logs.Log() as log:
        for which in ("read", "write"):
            server, peer = await kit.served(HalfNoting())
            server.on_read_lost = server.on_write_lost = fail
            if which == "read":
                peer.shutdown(socket.SHUT_WR)
            else:
                server.wire.loseWriteConnection()
            await kit.becomes(partial(_told_twice, server))
            found.append(server.lost)
        found.append(sum("ValueError" in said for said in log.take()))
    return found


@CASES([["read", "read"], "", ["ConnectionDone"]])
async def reading_after_the_end(kit: Kit) -> Any:
    """Who resumes after the end is told of it again."""
    server, peer = await kit.served(HalfNoting())
    peer.shutdown(socket.SHUT_WR)
    await kit.ended(server)
    server.wire.resumeProducing()
    await kit.becomes(lambda: len(server.lost) == 2)
    told = list(server.lost)
    server.wire.loseConnection()
    await kit.becomes(lambda: len(server.lost) == 3)
    return [told, server.text, server.lost[2:]]


@CASES([["ConnectionDone"], "end"])
async def half_closing_without_the_interface(kit: Kit) -> Any:
    """Without IHalfCloseableProtocol, the end of what the peer sends ends the connection."""
    server, peer = await kit.served()
    peer.shutdown(socket.SHUT_WR)
    await kit.ended(server)
    return [server.lost, await kit.drained(peer)]


@CASES([[], ["ConnectionDone"], ["ConnectionDone"]])
async def closing_after_half_closing(kit: Kit) -> Any:
    """loseConnection after the own direction has been closed ends the rest at once."""
    server, peer = await kit.served()
    server.wire.loseWriteConnection()
    await kit.drained(peer)
    early = list(server.lost)
    server.wire.loseConnection()
    at_once = list(server.lost)
    return [early, at_once, server.lost]


@CASES([])
async def a_client_that_gets_through(kit: Kit) -> Any:
    """Once it is connected, doRead and doWrite are those of the class."""
    listening = kit.listening()
    factory = Making(Noting())
    connector = kit.connect(listening.getsockname(), factory)
    wire = connector.transport
    await kit.becomes(lambda: factory.one.transport is not None)
    own = [name for name in ("doRead", "doWrite") if name in vars(wire)]
    wire.abortConnection()
    await kit.ended(factory.one)
    return own


@CASES([True, ["UserError"], False])
async def a_client_that_does_not_get_through(kit: Kit) -> Any:
    """While it connects, `doRead` and `doWrite` of the instance are doConnect; giving up is told."""
    full = kit.listening()
    full.listen(0)
    address = full.getsockname()
    for _ in range(3):
        filling = kit.keep(socket.socket())
        filling.setblocking(False)
        filling.connect_ex(address)
    factory = Making(Noting())
    connector = kit.connect(address, factory)
    wire = connector.transport
    await kit.turns()
    connecting = wire.doRead == wire.doConnect == wire.doWrite and wire in kit.reactor.getWriters()
    connector.stopConnecting()
    return [connecting, factory.failed, hasattr(wire, "socket")]


@pytest.mark.parametrize("case", CASES.names)
def test_connections_end_as_on_stock(returned: dict[str, Any], case: str) -> None:
    """Once, with the reason, after all data, and with nothing left."""
    assert returned.get(case, returned) == CASES.expected(case)
