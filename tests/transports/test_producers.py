"""When producers are paused, resumed and stopped, and what they may do then."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.transports.cases import Cases
from tests.transports.kit import FLOOD, Kit, nothing

CASES = Cases()


class Producer:
    """Notes what it is told, and lets a case act in that."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.on: dict[str, Callable[[], object]] = {}

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self.on.get(what, nothing)()

    def pauseProducing(self) -> None:
        """Note it."""
        self._tell("pause")

    def resumeProducing(self) -> None:
        """Note it."""
        self._tell("resume")

    def stopProducing(self) -> None:
        """Note it."""
        self._tell("stop")


def _note_order(server: Any, before: list[bool]) -> None:
    before.append(not server.lost)


@CASES([[], ["pause"], ["pause", "pause"], ["pause", "pause", "resume"], False])
async def a_push_producer(kit: Kit) -> Any:
    """It is paused by each write beyond `bufferSize`, and resumed once when all has gone."""
    server, peer = await kit.served()
    producer, found = Producer(), []
    server.wire.bufferSize = 10
    server.wire.registerProducer(producer, True)
    for size in (10, 1, 1):
        server.wire.write(b"x" * size)
        found.append(list(producer.told))
    await kit.received(peer, 12)
    await kit.turns()
    return [*found, producer.told, server.wire.producerPaused]


@CASES([["resume"], ["resume", "resume"], "abc", ["resume"] * 4])
async def a_pull_producer(kit: Kit) -> Any:
    """It is asked at once, and whenever all has gone, until it has nothing or goes."""
    server, peer = await kit.served()
    producer, pieces = Producer(), [b"a", b"b", b"c"]

    def give() -> None:
        if pieces:
            server.wire.write(pieces.pop(0))

    producer.on["resume"] = give
    server.wire.registerProducer(producer, False)
    first = list(producer.told)
    await kit.received(peer, 1)
    await kit.turns()
    second = producer.told[:2]
    got = await kit.received(peer, 2)
    await kit.turns()
    return [first, second, "a" + got.decode(), producer.told]


@CASES([["resume"], [], True])
async def a_pull_producer_that_is_registered_while_data_waits(kit: Kit) -> Any:
    """It is asked at once also then, and is not paused."""
    server, _ = await kit.served()
    server.wire.write(FLOOD)
    producer = Producer()
    server.wire.registerProducer(producer, False)
    server.wire.write(FLOOD)
    await kit.turns()
    return [producer.told, server.lost, server.wire.producer is producer]


@CASES(["RuntimeError", True, ["pause"]])
async def two_producers(kit: Kit) -> Any:
    """A second one is refused, and the first one stays."""
    server, _ = await kit.served()
    first, second = Producer(), Producer()
    server.wire.registerProducer(first, True)
    try:
        server.wire.registerProducer(second, True)
        raised = ""
    except RuntimeError as error:
        raised = type(error).__name__
    server.wire.write(FLOOD)
    return [raised, server.wire.producer is first, first.told + second.told]


@CASES([["stop"], None])
async def a_producer_of_a_lost_connection(kit: Kit) -> Any:
    """It is stopped at once, and not kept."""
    server, peer = await kit.served()
    peer.close()
    await kit.ended(server)
    producer = Producer()
    server.wire.registerProducer(producer, True)
    return [producer.told, server.wire.producer]


@CASES([["stop"], ["stop"], ["ConnectionDone"], ["ConnectionAborted"], True])
async def a_connection_that_is_lost(kit: Kit) -> Any:
    """The producer is stopped before the protocol is told."""
    told, reasons = [], []
    before: list[bool] = []
    for end in ("peer", "abort"):
        server, peer = await kit.served()
        producer = Producer()
        server.wire.registerProducer(producer, True)
        producer.on["stop"] = partial(_note_order, server, before)
        if end == "peer":
            peer.close()
        else:
            server.wire.abortConnection()
        reasons.append(await kit.ended(server))
        told.append(producer.told)
    return [*told, *reasons, all(before)]


@CASES([["pause", "resume"], [], ["ConnectionDone"], "end"])
async def closing_waits_for_a_paused_producer(kit: Kit) -> Any:
    """After loseConnection, a producer that was paused is resumed, and the end comes when it unregisters."""
    server, peer = await kit.served()
    wire, producer = server.wire, Producer()
    wire.bufferSize = 3
    wire.registerProducer(producer, True)
    wire.write(b"data")
    wire.loseConnection()
    await kit.received(peer, 4)
    await kit.turns()
    told, lost = list(producer.told), list(server.lost)
    wire.unregisterProducer()
    return [told, lost, await kit.ended(server), await kit.drained(peer)]


@CASES(["firstlast", ["ConnectionDone"]])
async def a_producer_that_writes_while_disconnecting(kit: Kit) -> Any:
    """What it writes after loseConnection, until it unregisters, is sent."""
    server, peer = await kit.served()
    wire, producer = server.wire, Producer()

    def finish() -> None:
        wire.write(b"last")
        wire.unregisterProducer()

    wire.bufferSize = 3
    wire.registerProducer(producer, True)
    producer.on["resume"] = finish
    wire.write(b"first")
    wire.loseConnection()
    got = await kit.received(peer, 9)
    return [got.decode(), await kit.ended(server)]


