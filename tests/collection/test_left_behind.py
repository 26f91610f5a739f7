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


def firing(api: ModuleType) -> None:
    """Callbacks, then the result."""
    deferred = api.Deferred()
    deferred.addCallback(same, 1).addErrback(handled).addBoth(same, key=2)
    deferred.addCallbacks(same, handled, (1,), {"k": 2}, (3,), {"l": 4})
    deferred.callback([1])


def adding(api: ModuleType) -> None:
    """The result, then callbacks."""
    deferred = api.succeed([1])
    deferred.addCallback(same, 1).addErrback(handled).addBoth(same, key=2)


def forgetting(api: ModuleType) -> None:
    """Deferreds that never fire."""
    api.Deferred(same).addCallback(same, [1], key=[2]).addErrback(handled, [3])


def waiting(api: ModuleType) -> None:
    """A Deferred that waits for another."""
    inner = api.Deferred()
    outer = api.succeed(None).addCallback(lambda _: inner)
    inner.callback([1])
    outer.addCallback(same)


def taking(api: ModuleType) -> None:
    """A Deferred that takes the result of another."""
    api.succeed(None).addCallback(lambda _: api.succeed([1]))


def failing(api: ModuleType) -> None:
    """An exception that is handled."""
    api.succeed(None).addCallback(lambda _: 1 / 0).addErrback(handled)


def cancelling(api: ModuleType) -> None:
    """Cancellers of all kinds."""
    api.Deferred().addErrback(handled).cancel()
    api.Deferred(lambda d: d.callback([1])).cancel()
    outer = api.succeed(None).addCallback(lambda _: api.Deferred())
    outer.cancel()
    outer.addErrback(handled)


def pausing(api: ModuleType) -> None:
    """A pause over the firing."""
    deferred = api.Deferred().addCallback(same)
    deferred.pause()
    deferred.callback([1])
    deferred.unpause()


def firing_twice(api: ModuleType) -> None:
    """An error for who fires again."""
    deferred = api.succeed(1)
    try:
        deferred.callback(2)
    except Exception:
        deferred.addCallback(same)


def refusing(api: ModuleType) -> None:
    """Calls with wrong arguments."""
    deferred = api.Deferred()
    for wrong in (deferred.addCallback, deferred.callback, deferred.addCallbacks, api.succeed, api.race):
        try:
            wrong()
        except TypeError:
            continue
        raise AssertionError("taken")


def combining(api: ModuleType) -> None:
    """Lists and races."""
    members = [api.Deferred(), api.Deferred()]
    api.DeferredList(members)
    api.gatherResults(members).addBoth(same)
    api.race([api.Deferred(), api.succeed([1])])
    for member in members:
        member.callback([2])


def generating(api: ModuleType) -> None:
    """Generators that wait and do not, and fail."""
    waited = api.Deferred()

    def flow() -> Steps:
        yield api.succeed([1])
        yield waited
        raise Oops

    api.inlineCallbacks(flow)().addErrback(handled)
    waited.callback([2])


def awaiting(api: ModuleType) -> None:
    """Coroutines that wait and do not, and fail."""
    waited = api.Deferred()

    async def flow() -> Any:
        await api.succeed([1])
        await waited
        raise Oops

    api.ensureDeferred(flow()).addErrback(handled)
    waited.callback([2])


def abandoning(api: ModuleType) -> None:
    """Generators and coroutines that never go on."""

    def generator() -> Steps:
        yield api.Deferred()

    async def coroutine() -> Any:
        await api.Deferred()

    api.inlineCallbacks(generator)()
    api.ensureDeferred(coroutine())
    api.inlineCallbacks(generator)().addErrback(handled).cancel()


def locking(api: ModuleType) -> None:
    """Locks, semaphores and queues."""
    lock, queue = api.DeferredLock(), api.DeferredQueue()
    lock.acquire()
    lock.run(same, [1])
    lock.acquire().addErrback(handled).cancel()
    lock.release()
    queue.put([1])
    queue.get()
    queue.get()
    queue.put([2])
    api.DeferredSemaphore(2).run(same, [3])


def timing_out(api: ModuleType) -> None:
    """Timeouts that come and that do not."""
    clock = Clock()
    api.Deferred().addTimeout(1, clock).addErrback(handled)
    api.Deferred().addTimeout(2, clock).callback([1])
    clock.advance(1)


def calling(api: ModuleType) -> None:
    """maybeDeferred and execute."""
    api.maybeDeferred(same, [1])
    api.maybeDeferred(lambda: 1 / 0).addErrback(handled)
    api.execute(same, value=[2])


def looking(api: ModuleType) -> None:
    """Everything that can be read and set."""
    deferred = api.succeed([1])
    deferred.note = str(deferred) + repr(deferred)
    deferred.result = [2]
    names = [name for name in dir(deferred) if not name.startswith("__") and name != "callbacks"]
    for name in names[:40]:
        getattr(deferred, name)
    del deferred.result


def subclassing(api: ModuleType) -> None:
    """Instances of a subclass."""
    kind = subclass(api)
    kind("extra").addCallback(same).callback([1])


_subclasses: dict[ModuleType, Any] = {}


def subclass(api: ModuleType) -> Any:
    """Give a subclass, which is made once."""
    if api not in _subclasses:

        class Sub(api.Deferred):  # type: ignore[misc, name-defined]
            def __init__(self, extra: Any) -> None:
                super().__init__()
                self.extra = [extra, self]

            def callback(self, result: Any) -> None:
                super().callback(result)

        _subclasses[api] = Sub
    return _subclasses[api]


def circling(api: ModuleType) -> None:
    """Cycles, which only the collector can end."""
    deferred = api.Deferred()
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
def test_operations_leave_no_objects_and_no_memory(api: ModuleType, operation: Operation) -> None:
    """After any number of operations there is as much as before."""
    for _ in range(200):
        operation(api)
    blocks, objects = measure()
    for _ in range(TIMES):
        operation(api)
    blocks_after, objects_after = measure()
    assert objects_after - objects < SPARE
    assert blocks_after - blocks < SPARE


def test_the_measurement_sees_deferreds_that_are_kept(api: ModuleType) -> None:
    """The measure itself: Deferreds that are kept are counted."""
    kept = [api.Deferred() for _ in range(10)]
    blocks, objects = measure()
    # Some are made in the memory of others that have ended, which is counted already.
    kept += [api.Deferred() for _ in range(2 * SPARE)]
    blocks_after, objects_after = measure()
    assert objects_after - objects >= SPARE
    assert blocks_after - blocks >= SPARE
    assert outcome(kept[0].addCallback(same)) == "unfired"


def references(api: ModuleType) -> tuple[int, ...]:
    """Count the references to what every Deferred uses, which no count of objects shows."""
    shared = (None, True, False, api.Deferred, api.DeferredList, same, handled, ())
    return tuple(sys.getrefcount(item) for item in shared)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_reference_counts_of_immortal_objects_do_not_change(api: ModuleType, operation: Operation) -> None:
    """Objects that live for ever keep their counts, where they have one."""
    for _ in range(200):
        operation(api)
    gc.collect()
    before = references(api)
    for _ in range(1000):
        operation(api)
    gc.collect()
    assert all(abs(after - count) < 100 for after, count in zip(references(api), before, strict=True))
