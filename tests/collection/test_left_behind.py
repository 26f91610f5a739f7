"""Operations by the ten thousand leave no object and no memory behind."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.collection.reach import measure
from tests.helpers import Oops, Steps, handled, outcome, same

#: How often each operation is done. The long version of the tests does it a million times.
TIMES = int(os.environ.get("DEFERROUS_OPERATIONS", "20000"))
#: Blocks that Python may keep whatever runs, for lists of free objects and other caches of its own. What an
#: operation leaves behind one time in ten is far more.
SPARE = 1000

Operation = Callable[[ModuleType], Any]


def firing(face: ModuleType) -> None:
    """Callbacks, then the result."""
    deferred = face.Deferred()
    deferred.addCallback(same, 1).addErrback(handled).addBoth(same, key=2)
    deferred.addCallbacks(same, handled, (1,), {"k": 2}, (3,), {"l": 4})
    deferred.callback([1])


def adding(face: ModuleType) -> None:
    """The result, then callbacks."""
    deferred = face.succeed([1])
    deferred.addCallback(same, 1).addErrback(handled).addBoth(same, key=2)


def forgetting(face: ModuleType) -> None:
    """Deferreds that never fire."""
    face.Deferred(same).addCallback(same, [1], key=[2]).addErrback(handled, [3])


def waiting(face: ModuleType) -> None:
    """One that waits for another."""
    inner = face.Deferred()
    outer = face.succeed(None).addCallback(lambda _: inner)
    inner.callback([1])
    outer.addCallback(same)


def taking(face: ModuleType) -> None:
    """One that takes from another."""
    face.succeed(None).addCallback(lambda _: face.succeed([1]))


def failing(face: ModuleType) -> None:
    """An exception that is handled."""
    face.succeed(None).addCallback(lambda _: 1 / 0).addErrback(handled)


def cancelling(face: ModuleType) -> None:
    """Cancellers of all kinds."""
    face.Deferred().addErrback(handled).cancel()
    face.Deferred(lambda d: d.callback([1])).cancel()
    outer = face.succeed(None).addCallback(lambda _: face.Deferred())
    outer.cancel()
    outer.addErrback(handled)


def pausing(face: ModuleType) -> None:
    """A pause over the firing."""
    deferred = face.Deferred().addCallback(same)
    deferred.pause()
    deferred.callback([1])
    deferred.unpause()


def firing_twice(face: ModuleType) -> None:
    """An error for who fires again."""
    deferred = face.succeed(1)
    try:
        deferred.callback(2)
    except Exception:
        deferred.addCallback(same)


def refusing(face: ModuleType) -> None:
    """Calls with wrong arguments."""
    deferred = face.Deferred()
    for wrong in (deferred.addCallback, deferred.callback, deferred.addCallbacks, face.succeed, face.race):
        try:
            wrong()
        except TypeError:
            continue
        raise AssertionError("taken")


def combining(face: ModuleType) -> None:
    """Lists and races."""
    members = [face.Deferred(), face.Deferred()]
    face.DeferredList(members)
    face.gatherResults(members).addBoth(same)
    face.race([face.Deferred(), face.succeed([1])])
    for member in members:
        member.callback([2])


def generating(face: ModuleType) -> None:
    """Generators that wait and do not, and fail."""
    waited = face.Deferred()

    def flow() -> Steps:
        yield face.succeed([1])
        yield waited
        raise Oops

    face.inlineCallbacks(flow)().addErrback(handled)
    waited.callback([2])


def awaiting(face: ModuleType) -> None:
    """Coroutines that wait and do not, and fail."""
    waited = face.Deferred()

    async def flow() -> Any:
        await face.succeed([1])
        await waited
        raise Oops

    face.ensureDeferred(flow()).addErrback(handled)
    waited.callback([2])


def abandoning(face: ModuleType) -> None:
    """Generators and coroutines that never go on."""

    def generator() -> Steps:
        yield face.Deferred()

    async def coroutine() -> Any:
        await face.Deferred()

    face.inlineCallbacks(generator)()
    face.ensureDeferred(coroutine())
    face.inlineCallbacks(generator)().addErrback(handled).cancel()


def locking(face: ModuleType) -> None:
    """Locks, semaphores and queues."""
    lock, queue = face.DeferredLock(), face.DeferredQueue()
    lock.acquire()
    lock.run(same, [1])
    lock.acquire().addErrback(handled).cancel()
    lock.release()
    queue.put([1])
    queue.get()
    queue.get()
    queue.put([2])
    face.DeferredSemaphore(2).run(same, [3])


def timing_out(face: ModuleType) -> None:
    """Timeouts that come and that do not."""
    clock = Clock()
    face.Deferred().addTimeout(1, clock).addErrback(handled)
    face.Deferred().addTimeout(2, clock).callback([1])
    clock.advance(1)


def calling(face: ModuleType) -> None:
    """maybeDeferred and execute."""
    face.maybeDeferred(same, [1])
    face.maybeDeferred(lambda: 1 / 0).addErrback(handled)
    face.execute(same, value=[2])


def looking(face: ModuleType) -> None:
    """Everything that can be read and set."""
    deferred = face.succeed([1])
    deferred.note = str(deferred) + repr(deferred)
    deferred.result = [2]
    names = [name for name in dir(deferred) if not name.startswith("__") and name != "callbacks"]
    for name in names[:40]:
        getattr(deferred, name)
    del deferred.result


def subclassing(face: ModuleType) -> None:
    """Instances of a subclass."""
    kind = subclass(face)
    kind("extra").addCallback(same).callback([1])


_subclasses: dict[ModuleType, Any] = {}


def subclass(face: ModuleType) -> Any:
    """Give a subclass, which is made once."""
    if face not in _subclasses:

        class Sub(face.Deferred):  # type: ignore[misc, name-defined]
            def __init__(self, extra: Any) -> None:
                super().__init__()
                self.extra = [extra, self]

            def callback(self, result: Any) -> None:
                super().callback(result)

        _subclasses[face] = Sub
    return _subclasses[face]


def circling(face: ModuleType) -> None:
    """Cycles, which only the collector can end."""
    deferred = face.Deferred()
    deferred.addCallback(same, deferred)
    deferred.own = deferred


OPERATIONS = [
    *(firing, adding, forgetting, waiting, taking, failing, cancelling, pausing, firing_twice, refusing),
    *(
        combining,
        generating,
        awaiting,
        abandoning,
        locking,
        timing_out,
        calling,
        looking,
        subclassing,
        circling,
    ),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_operations_leave_no_objects_and_no_memory(face: ModuleType, operation: Operation) -> None:
    """After any number of operations there is as much as before."""
    for _ in range(200):
        operation(face)
    blocks, objects = measure()
    for _ in range(TIMES):
        operation(face)
    blocks_after, objects_after = measure()
    assert objects_after - objects < SPARE
    assert blocks_after - blocks < SPARE


def test_the_measurement_sees_deferreds_that_are_kept(face: ModuleType) -> None:
    """The measure itself: Deferreds that are kept are counted."""
    kept = [face.Deferred() for _ in range(10)]
    blocks, objects = measure()
    # Some are made in the memory of others that have ended, which is counted already.
    kept += [face.Deferred() for _ in range(2 * SPARE)]
    blocks_after, objects_after = measure()
    assert objects_after - objects >= SPARE
    assert blocks_after - blocks >= SPARE
    assert outcome(kept[0].addCallback(same)) == "unfired"


def references(face: ModuleType) -> tuple[int, ...]:
    """Count the references to what every Deferred uses, which no count of objects shows."""
    shared = (None, True, False, face.Deferred, face.DeferredList, same, handled, ())
    return tuple(sys.getrefcount(item) for item in shared)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_reference_counts_of_immortal_objects_do_not_change(face: ModuleType, operation: Operation) -> None:
    """Objects that live for ever keep their counts, where they have one."""
    for _ in range(200):
        operation(face)
    gc.collect()
    before = references(face)
    for _ in range(1000):
        operation(face)
    gc.collect()
    assert all(abs(after - count) < 100 for after, count in zip(references(face), before, strict=True))
