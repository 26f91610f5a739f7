"""Reactors and pools are collected with all that they hold, and the collector is told of all of it."""

from __future__ import annotations

import gc
import os
import socket
import tempfile
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from tests.collection.conftest import Kind
from tests.collection.reach import Witness, reaches
from tests.helpers import same

Way = Callable[[Kind, Any], Any]


class Selectable:
    """Something with a descriptor, as the reactor wants it."""

    def __init__(self, opened: Any, *held: Any) -> None:
        self.opened = opened
        self.held = held

    def fileno(self) -> int:
        """Give the descriptor."""
        number: int = self.opened.fileno()
        return number

    def logPrefix(self) -> str:
        """Give what is put before what is logged."""
        return "-"


def put_in_its_place(reactor: Any) -> Any:
    """Have the reactor sort its new calls in."""
    reactor.timeout()
    return reactor


def by_the_function_of_a_call(kind: Kind, witness: Any) -> Any:
    """A call whose function refers to it."""
    calls: list[Any] = []
    calls.append(kind.reactor().callLater(1, lambda: (calls, witness)))
    return calls[0]


def by_the_arguments_of_a_call(kind: Kind, witness: Any) -> Any:
    """A call that has its reactor, and a witness, among its arguments."""
    reactor = kind.reactor()
    reactor.callLater(1, same, reactor, witness)
    return put_in_its_place(reactor)


def by_the_keywords_of_a_call(kind: Kind, witness: Any) -> Any:
    """The same, among its keywords, and before the reactor has looked at it."""
    reactor = kind.reactor()
    reactor.callLater(1, same, value=reactor, witness=witness)
    return reactor


def by_an_attribute_of_a_call(kind: Kind, witness: Any) -> Any:
    """A call that is its own attribute."""
    call = kind.reactor().callLater(1, same)
    call.own, call.witness = call, witness
    return call


def by_the_clock_of_a_call(kind: Kind, witness: Any) -> Any:
    """A call with a clock that refers to it."""
    call = kind.reactor().callLater(1, same)
    call.seconds = lambda: (call, witness)
    return call


def by_the_creator_of_a_call(kind: Kind, witness: Any) -> Any:
    """A call whose notes refer to it."""
    call = kind.reactor().callLater(1, same)
    call.creator = [call]
    call._repr = [call, witness]
    return call


def by_a_call_that_was_cancelled(kind: Kind, witness: Any) -> Any:
    """A reactor that still has its cancelled calls."""
    reactor = kind.reactor()
    calls = [reactor.callLater(number, same, reactor) for number in range(3)]
    put_in_its_place(reactor)
    calls[1].cancel()
    calls[2].witness = [witness, calls]
    return reactor


def by_a_call_from_a_thread(kind: Kind, witness: Any) -> Any:
    """A reactor that has been asked for a call and has not made it."""
    reactor = kind.reactor()
    reactor.callFromThread(same, reactor, witness=witness)
    return reactor


def by_a_reader(kind: Kind, witness: Any) -> Any:
    """A reader that knows its reactor."""
    reactor = kind.reactor()
    one, other = socket.socketpair()
    reactor.addReader(Selectable(one, reactor, witness, other))
    return reactor


def by_a_writer(kind: Kind, witness: Any) -> Any:
    """A writer that knows its reactor, and is a reader as well."""
    reactor = kind.reactor()
    one, other = socket.socketpair()
    both = Selectable(one, reactor, witness, other)
    reactor.addWriter(both)
    reactor.addReader(both)
    return reactor


def by_a_regular_file(kind: Kind, witness: Any) -> Any:
    """A reader of a file, which the system does not poll."""
    reactor = kind.reactor()
    with tempfile.TemporaryFile() as file:
        # The file is closed when the reader goes.
        opened = os.fdopen(os.dup(file.fileno()))
    reactor.addReader(Selectable(opened, reactor, witness))
    return reactor


def by_a_job(kind: Kind, witness: Any) -> Any:
    """A job that waits in a pool, and refers to it."""
    pool = kind.pool()
    pool.callInThread(same, pool, witness=witness)
    return pool


def by_the_callback_of_a_job(kind: Kind, witness: Any) -> Any:
    """A job whose result goes to a function that knows the pool."""
    pool = kind.pool()
    pool.callInThreadWithCallback(lambda *_: (pool, witness), same, 1)
    return pool


def by_the_deferred_of_a_job(kind: Kind, witness: Any) -> Any:
    """A job whose Deferred knows the reactor and the pool."""
    reactor, pool = kind.reactor(), kind.pool()
    kind.defer_to(reactor, pool, same, 1).addCallback(same, reactor, pool, witness)
    return pool


def by_the_context_of_a_job(kind: Kind, witness: Any) -> Any:
    """A job that was asked for in a context which has the pool."""
    from twisted.python import context

    pool = kind.pool()
    context.call(  # type: ignore[no-untyped-call]
        {"pool": (pool, witness)}, pool.callInThread, same, 1
    )
    return pool


def by_many_jobs(kind: Kind, witness: Any) -> Any:
    """A pool whose last job refers to it."""
    pool = kind.pool()
    for _ in range(100):
        pool.callInThread(same, 1)
    pool.callInThread(same, pool, witness)
    return pool


def by_what_makes_the_threads(kind: Kind, witness: Any) -> Any:
    """A pool whose threads are made by something that knows it."""
    pool = kind.pool()
    pool.threadFactory = lambda **_: (pool, witness)
    return pool


