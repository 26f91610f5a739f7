"""Ten thousand operations of reactors and pools leave no object, no memory and no descriptor behind."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.error import AlreadyCalled, AlreadyCancelled

from tests.collection.conftest import Kind
from tests.collection.reach import measure
from tests.collection.test_left_behind import SPARE, TIMES
from tests.collection.test_loops import Selectable, descriptors
from tests.helpers import Oops, handled, raising, same


class Place:
    """A reactor that is turned by hand, a pool whose threads work, and things with descriptors."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.reactor = kind.reactor()
        self.pool = kind.pool()
        # Jobs that stay where they are.
        self.still = kind.pool()
        self.now = 0.0
        self.reactor.seconds = lambda: self.now
        self.pool.start()
        self.sockets = socket.socketpair()
        with tempfile.TemporaryFile() as file:
            self.file = os.fdopen(os.dup(file.fileno()))

    def turn(self) -> None:
        """Let a second pass, and make what calls are due."""
        self.now += 1
        self.reactor.runUntilCurrent()

    def wait_for(self, found: list[Any]) -> None:
        """Turn until there is a result, which another thread brings."""
        while not found:
            self.reactor.iterate(0.001)

    def close(self) -> None:
        """End the threads."""
        self.pool.stop()
        for one in (*self.sockets, self.file):
            one.close()


@pytest.fixture
def place(kind: Kind) -> Iterator[Place]:
    """Give a place of each kind in turn."""
    made = Place(kind)
    yield made
    made.close()


Operation = Callable[[Place], Any]


def firing(place: Place) -> None:
    """Calls that are made."""
    place.reactor.callLater(0, same, [1])
    place.reactor.callLater(delay=0.5, callable=same, value=[2])
    place.turn()


def cancelling(place: Place) -> None:
    """Calls that are cancelled, before and after the reactor has looked at them."""
    place.reactor.callLater(0, same, [1]).cancel()
    later = place.reactor.callLater(5, same, value=[2])
    place.turn()
    later.cancel()
    with contextlib.suppress(AlreadyCancelled):
        later.cancel()
    # Twisted's reactor throws those away that were cancelled when there are many.
    place.turn()


def moving(place: Place) -> None:
    """Calls that are reset and delayed, to and fro."""
    call = place.reactor.callLater(5, same, [1])
    call.delay(3)
    place.turn()
    call.reset(secondsFromNow=9)
    call.delay(secondsLater=-4)
    call.reset(0)
    place.turn()
    with contextlib.suppress(AlreadyCalled):
        call.reset(1)


def failing(place: Place) -> None:
    """Calls that raise, which is logged."""
    place.reactor.callLater(0, raising(Oops()), [1])
    place.reactor.callFromThread(raising(Oops()), [1])
    place.turn()


def looking(place: Place) -> None:
    """Everything that can be read of a call, and set."""
    call = place.reactor.callLater(0, same, [1])
    call.note = repr(call) + str(call.getTime())
    for name in ("time", "delayed_time", "called", "cancelled", "func", "args", "kw", "seconds", "creator"):
        setattr(call, name, getattr(call, name))
    vars(call)
    call.creator = ["here"]
    place.reactor.getDelayedCalls()
    place.turn()


def refusing(place: Place) -> None:
    """Arguments that are errors."""
    for arguments in ((), (1,), (-1, same), ("soon", same), (float("nan"), same)):
        with contextlib.suppress(TypeError, AssertionError):
            place.reactor.callLater(*arguments)
    with contextlib.suppress(TypeError, AssertionError):
        place.reactor.callFromThread(None)
    call = place.reactor.callLater(0, same, [1])
    for method in (call.reset, call.delay):
        with contextlib.suppress(TypeError):
            method("soon")
    place.turn()


def circling(place: Place) -> None:
    """Calls that refer to themselves, and are cancelled or made."""
    for delay in (0, 5):
        call = place.reactor.callLater(delay, same, [1])
        call.args = (call,)
        call.own = call
        if delay:
            call.cancel()
    place.turn()


def calling_from_threads(place: Place) -> None:
    """Calls that any thread may ask for."""
    place.reactor.callFromThread(same, [1])
    place.reactor.callFromThread(f=same, value=[2])
    place.turn()


def reading_and_writing(place: Place) -> None:
    """Readers and writers that come and go."""
    for one in (*place.sockets, place.file):
        selectable = Selectable(one, [1])
        place.reactor.addReader(selectable)
        place.reactor.addWriter(selectable)
        place.reactor.addReader(selectable)
        place.reactor.removeReader(selectable)
        place.reactor.removeWriter(selectable)
        place.reactor.removeWriter(selectable)
    # Twisted's reactor has set calls for the file.
    place.turn()