@CASES([["ConnectionDone"], []])
async def closing_does_not_wait_for_a_push_producer_that_flows(kit: Kit) -> Any:
    """As stock has it: only one that has been paused, or is pulled, keeps the connection."""
    server, _ = await kit.served()
    producer = Producer()
    producer.on["stop"] = producer.told.clear
    server.wire.registerProducer(producer, True)
    server.wire.loseConnection()
    return [await kit.ended(server), producer.told]


@CASES([["resume", "resume"], [], ["ConnectionDone"]])
async def closing_waits_for_a_pull_producer(kit: Kit) -> Any:
    """It is asked once more, and the end comes when it unregisters."""
    server, _ = await kit.served()
    producer = Producer()
    server.wire.registerProducer(producer, False)
    server.wire.loseConnection()
    await kit.turns()
    told, lost = list(producer.told), list(server.lost)
    server.wire.unregisterProducer()
    return [told, lost, await kit.ended(server)]


@CASES([["pause", "resume", "pause", "resume"], len(FLOOD) * 2])
async def writing_in_resume_producing(kit: Kit) -> Any:
    """A producer may write in resumeProducing, and be paused inside that."""
    server, peer = await kit.served()
    wire, producer = server.wire, Producer()

    def again() -> None:
        if len(producer.told) < 4:
            wire.write(FLOOD)

    producer.on["resume"] = again
    wire.registerProducer(producer, True)
    wire.write(FLOOD)
    got = await kit.received(peer, len(FLOOD) * 2)
    await kit.turns()
    return [producer.told, len(got)]


@CASES([["pause"] * 3, "abc"])
async def writing_in_pause_producing(kit: Kit) -> Any:
    """A producer may write in pauseProducing, and is paused again for that."""
    server, peer = await kit.served()
    wire, producer, more = server.wire, Producer(), [b"b", b"c"]

    def again() -> None:
        if more:
            wire.write(more.pop(0))

    producer.on["pause"] = again
    wire.bufferSize = 0
    wire.registerProducer(producer, True)
    wire.write(b"a")
    wire.bufferSize = 100
    told = list(producer.told)
    return [told, (await kit.received(peer, 3)).decode()]


@CASES([["resume"], None, "last words", ["ConnectionDone"]])
async def unregistering_in_resume_producing(kit: Kit) -> Any:
    """A pull producer may write, unregister, and close, all in resumeProducing."""
    server, peer = await kit.served()
    wire, producer = server.wire, Producer()

    def finish() -> None:
        wire.write(b"last words")
        wire.unregisterProducer()
        wire.loseConnection()

    producer.on["resume"] = finish
    wire.registerProducer(producer, False)
    got = await kit.received(peer, 10)
    return [producer.told, wire.producer, got.decode(), await kit.ended(server)]


@CASES(["ValueError", "", [1, True], ["ConnectionAborted"]])
async def an_error_in_pause_producing(kit: Kit) -> Any:
    """It comes out of `write`; what was written waits, but nothing sends it."""
    server, peer = await kit.served()
    wire, producer = server.wire, Producer()

    def fail() -> None:
        raise ValueError("in pauseProducing")

    producer.on["pause"] = fail
    wire.bufferSize = 0
    wire.registerProducer(producer, True)
    try:
        wire.write(b"a")
        raised = ""
    except ValueError as error:
        raised = type(error).__name__
    early = await kit.seen(peer)
    waiting = [wire._tempDataLen, wire.producerPaused]
    wire.abortConnection()
    return [raised, early, waiting, await kit.ended(server)]


@CASES([["ValueError"], ["resume", "stop"]])
async def an_error_in_resume_producing(kit: Kit) -> Any:
    """Raised when the loop resumes it, it ends the connection, and the producer is stopped."""
    server, peer = await kit.served()
    producer = Producer()
    server.wire.bufferSize = 0
    server.wire.registerProducer(producer, True)

    def fail() -> None:
        raise ValueError("in resumeProducing")

    producer.on["resume"] = fail
    server.wire.write(b"a")
    producer.told.clear()
    server.wire.bufferSize = 100
    await kit.received(peer, 1)
    return [await kit.ended(server), producer.told]


@CASES([["pause", "resume", "pause", "resume"], True])
async def one_transport_feeds_another(kit: Kit) -> Any:
    """A transport is the producer of another one: it stops reading while the other one is full."""
    source, source_peer = await kit.served()
    sink, sink_peer = await kit.served()
    told, wire = [], source.wire

    def note(name: str, stock: Callable[[], object]) -> None:
        told.append(name)
        stock()

    for name in ("pauseProducing", "resumeProducing"):
        setattr(wire, name, partial(note, name.removesuffix("Producing"), getattr(wire, name)))
    sink.wire.bufferSize = 10
    sink.wire.registerProducer(wire, True)
    source.on_data = sink.wire.write
    for _ in range(2):
        source_peer.send(b"x" * 20)
        await kit.received(sink_peer, 20)
        await kit.turns()
    return [told, wire in kit.reactor.getReaders()]


@CASES([[], ["ConnectionDone"], None])
async def stop_consuming(kit: Kit) -> Any:
    """`stopConsuming` lets go of the producer without a word, and closes."""
    server, _ = await kit.served()
    producer = Producer()
    server.wire.registerProducer(producer, True)
    server.wire.stopConsuming()
    return [producer.told, await kit.ended(server), server.wire.producer]


@pytest.mark.parametrize("case", CASES.names)
def test_producers_are_told_when_to_write(returned: dict[str, Any], case: str) -> None:
    """They are paused when a buffer is full, resumed when it is empty, and stopped when it is gone."""
    assert returned.get(case, returned) == CASES.expected(case)