WAYS = [value for name, value in sorted(globals().items()) if name.startswith("by_")]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_cycle_through_a_reactor_is_collected(kind: Kind, way: Way) -> None:
    """Nothing keeps a reactor, a call or a pool alive that nobody else refers to."""
    witness = Witness()
    seen = weakref.ref(witness)
    made = way(kind, witness)
    end = weakref.ref(made)
    del witness
    gc.collect()
    assert seen() is not None
    del made
    gc.collect()
    assert (seen(), end()) == (None, None)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_everything_is_told_to_the_collector(kind: Kind, way: Way) -> None:
    """gc.get_referents leads to all that is kept alive."""
    witness = Witness()
    assert reaches(way(kind, witness), witness)
    gc.collect()


def test_a_call_tells_of_each_reference_once(kind: Kind) -> None:
    """The collector visits each reference of a call once."""
    keywords, clock = Witness(), Witness()
    call = kind.reactor().callLater(1, same, 1, key=keywords)
    call.seconds, call.note = clock, Witness()
    if isinstance(vars(call).get("args"), tuple):
        # Twisted's has all of it in one dict.
        return
    found = [id(part) for part in gc.get_referents(call)]
    for part in (call.func, call.args, call.kw, clock, vars(call)):
        assert found.count(id(part)) == 1


def test_pending_calls_are_not_collected(kind: Kind) -> None:
    """The collector leaves alone what is still to be called."""
    reactor, pool, found = kind.reactor(), kind.pool(), []
    reactor.callLater(0, lambda call: found.append(call), ["later"])
    reactor.callFromThread(lambda call: found.append(call), ["from a thread"])
    for number in range(3):
        pool.callInThreadWithCallback(lambda ok, result: found.append(result), same, [number])
    for _ in range(3):
        gc.collect()
    reactor.timeout()
    gc.collect()
    reactor.runUntilCurrent()
    pool.start()
    pool.stop()
    assert found[:2] == [["from a thread"], ["later"]]
    assert sorted(found[2:]) == [[0], [1], [2]]


def test_collecting_while_jobs_are_queued_and_taken(kind: Kind) -> None:
    """The collector may look at a pool at any time, from any thread."""
    pool = kind.pool()
    found: list[int] = []

    def collecting(number: int) -> None:
        gc.collect(0)
        found.append(number)

    pool.start()
    for number in range(300):
        pool.callInThread(collecting, number)
        if number % 10 == 0:
            gc.collect(1)
    pool.stop()
    assert sorted(found) == list(range(300))


def test_a_call_releases_its_function_when_it_was_made_or_cancelled(kind: Kind) -> None:
    """A reactor does not keep calls that it has made, and a cancelled call not what it would have called."""
    reactor = kind.reactor()
    witnesses = [Witness() for _ in range(2)]
    ends = [weakref.ref(witness) for witness in witnesses]
    reactor.callLater(0, same, witnesses[0])
    cancelled = reactor.callLater(5, same, witnesses[1])
    witnesses.clear()
    reactor.runUntilCurrent()
    cancelled.cancel()
    assert [end() for end in ends] == [None, None]


def in_a_row(kind: Kind, link: Callable[[Any, Any], Any], length: int) -> list[Any]:
    """Make calls that each hold the one before, which nobody else does, and return the last."""
    reactor = kind.reactor()
    call = None
    for _ in range(length):
        call = link(reactor, call)
        # The call is held by the next one, and no longer by the reactor.
        reactor.timeout()
        call.cancelled = 1
    reactor.seconds = lambda: float("inf")
    reactor.runUntilCurrent()
    return [call]


LINKS: dict[str, Callable[[Any, Any], Any]] = {
    "arguments": lambda reactor, before: reactor.callLater(1, same, before),
    "keywords": lambda reactor, before: reactor.callLater(1, same, value=before),
    "function": lambda reactor, before: reactor.callLater(1, before),
    "method": lambda reactor, before: reactor.callLater(1, getattr(before, "cancel", same)),
    "closure": lambda reactor, before: reactor.callLater(1, lambda: before),
    "attribute": lambda reactor, before: noted(reactor.callLater(1, same), before),
}


def noted(call: Any, note: Any) -> Any:
    """Give a call with an attribute."""
    call.note = note
    return call


@pytest.mark.parametrize("name", LINKS)
def test_a_long_chain_of_calls_is_destroyed_without_recursion(kind: Kind, name: str) -> None:
    """Calls of which each holds the next end without a stack of that depth."""
    row = in_a_row(kind, LINKS[name], 100_000)
    end = weakref.ref(row[0])
    row.clear()
    assert end() is None


def descriptors() -> int:
    """Count the open descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def test_a_reactor_that_goes_closes_its_descriptors(ours: Kind) -> None:
    """Reactors with calls, readers and jobs leave no descriptor open."""
    gc.collect()
    before = descriptors()
    for _ in range(30):
        for way in WAYS:
            way(ours, None)
        gc.collect()
    assert descriptors() == before


def test_a_reactor_that_goes_leaves_its_readers_open(ours: Kind) -> None:
    """The descriptors of readers are theirs."""
    reactor = ours.reactor()
    one, other = socket.socketpair()
    reactor.addReader(Selectable(one))
    del reactor
    gc.collect()
    other.sendall(b"still there")
    assert one.recv(20) == b"still there"
    one.close()
    other.close()