def deferring(place: Place) -> None:
    """Jobs that succeed and fail."""
    found: list[Any] = []
    place.kind.defer_to(place.reactor, place.pool, same, [1]).addBoth(found.append)
    place.wait_for(found)
    found.clear()
    deferred = place.kind.defer_to(place.reactor, place.pool, raising(Oops()), [1], key=[2])
    deferred.addErrback(lambda failure: found.append(failure.type))
    place.wait_for(found)


def forgetting_jobs(place: Place) -> None:
    """Jobs whose Deferreds were cancelled."""
    found: list[Any] = []
    place.kind.defer_to(place.reactor, place.pool, same, [1]).addErrback(handled).cancel()
    # The pool has two threads: of three jobs that are done, the first is.
    for _ in range(2):
        found.clear()
        place.kind.defer_to(place.reactor, place.pool, same, [1]).addBoth(found.append)
        place.wait_for(found)


def working(place: Place) -> None:
    """Jobs without Deferreds."""
    found: list[Any] = []
    place.pool.callInThreadWithCallback(lambda ok, result: found.append(ok), same, [1])
    place.wait_for(found)
    found.clear()
    place.pool.callInThreadWithCallback(lambda ok, result: found.append(ok), raising(Oops()), [1])
    place.wait_for(found)


def giving_pools_up(place: Place) -> None:
    """Pools that were never started, with jobs that refer to them."""
    pool = place.kind.pool()
    pool.callInThread(same, pool)
    pool.callInThreadWithCallback(same, same, value=[1])
    place.kind.defer_to(place.reactor, pool, same, [1]).addErrback(handled)


#: Operations that take a hundred times as long as the others, which are done less often.
SLOW = 10
OPERATIONS: list[tuple[Operation, int]] = [
    *((operation, 1) for operation in (firing, cancelling, moving, looking, circling)),
    *((operation, 1) for operation in (refusing, calling_from_threads, reading_and_writing)),
    *((operation, SLOW) for operation in (failing, deferring, forgetting_jobs, working, giving_pools_up)),
]

each_operation = pytest.mark.parametrize(
    ("operation", "cost"), OPERATIONS, ids=[operation.__name__ for operation, _ in OPERATIONS]
)


@each_operation
def test_operations_leave_no_objects_memory_or_descriptors(
    place: Place, operation: Operation, cost: int
) -> None:
    """After any number of operations there is as much as before."""
    for _ in range(200):
        operation(place)
    blocks, objects = measure()
    opened = descriptors()
    for _ in range(TIMES // cost):
        operation(place)
    blocks_after, objects_after = measure()
    assert objects_after - objects < SPARE
    assert blocks_after - blocks < SPARE
    assert descriptors() == opened


def references(place: Place) -> tuple[int, ...]:
    """Count the references to what every operation uses, which no count of objects shows."""
    shared = (None, True, False, type(place.reactor), place.reactor, place.pool, same, handled, ())
    return tuple(sys.getrefcount(item) for item in shared)


@each_operation
def test_reference_counts_of_immortal_objects_do_not_change(
    place: Place, operation: Operation, cost: int
) -> None:
    """Objects that live for ever keep their counts, where they have one."""
    for _ in range(200):
        operation(place)
    gc.collect()
    before = references(place)
    for _ in range(1000):
        operation(place)
    gc.collect()
    assert all(abs(after - count) < 100 for after, count in zip(references(place), before, strict=True))


def test_reactors_with_pending_work_leave_nothing_behind(ours: Kind) -> None:
    """Reactors that go with calls, readers and jobs still in them leave no memory and no descriptor."""

    def reactors(count: int) -> None:
        for number in range(count):
            reactor = ours.reactor()
            reactor.callLater(1, same, reactor).own = reactor
            reactor.callFromThread(same, reactor)
            one, other = socket.socketpair()
            reactor.addReader(Selectable(one, reactor, other))
            ours.defer_to(reactor, ours.pool(), same, reactor)
            if number % 2:
                reactor.timeout()
            # They are in cycles, and would have too many descriptors by the time the collector runs.
            if number % 50 == 0:
                gc.collect()

    reactors(200)
    blocks, objects = measure()
    opened = descriptors()
    reactors(TIMES // 20)
    blocks_after, objects_after = measure()
    assert objects_after - objects < SPARE
    assert blocks_after - blocks < SPARE
    assert descriptors() == opened
